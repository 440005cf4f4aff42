/** What was asked and answered in a simulated world; the checkers judge it against the log at the end. */
import type { Effect, ErrorCode } from '../../lib/kernel/errors.ts';

/** One produce request of one writer to one partition. Values are unique in the world. */
export interface ProduceEvent {
  writer: string;
  topic: string;
  partition: number;
  values: string[];
  /** Order of asking, over the whole world. */
  askedAt: number;
  expectedOffset?: number;
  answer:
    | { kind: 'acked'; baseOffset: number; answeredAt: number }
    | { kind: 'failed'; code: ErrorCode; effect: Effect; answeredAt: number }
    /** The writer crashed, or the world ended, before the answer. */
    | { kind: 'none' };
}

/** One fetch of one reader. */
export interface FetchEvent {
  reader: string;
  topic: string;
  partition: number;
  offset: number;
  askedAt: number;
  answer:
    | { kind: 'records'; values: { offset: number; value: string }[]; nextOffset: number; highWatermark: number }
    | { kind: 'outOfRange'; highWatermark: number }
    | { kind: 'failed'; code: string }
    | { kind: 'none' };
}

export interface LatestEvent {
  reader: string;
  topic: string;
  partition: number;
  askedAt: number;
  latest: number;
}

/** One partition as a fresh process reads it at the end, without faults. */
export interface FinalPartition {
  topic: string;
  partition: number;
  highWatermark: number;
  values: { offset: number; value: string }[];
  /** Why it could not be read to its end. */
  failure?: string;
}

export class History {
  readonly produces: ProduceEvent[] = [];
  readonly fetches: FetchEvent[] = [];
  readonly latests: LatestEvent[] = [];
  readonly finals: FinalPartition[] = [];
  /** Objects that no ledger has, after the last sweep. */
  orphans: string[] = [];
  private moment = 0;

  /** A moment later than all before. */
  tick(): number {
    return this.moment++;
  }
}
