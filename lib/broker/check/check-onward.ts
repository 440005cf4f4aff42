/**
 * The consistency check as a chore: a bounded piece of the walk, from where the last one ended, in whichever process. A
 * walk that has come to its end is followed by a new one, at most once a day. What it finds to be needed by nothing
 * goes to the sweeper (sweep-found.ts), and is reported only where that cannot delete it.
 *
 * The item `check` / `progress`: `startedMs` (number), when the walk began; `place` (string), where it goes on, as
 * JSON; absent = it has come to its end. Two at once do the same steps twice and report the same twice.
 */
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import type { TableScan } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { sweepFound } from '../sweep/sweep-found.ts';
import { Check, type CheckPlace } from './check.ts';
import type { Finding } from './finding.ts';

const PROGRESS: ItemKey = { pk: 'check', sk: 'progress' };

interface Progress {
  startedMs: number;
  place?: CheckPlace;
}

export interface CheckedOnward {
  steps: number;
  /** Without what was swept. */
  findings: number;
  /** Objects and items that the first look of the sweeper had missed, and that were deleted. */
  swept: number;
  unjudged: number;
}

/** The signal stops it before the next step, with which the next one begins. */
export async function checkOnward(broker: Broker, table: TableScan, signal?: AbortSignal): Promise<CheckedOnward> {
  const nowMs = broker.clock.now();
  const before = progressIn(await broker.metadata.get(PROGRESS, 'strong'));
  const checked = { steps: 0, findings: 0, swept: 0, unjudged: 0 };
  const isOver = before !== undefined && before.place === undefined;
  if (isOver && nowMs - before.startedMs < checkLimits.checkIntervalMs) return checked;
  const startedMs = before === undefined || isOver ? nowMs : before.startedMs;
  const check = new Check({ broker, table });
  let place = before?.place;
  while (checked.steps < checkLimits.checkStepsPerRun) {
    if (signal?.aborted === true) break;
    const step = await stepOrRewind(broker, check, { startedMs, ...(place && { place }) });
    checked.steps++;
    const { left, objects, items } = await sweepFound(broker, step.findings);
    checked.findings += left.length;
    checked.swept += objects + items;
    for (const finding of left) report(broker, finding);
    place = step.next;
    await note(broker, { startedMs, ...(place && { place }) });
    if (place === undefined) break;
  }
  checked.unjudged = check.counts.unjudged;
  if (checked.steps > 0) broker.meter.maintained({ checkFindings: checked.findings, sweptObjects: checked.swept });
  return checked;
}

/** A cursor that the store no longer takes must not hold the walk up for ever: the part is begun anew. */
async function stepOrRewind(broker: Broker, check: Check, { startedMs, place }: Progress) {
  try {
    return await check.step(place);
  } catch (error) {
    if (error instanceof MillraceError && place !== undefined && 'cursor' in place) {
      const { cursor: _, ...beginning } = place;
      await note(broker, { startedMs, place: beginning });
    }
    throw error;
  }
}

async function note({ metadata }: Broker, { startedMs, place }: Progress): Promise<void> {
  const attributes: Attributes = { startedMs, ...(place && { place: JSON.stringify(place) }) };
  await metadata.write([{ kind: 'put', key: PROGRESS, attributes }]);
}

function report({ log }: Broker, { severity, what, ...finding }: Finding): void {
  const facts = { ...finding, severity };
  if (severity === 'waste') log.warn(`The consistency check: ${what}`, facts);
  else log.error(`The consistency check: ${what}`, facts);
}

function progressIn(item: Attributes | undefined): Progress | undefined {
  if (item === undefined) return undefined;
  const { startedMs, place } = item;
  assert(typeof startedMs === 'number', 'the progress of the check has a beginning');
  assert(place === undefined || typeof place === 'string', 'the place of the check is text');
  return place === undefined ? { startedMs } : { startedMs, place: JSON.parse(place) as CheckPlace };
}
