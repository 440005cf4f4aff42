/** What was asked and answered in a simulated world; the checkers judge it against the log at the end. */
import type { ProducerIdentity } from '../../lib/coordination/transactions/transactional-item.ts';
import type { Effect, ErrorCode } from '../../lib/kernel/errors.ts';
import type { TopicId } from '../../lib/kernel/ids.ts';
import { ReplicationHistory } from './replication-history.ts';

/** One produce request of one writer to one partition. Values are unique in the world. */
export interface ProduceEvent {
  writer: string;
  topic: string;
  partition: number;
  values: string[];
  /** Order of asking, over the whole world. */
  askedAt: number;
  expectedOffset?: number;
  /** All, where absent: an ack of the leader alone may be undone by an election. */
  acks?: 'leader';
  /** Of the topic that the call was last told to be behind the name; absent where it was told of none. */
  topicId?: TopicId;
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
  /** Absent where there was no answer. */
  answeredAt?: number;
  /** As a writer's. */
  topicId?: TopicId;
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
  answeredAt: number;
  latest: number;
}

/** One creation or deletion of a topic, or one strong look at it. */
export interface TopicEvent {
  process: string;
  action: 'create' | 'delete' | 'look';
  topic: string;
  askedAt: number;
  /** Infinite where the process crashed before the answer. */
  answeredAt: number;
  answer: /** `topicId` of a creation, and of a look that found the topic. */
  { kind: 'done'; topicId?: TopicId } | { kind: 'failed'; code: ErrorCode; effect: Effect } | { kind: 'none' };
}

/** What happens to topics that are created and deleted all the time, apart from the log that stays. */
export class PassingHistory {
  readonly topics: TopicEvent[] = [];
  readonly produces: ProduceEvent[] = [];
  readonly fetches: FetchEvent[] = [];
  /** Of deleted topics, once nothing is under way and their deletions are finished. */
  leftOver: string[] = [];
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

/** Records of an idempotent producer that were sent, perhaps several times and by several processes, as one batch. */
export interface SequencedBatch {
  producer: string;
  epoch: number;
  firstSequence: number;
  /** Its answer is of all attempts together: failed without effect only where all of them are. */
  event: ProduceEvent;
  /** Attempts that were made, and those that were answered with effect none. */
  asked: number;
  withoutEffect: number;
  /** The offsets that attempts were answered with. */
  offsets: number[];
  /** An attempt was told that the records are in the log, where nobody knows any more. */
  writtenBefore: boolean;
}

/** One transaction, however often it was sent. */
export interface TransactionEvent {
  /** Unique; the metadata of its offsets. */
  name: string;
  transactionalId: string;
  epoch: number;
  number: number;
  /** One for each partition, with all records that the transaction brings to it. */
  produces: ProduceEvent[];
  offsets: { group: string; topic: string; partition: number; offset: number }[];
  /** Aborted: for sure, so that nothing of it may ever be there. */
  outcome: 'committed' | 'aborted' | 'unknown';
  /** Attempts to commit it, and those that were answered with effect none. */
  asked: number;
  withoutEffect: number;
  /** Whose it is, where it is one of a client of Kafka's protocol, whose epoch goes up with the end. */
  producer?: ProducerIdentity;
  /** What each attempt that was answered was told, of each partition. */
  acks: { topic: string; partition: number; baseOffset: number }[][];
}

/** A transactional id was taken over. */
export interface Initialization {
  transactionalId: string;
  epoch: number;
  answeredAt: number;
}

/**
 * A client's end of a transaction was answered: what its producer was called before, and what it is called from then
 * on.
 */
export interface TransactionEnd {
  transaction: TransactionEvent;
  as: 'commit' | 'abort';
  before: ProducerIdentity;
  after: ProducerIdentity;
}

/** A write of the table that gave a producer its next epoch with the end of a transaction. */
export interface EpochRaise {
  moment: number;
  transactionalId: string;
  as: 'commit' | 'abort';
  before: ProducerIdentity;
  after: ProducerIdentity;
}

/** A client's end of a transaction was refused because the id was another's. */
export interface FencedEnd {
  transaction: TransactionEvent;
  answeredAt: number;
}

/** What the table held after a write of it, of what readers go by; by itself, as no process sees it. */
export type TableStep =
  | { kind: 'head'; moment: number; ledger: string; next: number[] }
  | { kind: 'offset'; moment: number; group: string; topic: string; partition: number; offset: number; name: string };

/** What idempotent and transactional producers did, apart from what their records share with all others. */
export class ProducerHistory {
  readonly batches: SequencedBatch[] = [];
  readonly transactions: TransactionEvent[] = [];
  readonly initializations: Initialization[] = [];
  readonly ends: TransactionEnd[] = [];
  readonly fencedEnds: FencedEnd[] = [];
  /** By the table itself. */
  readonly raises: EpochRaise[] = [];
  /** As well: other writes that raised the epoch of a transactional id. */
  readonly takeovers: { moment: number; transactionalId: string; epoch: number }[] = [];
  /** Every applied write of the table, in order. */
  readonly steps: TableStep[] = [];
  /** Producers that got an item of their own, or lost it to their ledger's head. */
  readonly moves = { out: 0, back: 0 };
  /** By topic and partition, `<topic>-<partition>`. */
  readonly places = new Map<string, { ledger: string; slot: number }>();
}

export class History {
  readonly producers = new ProducerHistory();
  readonly produces: ProduceEvent[] = [];
  readonly fetches: FetchEvent[] = [];
  readonly latests: LatestEvent[] = [];
  readonly finals: FinalPartition[] = [];
  readonly passing = new PassingHistory();
  readonly replication = new ReplicationHistory();
  /** Objects that no ledger has, after the last sweep. */
  orphans: string[] = [];
  private moment = 0;

  /** A moment later than all before. */
  tick(): number {
    return this.moment++;
  }
}

/** Returns the sentences that say how the history is not as it must be. */
export type Checker = (history: History) => string[];
