/**
 * What a writer does with the outcomes of its uploads: what it asks before, when it may append, and when it may answer.
 *
 * `acks=all` appends only what every replica in sync holds, so such a commit never leaves a gap in a replica.
 * `acks=leader` appends what the leader holds; the other uploads go on, and who does not get the bytes that way gets
 * them from the copier. Such a gap holds the high watermark, and with it the answer to every later `acks=all`.
 */
import { bytesEqual } from '../../kernel/bytes.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { coveredCommits, type HeadView, numberInTail } from './ledger-view.ts';
import { count, maskOf, type ReplicaMask, type ReplicaState, without } from './replica-state.ts';

export type Acks = 'leader' | 'all';

/** Where a writer sends an object. */
function uploadTargets({ inSync, joining }: ReplicaState): ReplicaMask {
  return inSync | joining;
}

/** Who must hold the object before its commit may be appended. */
function requiredHolders({ inSync, leader }: ReplicaState, acks: Acks): ReplicaMask {
  return acks === 'all' ? inSync : maskOf([leader]);
}

export type Admission =
  | { admission: 'upload'; targets: ReplicaMask }
  /** `NOT_ENOUGH_REPLICAS`: nothing was stored. */
  | { admission: 'not-enough-replicas'; inSync: number };

/** Before anything is uploaded. `minInSync` is `min.insync.replicas`, which counts for `acks=all` only. */
export function admit(state: ReplicaState, { acks, minInSync }: { acks: Acks; minInSync: number }): Admission {
  const inSync = count(state.inSync);
  if (acks === 'all' && inSync < minInSync) return { admission: 'not-enough-replicas', inSync };
  return { admission: 'upload', targets: uploadTargets(state) };
}

export interface Uploads {
  acks: Acks;
  /** Who has answered for the object. */
  held: ReplicaMask;
  /** Who has not answered yet. */
  underWay: ReplicaMask;
  /** How long everyone required has held it, for the sake of those that are joining. */
  waitedMs: number;
}

export type UploadVerdict =
  /** Append now; the holders go into the commit. Uploads still under way go on. */
  | { verdict: 'append'; holders: ReplicaMask }
  | { verdict: 'wait'; on: ReplicaMask }
  /**
   * These are required and failed. They are tried again until the deadline, and meanwhile their health decides: a
   * follower that has failed leaves the set, in place of a leader another is elected, and then the verdict is asked for
   * anew with the new state. At the deadline: `NOT_ENOUGH_REPLICAS`, with nothing appended.
   */
  | { verdict: 'blocked'; on: ReplicaMask };

export function judgeUploads(state: ReplicaState, { acks, held, underWay, waitedMs }: Uploads): UploadVerdict {
  const required = requiredHolders(state, acks);
  const missing = without(required, held);
  if (missing !== 0) {
    const failed = without(missing, underWay);
    return failed === 0 ? { verdict: 'wait', on: missing } : { verdict: 'blocked', on: failed };
  }
  // Without this patience a joining replica that is a little slower than the others would never catch up.
  const joining = state.joining & underWay & ~held;
  if (acks === 'all' && joining !== 0 && waitedMs < replicationLimits.replicaJoiningWaitMs)
    return { verdict: 'wait', on: joining };
  return { verdict: 'append', holders: held & maskOf(state.replicas) };
}

/** Whether the bytes of a prepared append are where a changed set of replicas needs them. */
export function missingHolders(state: ReplicaState, acks: Acks, held: ReplicaMask): ReplicaMask {
  return without(requiredHolders(state, acks), held);
}

export type AckVerdict =
  | { ack: 'now' }
  /** An earlier commit is not covered yet. */
  | { ack: 'wait' }
  /** `NOT_ENOUGH_REPLICAS_AFTER_APPEND`: it is in the log, and fewer replicas are in sync than the topic wants. */
  | { ack: 'not-enough-replicas-after-append'; inSync: number }
  /** In no tail and not remembered: cut off by an election, or sealed many seals ago. The pages tell. */
  | { ack: 'look' };

/**
 * Whether an appended commit, or the original of a duplicate, may be answered. `acks=leader` is answered once it is in.
 */
export function judgeAck(view: HeadView, id: Uint8Array, { minInSync }: { minInSync: number }): AckVerdict {
  const number = numberInTail(view, id);
  if (number === undefined && !view.recent.some((recent) => bytesEqual(recent, id))) return { ack: 'look' };
  // What is remembered and not in the tail is in a page, and pages hold only what is covered.
  if (number !== undefined && number >= coveredCommits(view)) return { ack: 'wait' };
  const inSync = count(view.state.inSync);
  return inSync < minInSync ? { ack: 'not-enough-replicas-after-append', inSync } : { ack: 'now' };
}

/** After `look`: what the pages since the first attempt say. */
export function judgePaged(
  view: HeadView,
  { inPage, minInSync }: { inPage: boolean; minInSync: number },
): { ack: 'now' } | { ack: 'not-enough-replicas-after-append'; inSync: number } | { ack: 'cut-off' } {
  if (!inPage) return { ack: 'cut-off' };
  const inSync = count(view.state.inSync);
  return inSync < minInSync ? { ack: 'not-enough-replicas-after-append', inSync } : { ack: 'now' };
}
