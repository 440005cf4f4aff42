/** Records on their way to one partition, in one request. */
import { BATCH_OVERHEAD } from '../../log/record-batch/header.ts';
import type { MillraceClientError } from '../errors.ts';
import type { BufferedRecord } from './record.ts';

export class Batch {
  readonly records: BufferedRecord[] = [];
  /** At most what it takes encoded. */
  bytes = BATCH_OVERHEAD;
  /** When it was begun, by the monotonic clock: its delivery may take so long from here. */
  readonly createdMs: number;
  /** It may be sent: nothing more is waited for. */
  ready = false;
  /** Nothing more may be added: it is full, or on its way. */
  closed = false;
  /** An attempt of it may have been written. */
  maybeWritten = false;
  /** It was given sequences anew, in a new epoch. */
  renumbered = false;
  /** Why it is sent again. */
  lastError: MillraceClientError | undefined;
  /** Aborts when its lingering is over, one way or the other. */
  readonly lingered = new AbortController();

  constructor(createdMs: number) {
    this.createdMs = createdMs;
  }

  add(record: BufferedRecord): void {
    this.records.push(record);
    this.bytes += record.bytes;
  }

  /** Both halves of a batch of several records, in order. */
  halves(): [Batch, Batch] {
    const half = this.records.length >> 1;
    return [this.part(0, half), this.part(half)];
  }

  private part(start: number, end?: number): Batch {
    const part = new Batch(this.createdMs);
    for (const record of this.records.slice(start, end)) part.add(record);
    part.ready = true;
    part.closed = true;
    part.renumbered = this.renumbered;
    return part;
  }
}
