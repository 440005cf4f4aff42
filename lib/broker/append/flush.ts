/**
 * Composing a flush: which waiting units go into one object, and which of them share a commit.
 *
 * Units of one ledger share a commit, in the order in which they came. A unit with an expected offset gets a commit of
 * its own, so that its refusal is nobody else's. A commit has only so many producers, because each of them is a
 * condition.
 */
import { ledgerName } from '../../kernel/ids.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { producerLimits } from '../../kernel/limits/producers.ts';
import type { BatchRun } from '../../log/segment/layout.ts';
import type { Unit } from './unit.ts';

/** The units of one commit; at least one. */
export interface Batch {
  units: Unit[];
  conditional: boolean;
}

interface OpenBatch extends Batch {
  producers: Set<string>;
}

/** Takes from the front of `queue` what one flush may hold, and groups it. At least one unit if any is there. */
export function takeFlush(queue: Unit[]): Batch[] {
  const batches: Batch[] = [];
  const open = new Map<string, OpenBatch>();
  let bytes = 0;
  let taken = 0;
  for (const unit of queue) {
    if (taken > 0 && bytes + unit.run.bytes > produceLimits.flushBytesMax) break;
    const name = ledgerName(unit.ledger);
    const shared = unit.expectedOffset === undefined ? open.get(name) : undefined;
    if (shared !== undefined && hasRoom(shared, unit)) {
      shared.units.push(unit);
      if (unit.sequence !== undefined) shared.producers.add(unit.sequence.producer);
    } else {
      if (batches.length === produceLimits.partsPerObjectMax) break;
      const producers = new Set(unit.sequence === undefined ? [] : [unit.sequence.producer]);
      const batch = { units: [unit], conditional: unit.expectedOffset !== undefined, producers };
      batches.push(batch);
      // What comes after a conditional unit of the ledger must get its offsets after it.
      if (batch.conditional) open.delete(name);
      else open.set(name, batch);
    }
    bytes += unit.run.bytes;
    taken++;
  }
  queue.splice(0, taken);
  return batches;
}

function hasRoom({ producers }: OpenBatch, { sequence }: Unit): boolean {
  if (sequence === undefined || producers.has(sequence.producer)) return true;
  return producers.size < producerLimits.producersPerCommitMax;
}

/** When nobody waits for the batch any more, by the monotonic clock. */
export function deadlineOf(batch: Batch): number {
  return Math.max(...batch.units.map((unit) => unit.deadlineMs));
}

/** The batch's runs by slot, in the order in which they get their offsets. */
export function slotsOf(batch: Batch): Map<number, BatchRun[]> {
  const slots = new Map<number, BatchRun[]>();
  for (const { slot, run } of batch.units) {
    const runs = slots.get(slot);
    if (runs === undefined) slots.set(slot, [run]);
    else runs.push(run);
  }
  return slots;
}
