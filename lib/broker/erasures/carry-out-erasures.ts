/**
 * Carries erasures out, the oldest first: how far each reaches is fixed, its ledgers are merged and rewritten one after
 * the other, and what they leave behind is deleted (docs/erasure.md). Each step may be cut off, run twice and overlap
 * with itself; where an erasure has come is in its items.
 */
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { decodeErasure, ERASURES, type Erasure, planErasureChange } from '../../log/erasure/erasure-item.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { clearErasure } from './clear-erasure.ts';
import { topicsToErase } from './create-erasure.ts';
import { describe } from './describe-erasure.ts';
import { eraseLedger } from './erase-ledger.ts';
import { findErasure, ledgersOfErasure } from './erasure-records.ts';
import { fixExtents } from './fix-extents.ts';

export interface ErasuresReport {
  /** That were not done. */
  erasures: number;
  /** That are now. */
  finished: number;
  /** That storage failed for; they have their turn again. */
  failed: number;
}

/** `signal` ends it early: what is left is the next one's. */
export async function carryOutErasures(
  broker: Broker,
  { signal }: { signal?: AbortSignal } = {},
): Promise<ErasuresReport> {
  const report: ErasuresReport = { erasures: 0, finished: 0, failed: 0 };
  for (let from: string | undefined = ''; from !== undefined; ) {
    const page: QueryPage = await broker.metadata.query({
      pk: ERASURES,
      ...(from !== '' && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    for (const { key, attributes } of page.items) {
      if (signal?.aborted === true) return report;
      const erasure = decodeErasure(key.sk, attributes);
      if (erasure.state === 'done') continue;
      report.erasures++;
      try {
        if (await carryOn(broker, erasure, signal)) report.finished++;
      } catch (error) {
        // One erasure must not keep those behind it from their turn.
        if (!(error instanceof MillraceError)) throw error;
        report.failed++;
        tellUnfinished(broker, erasure.id, error);
      }
    }
    from = page.next;
  }
  return report;
}

/**
 * Goes on with one. Whether all is done of it that can be done now: what must wait for readers, and what something
 * keeps from its end, is for a later round. Never rejects for what storage does.
 */
export async function carryOutErasure(broker: Broker, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    const found = await findErasure(broker, id);
    if (found === undefined || found.state === 'done') return true;
    await carryOn(broker, found, signal);
    const erasure = await findErasure(broker, id);
    if (erasure === undefined) return true;
    const { phase, problems } = describe(erasure, await ledgersOfErasure(broker, id));
    return phase !== 'running' || problems.length > 0;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    tellUnfinished(broker, id, error);
    return false;
  }
}

function tellUnfinished({ log }: Broker, erasure: string, error: MillraceError): void {
  log.warn('An erasure is not finished; the next round goes on', { erasure, error });
}

/** Whether it is done. */
async function carryOn(broker: Broker, found: Erasure, signal?: AbortSignal): Promise<boolean> {
  let erasure: Erasure | undefined = found;
  if (erasure.state === 'fixing') {
    // Who asked for it has crashed, or is still at it.
    const topics = await topicsToErase(broker, erasure.topics, { missing: 'left out' });
    await fixExtents(broker, erasure, topics);
    erasure = await findErasure(broker, erasure.id);
  }
  if (erasure?.state === 'erasing') {
    if (!(await erase(broker, erasure, signal))) return false;
    await writeRepeatedly(broker.metadata, [
      planErasureChange(erasure, { state: 'clearing', erasedMs: broker.clock.now() }),
    ]);
    erasure = await findErasure(broker, erasure.id);
  }
  if (erasure?.state !== 'clearing' || broker.clock.now() < erasure.nextMs) return false;
  return clearErasure(broker, erasure, signal);
}

/** Whether all of its ledgers are done with. */
async function erase(broker: Broker, { id, subject }: Erasure, signal?: AbortSignal): Promise<boolean> {
  assert(subject !== undefined, `the erasure ${id} has its subject until it is done`);
  let isAll = true;
  for (const ledger of await ledgersOfErasure(broker, id)) {
    if (ledger.done) continue;
    if (signal?.aborted === true) return false;
    isAll = (await eraseLedger(broker, { id, subject, ...(signal && { signal }) }, ledger)) && isAll;
  }
  return isAll;
}
