/**
 * What the members of a group asked and were told, and what the table held meanwhile; the checkers judge the one by the
 * other.
 */
import type { Seat } from '../../../lib/coordination/groups/seat.ts';
import type { Target } from '../../../lib/coordination/groups/target-item.ts';
import type { Effect, ErrorCode } from '../../../lib/kernel/errors.ts';
import type { TopicId } from '../../../lib/kernel/ids.ts';

export const GROUP = 'g';

/** `<topic id>:<partition>`, which a topic that was created anew does not share with the one before. */
export type PartitionName = string;

/** For as long as a member's item said that the partition is its own. */
export interface Tenure {
  partition: PartitionName;
  seat: Seat;
  member: string;
  from: number;
  /** Infinite while it lasts. */
  until: number;
  /** What was committed when it began. */
  committed: number;
}

/** One offset of one applied write. */
export interface AppliedCommit {
  moment: number;
  partition: PartitionName;
  offset: number;
  /** The member whose item was in the same atomic write; absent: no member's was. */
  member?: string;
  metadata?: string;
  /** Those that had the partition before the write. */
  owners: { member: string; committed: number }[];
}

/** A member's item was deleted. */
export interface Removal {
  /** From when on the item was that member's; one that was removed may join again under its name. */
  since: number;
  moment: number;
  member: string;
  /** Nothing was written to the item after the join that made it. */
  untouched: boolean;
  /** The item, as it was, bore the mark of a suspect. */
  suspected: boolean;
  /** The item, as it was, had not followed some target that took something from the member. */
  overdue: boolean;
}

export interface WrittenTarget {
  moment: number;
  atMs: number;
  target: Target;
}

/** Some partition's records in one answer. */
export interface Delivery {
  client: string;
  member: string;
  partition: PartitionName;
  records: { offset: number; value: string }[];
  /** When the call was begun and ended at the server. */
  servedFrom: number;
  servedTo: number;
  /** Infinite where the client never got it. */
  receivedAt: number;
}

/** One answer to a poll, as the server gave it. */
export interface Answer {
  member: string;
  seat: Seat;
  /** When it was given. */
  moment: number;
  servedFromMs: number;
  servedToMs: number;
  revoked: { topic: string; partition: number }[];
  recordCount: number;
}

/** One commit that a client asked for, and one sending of it; its token is the metadata of its offsets. */
export interface CommitAsk {
  token: string;
  member: string;
  answer: { kind: 'done' } | { kind: 'failed'; code: ErrorCode; effect: Effect } | { kind: 'none' };
}

/** A poll, or a leave, that says what its member received; each sending of it says the same. */
export interface SentCursor {
  member: string;
  moment: number;
  positions: ReadonlyMap<PartitionName, number>;
}

/** How a partition was found at the end, when everything had come to rest or was given up waiting for. */
export interface FinalState {
  topic: string;
  partition: PartitionName;
  end: number;
  committed: number;
  owners: string[];
  values: string[];
}

export class GroupHistory {
  readonly tenures: Tenure[] = [];
  /** Sentences that name two owners of one moment. */
  readonly overlaps: string[] = [];
  readonly commits: AppliedCommit[] = [];
  readonly removals: Removal[] = [];
  /** Sentences about fences that hold again after they did not. */
  readonly returns: string[] = [];
  readonly targets: WrittenTarget[] = [];
  readonly deliveries: Delivery[] = [];
  readonly answers: Answer[] = [];
  readonly asks: CommitAsk[] = [];
  /** Those that are to commit what they say. */
  readonly cursors: SentCursor[] = [];
  /** Members that somebody asked to leave. */
  readonly left = new Set<string>();
  /** All members subscribe to the same topics, at any time. */
  equalSubscriptions = true;
  readonly topicNames = new Map<TopicId, string>();
  /** What is in the topic of outputs at the end, where members are transactional. */
  outputs: string[] | undefined;
  finals: FinalState[] = [];
  /** What happened otherwise, counted by name. */
  readonly counts = new Map<string, number>();
  private moment = 0;

  /** A moment later than all before. */
  tick(): number {
    return this.moment++;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
