/**
 * Who holds a replicated ledger: its replicas, their leader, who is in sync, who is joining. Embedded in the ledger's
 * head; a head without these attributes has one replica, and no plan of this directory is ever made for it.
 *
 * A replica is a bucket (or a directory) with a number for life, 0 to 7: its place in the stack's list of replicas. Sets
 * of replicas are masks, bit n for replica n.
 *
 *     q        bytes    version u8 = 1 | leader u8 | in sync u8 (mask) | joining u8 (mask) | replicas, u8 each, the
 *                       preferred leader first
 *     k0..k7   number   the replica's cursor: it holds every commit with a lower number. There for each replica, from 0,
 *                       since a comparison with an absent attribute is false
 *     g        number   commits moved into pages so far: the number of the tail's first commit
 *
 * Commits are numbered from 0 in the order of the ledger. Together at most `REPLICATION_BYTES_MAX` bytes of the item,
 * however many commits there are.
 *
 * Every change of `q` counts the head's `i` up, and every change of the leader its `e`: both are checked by every
 * append, so an append that was prepared for other replicas is refused.
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes } from '../../kernel/items.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';

export type ReplicaId = number;
/** Bit n: replica n. */
export type ReplicaMask = number;

export interface ReplicaState {
  /** All of the ledger's replicas, the preferred leader first. */
  replicas: readonly ReplicaId[];
  leader: ReplicaId;
  inSync: ReplicaMask;
  /** Not in sync yet; writers upload to them already. */
  joining: ReplicaMask;
}

export interface Replication {
  state: ReplicaState;
  /** By replica; 0 for those that are none of the ledger's. */
  cursors: readonly number[];
  /** Commits in pages. */
  paged: number;
}

const VERSION = 1;
const FIXED_BYTES = 4;

/** Names and values as DynamoDB counts them: a number takes a byte for two digits and one more. */
export const REPLICATION_BYTES_MAX =
  1 + FIXED_BYTES + replicationLimits.replicasMax + replicationLimits.replicasMax * (2 + 10) + (1 + 10);

/** A new ledger's: all replicas are in sync, because there is nothing that one could lack. */
export function initialReplication(replicas: readonly ReplicaId[]): Replication {
  checkReplicas(replicas);
  const state = { replicas: [...replicas], leader: replicas[0] as ReplicaId, inSync: maskOf(replicas), joining: 0 };
  return { state, cursors: Array<number>(replicationLimits.replicasMax).fill(0), paged: 0 };
}

export function encodeReplication({ state, cursors, paged }: Replication): Attributes {
  const attributes: Attributes = { q: packState(state), g: paged };
  for (const replica of state.replicas) attributes[cursorAttribute(replica)] = cursors[replica] as number;
  return attributes;
}

/** `undefined`: the ledger has a single replica. */
export function decodeReplication(attributes: Attributes): Replication | undefined {
  const { q, g } = attributes;
  if (q === undefined) return undefined;
  assert(q instanceof Uint8Array && typeof g === 'number', 'a replicated head has q and g');
  const state = unpackState(q);
  const cursors = Array<number>(replicationLimits.replicasMax).fill(0);
  for (const replica of state.replicas) {
    const cursor = attributes[cursorAttribute(replica)];
    assert(typeof cursor === 'number', `the head has a cursor of replica ${replica}`);
    cursors[replica] = cursor;
  }
  return { state, cursors, paged: g };
}

export function packState(state: ReplicaState): Uint8Array {
  checkState(state);
  return Uint8Array.of(VERSION, state.leader, state.inSync, state.joining, ...state.replicas);
}

export function unpackState(packed: Uint8Array): ReplicaState {
  const [version, leader = 0, inSync = 0, joining = 0, ...replicas] = packed;
  assert(version === VERSION, `the replicas are in format ${version}`);
  const state = { replicas, leader, inSync, joining };
  checkState(state);
  return state;
}

export function cursorAttribute(replica: ReplicaId): string {
  return `k${replica}`;
}

export function maskOf(replicas: readonly ReplicaId[]): ReplicaMask {
  return replicas.reduce((mask, replica) => mask | (1 << replica), 0);
}

export function has(mask: ReplicaMask, replica: ReplicaId): boolean {
  return (mask & (1 << replica)) !== 0;
}

/** Whether every replica of `few` is in `many`. */
export function covers(many: ReplicaMask, few: ReplicaMask): boolean {
  return (few & ~many) === 0;
}

export function without(mask: ReplicaMask, taken: ReplicaMask): ReplicaMask {
  return mask & ~taken;
}

/** The replicas of a mask, in the order of their numbers. */
export function members(mask: ReplicaMask): ReplicaId[] {
  const ids: ReplicaId[] = [];
  for (let replica = 0; replica < replicationLimits.replicasMax; replica++) if (has(mask, replica)) ids.push(replica);
  return ids;
}

export function count(mask: ReplicaMask): number {
  return members(mask).length;
}

function checkState({ replicas, leader, inSync, joining }: ReplicaState): void {
  checkReplicas(replicas);
  const all = maskOf(replicas);
  assert(has(inSync, leader), 'the leader is in sync');
  assert(covers(all, inSync | joining), 'who is in sync or joining is a replica of the ledger');
  assert((inSync & joining) === 0, 'who is in sync is not joining');
}

function checkReplicas(replicas: readonly ReplicaId[]): void {
  assert(replicas.length > 0 && replicas.length <= replicationLimits.replicasMax, `${replicas.length} replicas`);
  assert(new Set(replicas).size === replicas.length, 'a replica is named once');
  for (const replica of replicas) {
    assert(Number.isInteger(replica) && replica >= 0 && replica < replicationLimits.replicasMax, `replica ${replica}`);
  }
}
