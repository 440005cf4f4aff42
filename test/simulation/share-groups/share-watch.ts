/**
 * Looks at the share partition's item right after each write of the table, record by record, and notes what must never
 * be: a record that is taken from who has it locked, that comes back after it was done with, that is delivered too
 * often, or passed over.
 */

import {
  endOffset,
  isDone,
  type Run,
  type SharePartition,
} from '../../../lib/coordination/share-groups/share-partition.ts';
import {
  decodeSharePartition,
  type SharePartitionId,
  sharePartitionKey,
} from '../../../lib/coordination/share-groups/share-partition-item.ts';
import type { WrittenItem } from '../table-watch.ts';

/** By how much two clocks may be apart: that of who has locked a record, and that of who finds the lock over. */
const CLOCKS_APART_MS = 1_000;

export class ShareWatch {
  readonly violations: string[] = [];
  /** `<offset> <member> <deliveries>` of all that was ever acquired. */
  readonly acquired = new Set<string>();
  /** How often each offset was. */
  readonly deliveries = new Map<number, number>();
  partition: SharePartition | undefined;
  writes = 0;
  private readonly key: string;
  private readonly nowMs: () => number;
  private readonly deliveriesMax: number;

  constructor(id: SharePartitionId, { nowMs, deliveriesMax }: { nowMs: () => number; deliveriesMax: number }) {
    this.key = sharePartitionKey(id).sk;
    this.nowMs = nowMs;
    this.deliveriesMax = deliveriesMax;
  }

  note(written: readonly WrittenItem[]): void {
    for (const { key, item } of written) {
      if (key.sk !== this.key || item === undefined) continue;
      const { partition } = decodeSharePartition(item);
      this.writes++;
      // The group begins at the start of the log.
      this.compare(this.partition ?? { startOffset: 0, runs: [] }, partition);
      this.partition = partition;
    }
  }

  isDone(offset: number): boolean {
    if (this.partition === undefined) return false;
    const run = at(this.partition, offset);
    return offset < this.partition.startOffset || (run !== undefined && isDone(run));
  }

  private compare(before: SharePartition, after: SharePartition): void {
    if (after.startOffset < before.startOffset) this.violations.push(`the start goes back to ${after.startOffset}`);
    if (endOffset(after) < endOffset(before)) this.violations.push(`the end goes back to ${endOffset(after)}`);
    for (let offset = before.startOffset; offset < endOffset(after) || offset < after.startOffset; offset++) {
      const fault = this.step(offset, at(before, offset), offset < after.startOffset ? 'done' : at(after, offset));
      if (fault !== undefined) this.violations.push(`record ${offset} ${fault}`);
    }
  }

  /** `after`: `done` where it lies before the start now. */
  private step(offset: number, before: Run | undefined, after: Run | 'done' | undefined): string | undefined {
    const isNowDone = after === 'done' || (after !== undefined && isDone(after));
    if (before !== undefined && isDone(before)) {
      return after === 'done' || after?.state === before.state ? undefined : 'comes back';
    }
    if (before === undefined || before.state === 'available') {
      if (isNowDone) return 'is passed over';
      return after?.state === 'acquired' ? this.acquire(offset, before, after) : undefined;
    }
    return isNowDone || after?.state !== 'acquired' ? undefined : this.stillAcquired(offset, before, after);
  }

  private stillAcquired(offset: number, before: Run, after: Run): string | undefined {
    const [held, now] = [before.lock, after.lock];
    if (held?.memberId === now?.memberId && before.deliveries === after.deliveries) return undefined;
    const earlyMs = (held?.untilMs ?? 0) - this.nowMs();
    if (held?.memberId !== now?.memberId && earlyMs > CLOCKS_APART_MS) {
      return `is taken from ${held?.memberId} by ${now?.memberId} ${earlyMs} ms too early`;
    }
    return this.acquire(offset, before, after);
  }

  private acquire(offset: number, before: Run | undefined, after: Run): string | undefined {
    this.acquired.add(`${offset} ${after.lock?.memberId} ${after.deliveries}`);
    const times = (this.deliveries.get(offset) ?? 0) + 1;
    this.deliveries.set(offset, times);
    if (times > this.deliveriesMax) return `is delivered for the ${times}th time`;
    return after.deliveries === (before?.deliveries ?? 0) + 1 ? undefined : 'is delivered without being counted';
  }
}

function at({ runs }: SharePartition, offset: number): Run | undefined {
  return runs.find(({ first, end }) => first <= offset && offset < end);
}
