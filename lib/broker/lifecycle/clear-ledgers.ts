/**
 * Deletes what merging and compaction have left behind, ledger by ledger of all topics: pages that are merged, and what was
 * condemned.
 *
 * May overlap with itself and be interrupted anywhere. The item `clearing` / `progress` has in `from` the topic with which
 * the next round is to begin, where the last one was told to stop; so that however little time a round has, every topic has
 * its turn.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { limits } from '../../kernel/limits.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import { lifecycleKey } from '../../log/merged/lifecycle-item.ts';
import { TOPIC_DIRECTORY } from '../../log/topic/topic-item.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { clearCondemned } from './clear-condemned.ts';
import { retirePages } from './retire-pages.ts';

const PROGRESS: ItemKey = { pk: 'clearing', sk: 'progress' };

export interface ClearingReport {
  ledgers: number;
  pages: number;
  objects: number;
  /** Ledgers that storage failed for; they have their turn in the next round. */
  failed: number;
}

export async function clearLedgers(broker: Broker, { signal }: { signal?: AbortSignal } = {}): Promise<ClearingReport> {
  const { metadata } = broker;
  const report: ClearingReport = { ledgers: 0, pages: 0, objects: 0, failed: 0 };
  const begun = (await metadata.get(PROGRESS, 'strong'))?.['from'];
  const stoppedAt = await clearFrom(broker, typeof begun === 'string' ? begun : '', { signal, report });
  if (stoppedAt !== undefined) {
    await metadata.write([{ kind: 'put', key: PROGRESS, attributes: { from: stoppedAt } }]);
  } else if (begun !== undefined) {
    await metadata.write([{ kind: 'delete', key: PROGRESS }]);
  }
  return report;
}

/** The topic at which it was stopped; `undefined` where it came to the end. */
async function clearFrom(
  broker: Broker,
  first: string,
  { signal, report }: { signal: AbortSignal | undefined; report: ClearingReport },
): Promise<string | undefined> {
  for (let from: string | undefined = first; from !== undefined; ) {
    const page: QueryPage = await broker.metadata.query({
      pk: TOPIC_DIRECTORY,
      ...(from !== '' && { from }),
      limit: limits.listPageMax,
      consistency: 'strong',
    });
    for (const { key } of page.items) {
      for (const ledgers of chunked(await ledgersNamed(broker, key.sk), limits.ledgersClearedInFlightMax)) {
        if (signal?.aborted === true) return key.sk;
        await mapBounded(ledgers, limits.ledgersClearedInFlightMax, (ledger) => clear(broker, ledger, signal, report));
      }
    }
    from = page.next;
  }
  return undefined;
}

async function ledgersNamed(broker: Broker, name: string): Promise<LedgerId[]> {
  try {
    return ledgersOf(await broker.topics.get(name));
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return [];
    throw error;
  }
}

async function clear(
  broker: Broker,
  ledger: LedgerId,
  signal: AbortSignal | undefined,
  report: ClearingReport,
): Promise<void> {
  report.ledgers++;
  try {
    // Of a ledger that was never merged there is nothing to clear.
    if ((await broker.metadata.get(lifecycleKey(ledger), 'eventual')) === undefined) return;
    const { pages, objects } = await retirePages(broker, ledger);
    report.pages += pages;
    report.objects += objects + (await clearCondemned(broker, ledger, signal));
  } catch (error) {
    // One ledger must not keep those behind it from their turn.
    if (!(error instanceof MillraceError)) throw error;
    report.failed++;
    broker.log.warn('A ledger could not be cleared; the next round looks again', { ...ledger, error });
  }
}
