/**
 * Waiting until an object is where the replicas of a ledger need it for a commit to be appended (docs/replication.md,
 * "Appending"), whatever becomes of the set of replicas meanwhile. A ledger with a single replica is the set of that
 * one.
 */
import type { HeadView } from '../../coordination/replication/ledger-view.ts';
import { has, type ReplicaMask, type ReplicaState } from '../../coordination/replication/replica-state.ts';
import { type Acks, admit, judgeUploads } from '../../coordination/replication/uploads.ts';
import { unreachable } from '../../kernel/assert.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { ReplicatedCommit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import { headView, OWN_BUCKET } from '../ledger/replicated.ts';
import type { ReplicationRules } from '../replication/rules.ts';
import { Looks } from './looks.ts';
import type { AppenderParts } from './parts.ts';
import type { Placement } from './placement.ts';

export interface PlaceRequest {
  ledger: LedgerId;
  /** The newest head that is known. */
  head: LedgerHead;
  acks: Acks;
  rules: ReplicationRules;
  /** When nobody waits any more, by the monotonic clock. */
  deadlineMs: number;
}

export interface Placed {
  /** The head whose replicas were asked: the commit is to be appended to its epoch and in-sync set. */
  head: LedgerHead;
  /** Of a replicated ledger: what the commit says of its holders. */
  replicated?: ReplicatedCommit;
}

export type PlaceParts = Pick<AppenderParts, 'heads' | 'keeper' | 'clock' | 'random'>;

/** A ledger's replicas where it has a single one: the stack's own bucket. */
export const SINGLE: ReplicaState = { replicas: [0], leader: 0, inSync: OWN_BUCKET, joining: 0 };

/** Throws, with `effect: none`, `NOT_ENOUGH_REPLICAS` or, for a single replica, what its upload failed with. */
export async function awaitHolders(parts: PlaceParts, placement: Placement, request: PlaceRequest): Promise<Placed> {
  return headView(request.head) === undefined
    ? awaitBucket(parts, placement, request)
    : awaitReplicas(parts, placement, request);
}

/** A put is safe to repeat: the name is fresh and the bytes are the same. No attempt begins after the deadline. */
async function awaitBucket(parts: PlaceParts, placement: Placement, request: PlaceRequest): Promise<Placed> {
  const { clock, random } = parts;
  placement.send(targetsOf(SINGLE, request));
  for (let retry = 0; ; retry++) {
    while (!has(placement.held, 0) && has(placement.underWay, 0)) await placement.changed(Number.POSITIVE_INFINITY);
    if (has(placement.held, 0)) return { head: request.head };
    const fault = placement.faultOf(OWN_BUCKET);
    const retriable = fault instanceof MillraceError && fault.retriable;
    const times = placement.timesSent(OWN_BUCKET);
    if (!retriable || times >= produceLimits.uploadAttemptsMax || clock.monotonic() >= request.deadlineMs) {
      // Whatever it failed with: the records are not in the log and never will be.
      throw withEffect(fault, 'none');
    }
    await clock.sleep(retryPauseMs(retry, random));
    placement.sendAgain(OWN_BUCKET, times);
  }
}

async function awaitReplicas(parts: PlaceParts, placement: Placement, request: PlaceRequest): Promise<Placed> {
  const { clock } = parts;
  const { acks, deadlineMs } = request;
  const looks = new Looks(parts, request);
  let requiredHeldMs: number | undefined;
  for (let retry = 0; ; ) {
    const head = newestHead(parts, request);
    const { state } = headView(head) as HeadView;
    placement.send(targetsOf(state, request));
    const nowMs = clock.monotonic();
    const { held, underWay } = placement;
    // Whoever joins meanwhile is required too.
    requiredHeldMs = isHeldByRequired(state, acks, held) ? (requiredHeldMs ?? nowMs) : undefined;
    const waitedMs = requiredHeldMs === undefined ? 0 : nowMs - requiredHeldMs;
    const verdict = judgeUploads(state, { acks, held, underWay, waitedMs });
    if (verdict.verdict === 'append') return { head, replicated: { holders: verdict.holders, epoch: head.epoch } };
    if (nowMs >= deadlineMs) throw notHeld(placement, verdict.on);
    if (verdict.verdict === 'wait') {
      const patienceMs =
        requiredHeldMs === undefined ? looks.dueInMs() : replicationLimits.replicaJoiningWaitMs - waitedMs;
      await placement.changed(Math.min(patienceMs, deadlineMs - nowMs));
      if (requiredHeldMs === undefined) await looks.ifDue();
      continue;
    }
    const fault = placement.faultOf(verdict.on);
    if (!(fault instanceof MillraceError)) throw fault;
    if (retry === 0) looks.now();
    const times = placement.timesSent(verdict.on);
    await clock.sleep(Math.min(retryPauseMs(retry++, parts.random), deadlineMs - nowMs));
    await looks.ifDue();
    placement.sendAgain(verdict.on, times);
  }
}

/** Of two heads, the one that was seen later. */
function newestHead({ heads }: PlaceParts, { ledger, head }: PlaceRequest): LedgerHead {
  const known = heads.peek(ledger);
  return known !== undefined && known.version > head.version ? known : head;
}

/** Throws `NOT_ENOUGH_REPLICAS` where acks=all wants more replicas than are in sync. */
export function targetsOf(state: ReplicaState, { acks, rules }: Pick<PlaceRequest, 'acks' | 'rules'>): ReplicaMask {
  const admission = admit(state, { acks, minInSync: rules.minInSync });
  switch (admission.admission) {
    case 'upload':
      return admission.targets;
    case 'not-enough-replicas': {
      const detail = `${admission.inSync} replicas are in sync, and min.insync.replicas is ${rules.minInSync}; nothing was written.`;
      throw new MillraceError('NOT_ENOUGH_REPLICAS', detail, {
        facts: { retryAfterMs: requestLimits.retryAfterMsDefault },
      });
    }
    default:
      return unreachable(admission);
  }
}

function isHeldByRequired(state: ReplicaState, acks: Acks, held: ReplicaMask): boolean {
  return judgeUploads(state, { acks, held, underWay: 0, waitedMs: 0 }).verdict === 'append';
}

function notHeld(placement: Placement, missing: ReplicaMask): MillraceError {
  const detail = 'The replicas that are in sync could not all be written to in time; nothing was written.';
  const facts = { retryAfterMs: requestLimits.retryAfterMsDefault };
  return new MillraceError('NOT_ENOUGH_REPLICAS', detail, { facts, cause: placement.faultOf(missing) });
}
