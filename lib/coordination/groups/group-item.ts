/**
 * A group: what every call looks at. Small, because every heartbeat reads it.
 *
 * Key: `group#<id>` / `state`. Attributes:
 *
 *     y   string  the group's nonce, from when it was created: a group of the same name that was deleted has another
 *     v   number  version, + 1 with every write but those of `d`: the condition of the next one, together with `y`
 *     k   string  what its members are: `consumer` (assigned here), `classic` (assigned by their leader) or `share` (KIP-932)
 *     g   number  the group epoch; of classic members, their generation
 *     c   number  members, as of that epoch
 *     z   number  without members: since when, ms
 *     d   number  when members and topics are to be looked at next, ms
 *     o   string  of a classic group: the protocol type of its members, or of the last ones that it had
 *
 * and of a classic group with members (classic/, docs/groups.md):
 *
 *     p   string  phase: `preparing`, `completing`, `stable`
 *     h   string  the protocol that was selected; absent before the first generation
 *     l   string  the leader's seat; absent before the first generation
 *     w   number  when the phase is over at the latest, ms
 *     x   number  while members of a first generation are waited for: when that is over at the latest, ms
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, Condition, ItemKey, Write } from '../../kernel/items.ts';
import { numberAt, optionalNumber, optionalText, present, textAt } from './attributes.ts';
import { groupKey } from './offsets-item.ts';
import type { Seat } from './seat.ts';

export const CLASSIC_PHASES = ['preparing', 'completing', 'stable'] as const;
export type ClassicPhase = (typeof CLASSIC_PHASES)[number];

export interface ClassicRound {
  phase: ClassicPhase;
  protocol?: string;
  leader?: Seat;
  deadlineMs: number;
  /** While members of a first generation are waited for. */
  firstUntilMs?: number;
}

export const GROUP_KINDS = ['consumer', 'classic', 'share'] as const;
export type GroupKind = (typeof GROUP_KINDS)[number];

export interface GroupState {
  nonce: string;
  version: number;
  kind: GroupKind;
  epoch: number;
  members: number;
  emptySinceMs?: number;
  lookMs: number;
  /** Of a classic group: that of its members, or of the last ones that it had. */
  protocolType?: string;
  /** Of a classic group with members. */
  round?: ClassicRound;
}

export function stateKey(group: string): ItemKey {
  return { pk: groupKey(group), sk: 'state' };
}

/** Nobody has written it yet: the version is that of no item. */
export function newGroupState(nonce: string, kind: GroupState['kind'], nowMs: number): GroupState {
  return { nonce, version: 0, kind, epoch: 0, members: 0, emptySinceMs: nowMs, lookMs: nowMs };
}

/**
 * Whether members of this kind cannot be in the group. Without members it can become either of the two kinds that
 * commit offsets; a share group stays one, for what it has done with records, and none of the others becomes one.
 */
export function isOfOtherKind(state: GroupState | undefined, kind: GroupKind): boolean {
  if (state === undefined || state.kind === kind) return false;
  return state.members > 0 || state.kind === 'share' || kind === 'share';
}

export function encodeGroup(state: GroupState): Attributes {
  const { round } = state;
  return present<Attributes>({
    y: state.nonce,
    v: state.version,
    k: state.kind,
    g: state.epoch,
    c: state.members,
    z: state.emptySinceMs,
    d: state.lookMs,
    o: state.protocolType,
    p: round?.phase,
    h: round?.protocol,
    l: round?.leader,
    w: round?.deadlineMs,
    x: round?.firstUntilMs,
  });
}

export function decodeGroup(attributes: Attributes): GroupState {
  const kind = GROUP_KINDS.find((name) => name === attributes['k']);
  assert(kind !== undefined, 'a group is of a kind that is one');
  return present<GroupState>({
    nonce: textAt(attributes, 'y'),
    version: numberAt(attributes, 'v'),
    kind,
    epoch: numberAt(attributes, 'g'),
    members: numberAt(attributes, 'c'),
    emptySinceMs: optionalNumber(attributes, 'z'),
    lookMs: numberAt(attributes, 'd'),
    protocolType: optionalText(attributes, 'o'),
    round: attributes['p'] === undefined ? undefined : decodeRound(attributes),
  });
}

function decodeRound(attributes: Attributes): ClassicRound {
  const phase = CLASSIC_PHASES.find((name) => name === attributes['p']);
  assert(phase !== undefined, 'a classic group is in a phase that is one');
  return present<ClassicRound>({
    phase,
    protocol: optionalText(attributes, 'h'),
    leader: optionalText(attributes, 'l'),
    deadlineMs: numberAt(attributes, 'w'),
    firstUntilMs: optionalNumber(attributes, 'x'),
  });
}

/** Replaces the state that `next` was made from, if it is still that; its version is one more. */
export function planGroup(group: string, next: GroupState): Write & { kind: 'put' } {
  return {
    kind: 'put',
    key: stateKey(group),
    attributes: encodeGroup(next),
    conditions: next.version === 1 ? [{ clause: 'item-absent' }] : sameGroup(next, next.version - 1),
  };
}

export function sameGroup({ nonce }: GroupState, version: number): Condition[] {
  return [
    { clause: 'equals', attribute: 'y', value: nonce },
    { clause: 'equals', attribute: 'v', value: version },
  ];
}

/** Takes the next look at members and topics upon oneself. Leaves the version: it decides nothing. */
export function planLook(group: string, state: GroupState, nextMs: number): Write & { kind: 'update' } {
  return {
    kind: 'update',
    key: stateKey(group),
    changes: { set: { d: nextMs } },
    conditions: [
      { clause: 'equals', attribute: 'y', value: state.nonce },
      { clause: 'equals', attribute: 'd', value: state.lookMs },
    ],
  };
}
