/** A share partition record by record: what the one in lib does with runs, as plainly as it can be said. */
import type { AcknowledgementBatch, AcknowledgeType } from '../../../lib/coordination/share-groups/acknowledge.ts';
import type { RecordState, Run, SharePartition } from '../../../lib/coordination/share-groups/share-partition.ts';

export interface NaiveRecord {
  state: RecordState;
  deliveries: number;
  memberId?: string;
  untilMs?: number;
}

export class NaiveSharePartition {
  start: number;
  end: number;
  readonly records = new Map<number, NaiveRecord>();
  /** For ever: how often each offset was delivered, and what became of it. */
  readonly delivered = new Map<number, number>();
  readonly accepted = new Set<number>();
  readonly deliveriesMax: number;

  constructor(start: number, deliveriesMax: number) {
    this.start = start;
    this.end = start;
    this.deliveriesMax = deliveriesMax;
  }

  unlock(nowMs: number): void {
    for (const record of this.records.values()) if ((record.untilMs ?? Infinity) <= nowMs) this.release(record);
    this.advance();
  }

  releaseOf(memberId: string): void {
    for (const record of this.records.values()) if (record.memberId === memberId) this.release(record);
    this.advance();
  }

  /** Whether it was taken; nothing is changed where not. */
  acknowledge(memberId: string, batches: readonly AcknowledgementBatch[], renewedUntilMs: number): boolean {
    const said = new Map<number, AcknowledgeType>();
    for (const { firstOffset, lastOffset, types } of batches) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        if (offset < this.start) continue;
        if (said.has(offset) || this.records.get(offset)?.memberId !== memberId) return false;
        said.set(offset, types[types.length === 1 ? 0 : offset - firstOffset] as AcknowledgeType);
      }
    }
    for (const [offset, type] of said) this.settle(offset, type, renewedUntilMs);
    this.advance();
    return true;
  }

  /** What the one in lib has chosen: checked to be what may be given. */
  take(
    offset: number,
    deliveries: number,
    { memberId, untilMs }: { memberId: string; untilMs: number },
  ): string | undefined {
    const before = this.records.get(offset);
    if (offset < this.start) return `${offset} is done with`;
    if (before !== undefined && before.state !== 'available') return `${offset} is ${before.state}`;
    if (deliveries !== (before?.deliveries ?? 0) + 1) return `${offset} is delivered another time than said`;
    if (deliveries > this.deliveriesMax) return `${offset} is delivered too often`;
    this.records.set(offset, { state: 'acquired', deliveries, memberId, untilMs });
    this.delivered.set(offset, (this.delivered.get(offset) ?? 0) + 1);
    for (let gap = this.end; gap < offset; gap++) this.records.set(gap, { state: 'archived', deliveries: 0 });
    this.end = Math.max(this.end, offset + 1);
    return undefined;
  }

  /** Records that are not there any more. */
  archive(first: number, end: number): void {
    for (let offset = Math.max(first, this.start); offset < end; offset++) {
      const record = this.records.get(offset);
      if (record === undefined || record.state === 'available')
        this.records.set(offset, { state: 'archived', deliveries: 0 });
    }
    this.end = Math.max(this.end, end);
    this.advance();
  }

  advance(): void {
    while (this.start < this.end) {
      const state = this.records.get(this.start)?.state;
      if (state !== 'acknowledged' && state !== 'archived') break;
      this.records.delete(this.start);
      this.start += 1;
    }
  }

  private settle(offset: number, type: AcknowledgeType, renewedUntilMs: number): void {
    const record = this.records.get(offset) as NaiveRecord;
    if (type === 'renew') record.untilMs = renewedUntilMs;
    else if (type === 'release') this.release(record);
    else {
      if (type === 'accept') this.accepted.add(offset);
      this.records.set(offset, { state: type === 'accept' ? 'acknowledged' : 'archived', deliveries: 0 });
    }
  }

  private release(record: NaiveRecord): void {
    delete record.memberId;
    delete record.untilMs;
    const isLast = record.deliveries >= this.deliveriesMax;
    Object.assign(record, isLast ? { state: 'archived', deliveries: 0 } : { state: 'available' });
  }
}

/** The records of the runs, to compare. */
export function recordsOf({ runs }: SharePartition): [number, NaiveRecord][] {
  return runs.flatMap((run) =>
    Array.from({ length: run.end - run.first }, (_, at): [number, NaiveRecord] => [run.first + at, contentOf(run)]),
  );
}

function contentOf({ state, deliveries, lock }: Run): NaiveRecord {
  return { state, deliveries, ...lock };
}
