/** JoinGroup, rounds, SyncGroup and heartbeats, one decision at a time. */
import { describe, expect, test } from 'vitest';
import type { Generation } from '../../../../lib/coordination/groups/classic/generation-item.ts';
import { type ClassicJoinRequest, decideClassicJoin } from '../../../../lib/coordination/groups/classic/join.ts';
import { selectProtocol } from '../../../../lib/coordination/groups/classic/protocols.ts';
import { answerJoin, decideRound, type RoundDecision } from '../../../../lib/coordination/groups/classic/round.ts';
import { decideClassicHeartbeat, decideSync, enter } from '../../../../lib/coordination/groups/classic/sync.ts';
import { type ClassicRound, type GroupState, newGroupState } from '../../../../lib/coordination/groups/group-item.ts';
import type { ClassicMember } from '../../../../lib/coordination/groups/member-item.ts';
import { seatOf } from '../../../../lib/coordination/groups/seat.ts';
import { groupLimits } from '../../../../lib/kernel/limits/groups.ts';

const metadata = Uint8Array.of(1);
const request: ClassicJoinRequest = {
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata }],
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 60_000,
  requiresMemberId: false,
};

function memberOf(id: string, changes: Partial<ClassicMember> = {}): ClassicMember {
  return {
    kind: 'classic',
    seat: seatOf({ memberId: id, instanceId: changes.instanceId }),
    nonce: `nonce of ${id}`,
    writes: 1,
    memberId: id,
    epoch: 0,
    seenMs: 0,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 60_000,
    joining: 1,
    joiningSinceMs: 0,
    protocolType: 'consumer',
    protocols: request.protocols,
    ...changes,
  };
}

function stateOf(phase: ClassicRound['phase'] | undefined, changes: Partial<ClassicRound> = {}, epoch = 1): GroupState {
  const state = { ...newGroupState('group', 'classic', 0), version: 5, epoch };
  if (phase === undefined) return state;
  const round = { phase, protocol: 'range', leader: 'd#a', deadlineMs: 60_000, ...changes };
  return { ...state, members: 2, emptySinceMs: undefined, protocolType: 'consumer', round };
}

const bySeat = (members: ClassicMember[]) => new Map(members.map((member) => [member.seat, member]));
const generationOf = (members: ClassicMember[], generation = 1): Generation => ({
  nonce: 'group',
  generation,
  members: members.map(({ seat, nonce }) => ({ seat, nonce })),
});
const [a, b] = [memberOf('a', { epoch: 1 }), memberOf('b', { epoch: 1 })];

describe('JoinGroup', () => {
  const join = (
    changes: Partial<ClassicJoinRequest>,
    { state, members = [] }: { state?: GroupState; members?: ClassicMember[] } = {},
  ) => {
    const decided = decideClassicJoin({
      state,
      members: bySeat(members),
      request: { ...request, ...changes },
      newMemberId: 'new',
      nonce: 'n',
      nowMs: 9,
    });
    return decided.outcome === 'refused' ? { outcome: decided.code, next: undefined } : { next: undefined, ...decided };
  };

  test('asks for the next generation, under an id that is given first where the client can do that', () => {
    expect(join({})).toMatchObject({ outcome: 'wait', next: { memberId: 'new', joining: 1, epoch: 0 } });
    expect(join({}, { state: stateOf('stable'), members: [a, b] })).toMatchObject({
      outcome: 'wait',
      next: { joining: 2 },
    });
    const given = join({ requiresMemberId: true });
    expect(given).toMatchObject({ outcome: 'id-required', next: { memberId: 'new', joining: 0 } });
    const pending = memberOf('new', { joining: 0 });
    expect(join({ memberId: 'new', requiresMemberId: true }, { members: [pending] })).toMatchObject({
      outcome: 'wait',
      next: { joining: 1, writes: 2 },
    });
    expect(join({ requiresMemberId: true, instanceId: 'i' })).toMatchObject({ outcome: 'wait', next: { seat: 's#i' } });
  });

  test('is open to others while the only member has an id and has not come with it', () => {
    const pending = memberOf('pending', { joining: 0 });
    const members = [pending];
    expect(join({}, { state: stateOf('preparing'), members })).toMatchObject({ outcome: 'wait', next: { joining: 2 } });
    const offering = [pending, memberOf('c', { protocols: [{ name: 'sticky', metadata }] })];
    expect(join({}, { state: stateOf('preparing'), members: offering }).outcome).toBe('INCONSISTENT_GROUP_PROTOCOL');
  });

  test('is answered at once for a follower that says nothing new, and else makes a rebalance', () => {
    const settled = { state: stateOf('stable'), members: [a, b] };
    expect(join({ memberId: 'b' }, settled)).toMatchObject({ outcome: 'current', next: undefined });
    expect(join({ memberId: 'a' }, settled)).toMatchObject({ outcome: 'wait', next: { joining: 2 } });
    const protocols = [{ name: 'range', metadata: Uint8Array.of(2) }];
    expect(join({ memberId: 'b', protocols }, settled)).toMatchObject({ outcome: 'wait', next: { joining: 2 } });
    const completing = { ...settled, state: stateOf('completing') };
    expect(join({ memberId: 'a' }, completing).outcome).toBe('current');
    expect(join({ memberId: 'b' }, { ...settled, state: stateOf('preparing') }).outcome).toBe('wait');
  });

  test('gives a static member that comes back its seat, without a rebalance where nothing changes', () => {
    const till = memberOf('old', { instanceId: 'till', epoch: 1 });
    const settled = { state: stateOf('stable', { leader: till.seat }), members: [a, till] };
    expect(join({ instanceId: 'till' }, settled)).toMatchObject({
      outcome: 'current',
      skipsAssignment: true,
      next: { memberId: 'new', seat: 's#till', epoch: 1, writes: 2 },
    });
    expect(join({ instanceId: 'till' }, { ...settled, state: stateOf('preparing') }).outcome).toBe('wait');
    expect(join({ instanceId: 'till', memberId: 'gone' }, settled).outcome).toBe('FENCED_INSTANCE_ID');
  });

  test.each<[string, Partial<ClassicJoinRequest>]>([
    ['INCONSISTENT_GROUP_PROTOCOL', { protocols: [] }],
    ['INCONSISTENT_GROUP_PROTOCOL', { protocolType: '' }],
    ['INCONSISTENT_GROUP_PROTOCOL', { protocolType: 'connect' }],
    ['INCONSISTENT_GROUP_PROTOCOL', { protocols: [{ name: 'sticky', metadata }] }],
    [
      'INVALID_REQUEST',
      { protocols: [{ name: 'range', metadata: new Uint8Array(groupLimits.groupProtocolBytesMax) }] },
    ],
    ['INVALID_SESSION_TIMEOUT', { sessionTimeoutMs: 1 }],
    ['INVALID_REQUEST', { memberId: 'x'.repeat(256) }],
    ['INVALID_REQUEST', { instanceId: '' }],
    ['UNKNOWN_MEMBER_ID', { memberId: 'who' }],
  ])('is refused with %s', (code, changes) => {
    expect(join(changes, { state: stateOf('stable'), members: [a, b] }).outcome).toBe(code);
  });

  test('is refused by a group that is full or of the other kind', () => {
    const many = Array.from({ length: groupLimits.groupMembersMax }, (_, index) => memberOf(`m${index}`));
    expect(join({}, { state: stateOf('stable'), members: many }).outcome).toBe('GROUP_MAX_SIZE_REACHED');
    const long = Array.from({ length: 700 }, (_, index) =>
      memberOf(`${index}`.padEnd(groupLimits.memberIdLengthMax, 'é')),
    );
    expect(join({}, { state: stateOf('stable'), members: long }).outcome).toBe('GROUP_MAX_SIZE_REACHED');
    const consumer = { ...newGroupState('group', 'consumer', 0), members: 1 };
    expect(join({}, { state: consumer }).outcome).toBe('INCONSISTENT_GROUP_PROTOCOL');
  });
});

describe('a round', () => {
  const round = (members: ClassicMember[], { state, nowMs = 0 }: { state?: GroupState; nowMs?: number } = {}) =>
    decideRound({ state, generation: generationOf([a, b]), members: bySeat(members), nowMs, nonce: 'group' });
  const phase = (decided: RoundDecision) =>
    decided.round === 'next' ? (decided.state.round?.phase ?? 'empty') : decided.round;

  test('waits for the first members, and on while more come, but not for ever', () => {
    const begun = round([memberOf('a')]);
    if (begun.round !== 'next') throw new Error(begun.round);
    expect(begun.state).toMatchObject({
      epoch: 0,
      round: { phase: 'preparing', deadlineMs: 3_000, firstUntilMs: 60_000 },
    });
    const state = begun.state;
    expect(phase(round([memberOf('a')], { state, nowMs: 2_999 }))).toBe('wait');
    expect(phase(round([memberOf('a')], { state, nowMs: 3_000 }))).toBe('completing');
    const more = round([memberOf('a'), memberOf('b', { joiningSinceMs: 2_000 })], { state, nowMs: 3_000 });
    expect(more).toMatchObject({ round: 'next', state: { round: { phase: 'preparing', deadlineMs: 6_000 } } });
    const late = { ...state, round: { ...(state.round as ClassicRound), deadlineMs: 60_000 } };
    const last = [memberOf('a'), memberOf('b', { joiningSinceMs: 59_000 })];
    expect(phase(round(last, { state: late, nowMs: 60_000 }))).toBe('completing');
  });

  test('forms a generation when all have asked, with the leader there was', () => {
    const state = stateOf('preparing', { leader: 'd#b' });
    expect(phase(round([memberOf('a', { joining: 2 }), b], { state }))).toBe('wait');
    const formed = round([memberOf('a', { joining: 2 }), memberOf('b', { joining: 2 })], { state });
    expect(formed).toMatchObject({
      round: 'next',
      state: { epoch: 2, version: 6, members: 2, round: { phase: 'completing', leader: 'd#b', protocol: 'range' } },
      generation: { generation: 2, members: [{ seat: 'd#a' }, { seat: 'd#b' }] },
      removed: [],
    });
  });

  test('goes on without who has not asked in time, but keeps static members and those that only have an id', () => {
    const away = memberOf('s', { instanceId: 's', epoch: 1 });
    const pending = memberOf('p', { joining: 0 });
    const members = [memberOf('a', { joining: 2 }), b, away, pending];
    const formed = round(members, { state: stateOf('preparing'), nowMs: 60_000 });
    if (formed.round !== 'next') throw new Error(formed.round);
    expect(formed.removed).toEqual([b]);
    expect(formed.generation?.members.map(({ seat }) => seat)).toEqual(['d#a', 's#s']);
  });

  test('turns away who came later and has no protocol in common', () => {
    const odd = memberOf('odd', { joining: 2, joiningSinceMs: 1, protocols: [{ name: 'other', metadata }] });
    const strange = memberOf('strange', { joining: 2, joiningSinceMs: 1, protocolType: 'connect' });
    const formed = round([memberOf('a', { joining: 2 }), odd, strange], { state: stateOf('preparing') });
    expect(formed).toMatchObject({ round: 'next', removed: [odd, strange] });
    const nobody = round([strange], { state: stateOf('preparing') });
    expect(nobody).toMatchObject({ round: 'next', removed: [strange], state: { round: { phase: 'preparing' } } });
  });

  test('is begun anew when one asks, is gone, or the leader does not assign in time; and ends with the last', () => {
    expect(round([a, b], { state: stateOf('stable') })).toEqual({ round: 'wait' });
    expect(phase(round([a, memberOf('b', { joining: 2 })], { state: stateOf('stable') }))).toBe('preparing');
    expect(phase(round([a], { state: stateOf('stable') }))).toBe('preparing');
    expect(phase(round([a, { ...b, nonce: 'another' }], { state: stateOf('stable') }))).toBe('preparing');
    const stuck = round([a, b], { state: stateOf('completing'), nowMs: 60_000 });
    expect(stuck).toMatchObject({ round: 'next', removed: [a] });
    const ended = round([], { state: stateOf('preparing'), nowMs: 4 });
    expect(ended).toMatchObject({
      round: 'next',
      state: { epoch: 2, members: 0, emptySinceMs: 4, protocolType: 'consumer' },
    });
    expect(phase(ended)).toBe('empty');
    expect(round([])).toEqual({ round: 'wait' });
    expect(round([memberOf('a')], { state: { ...newGroupState('g', 'consumer', 0), members: 1 } }).round).toBe(
      'other-kind',
    );
  });

  test('answers who is in it, and sends the others to ask again', () => {
    const [state, generation] = [stateOf('completing'), generationOf([a])];
    expect(answerJoin(a, { state, generation })).toEqual({
      answer: 'in',
      generation: 1,
      protocol: 'range',
      leader: 'd#a',
      members: ['d#a'],
    });
    expect(answerJoin(memberOf('b'), { state, generation })).toEqual({ answer: 'ask-again' });
    expect(answerJoin(memberOf('b', { joining: 2 }), { state, generation })).toEqual({ answer: 'wait' });
    expect(enter(memberOf('a'), 1, 3)).toMatchObject({ epoch: 1, writes: 2, seenMs: 3 });
    expect(enter(a, 1, 3)).toBeUndefined();
  });
});

describe('SyncGroup', () => {
  const sync = (
    memberId: string,
    { state = stateOf('completing'), members = [a, b], generation = 1, protocol = 'range' } = {},
  ) => {
    const decided = decideSync({
      state,
      generation: {
        ...generationOf([a, b]),
        ...(state.round?.phase === 'stable' && { assignments: [metadata, Uint8Array.of(7)] }),
      },
      members: bySeat(members),
      request: { memberId, generation, protocol, assignments: new Map([['b', Uint8Array.of(7)]]) },
      nowMs: 0,
    });
    return decided.outcome === 'refused' ? { outcome: decided.code } : decided;
  };

  test('hands out what the leader assigned, and nothing to whom it did not name', () => {
    expect(sync('b')).toEqual({ outcome: 'wait' });
    expect(sync('a')).toMatchObject({
      outcome: 'assign',
      state: { version: 6, round: { phase: 'stable' } },
      generation: { assignments: [new Uint8Array(0), Uint8Array.of(7)] },
    });
    expect(sync('b', { state: stateOf('stable') })).toEqual({ outcome: 'assigned', assignment: Uint8Array.of(7) });
  });

  test('is refused if ids and assignments are together more than an item can have', () => {
    const members = Array.from({ length: 700 }, (_, index) =>
      memberOf(`${index}`.padEnd(groupLimits.memberIdLengthMax, 'x'), { epoch: 1 }),
    );
    const [{ seat: leader, memberId }] = members as [ClassicMember & { memberId: string }];
    const decided = (bytes: number) =>
      decideSync({
        state: stateOf('completing', { leader }),
        generation: generationOf(members),
        members: bySeat(members),
        request: { memberId, generation: 1, assignments: new Map([[memberId, new Uint8Array(bytes)]]) },
        nowMs: 0,
      });
    expect(decided(groupLimits.groupAssignmentBytesMax)).toMatchObject({ outcome: 'refused', code: 'INVALID_REQUEST' });
    expect(decided(1_000).outcome).toBe('assign');
  });

  test('of the leader brings all items to the generation first', () => {
    const [behind, left] = [{ ...b, epoch: 0 }, memberOf('left', { epoch: 1, joining: 0 })];
    expect(sync('a', { members: [a, behind] })).toMatchObject({
      outcome: 'close',
      raised: [{ memberId: 'b', epoch: 1, writes: 2 }],
    });
    const old = { ...left, epoch: 9 };
    expect(sync('a', { members: [a, b, old, memberOf('fresh')] })).toMatchObject({
      outcome: 'close',
      raised: [],
      removed: [old],
    });
  });

  test.each([
    ['UNKNOWN_MEMBER_ID', 'c', {}],
    ['ILLEGAL_GENERATION', 'a', { generation: 2 }],
    ['INCONSISTENT_GROUP_PROTOCOL', 'a', { protocol: 'sticky' }],
    ['REBALANCE_IN_PROGRESS', 'a', { state: stateOf('preparing') }],
    ['UNKNOWN_MEMBER_ID', 'c', { members: [a, b, memberOf('c')] }],
    ['UNKNOWN_MEMBER_ID', 'a', { state: stateOf(undefined) }],
  ])('is refused with %s', (code, memberId, changes) => {
    expect(sync(memberId, changes).outcome).toBe(code);
  });
});

test('a heartbeat says when to join again, and is a sign of life when one is due', () => {
  const heartbeat = (state: GroupState, nowMs: number, generation = 1) => {
    const decided = decideClassicHeartbeat({ state, present: a }, { request: { memberId: 'a', generation }, nowMs });
    return decided.outcome === 'refused' ? { outcome: decided.code } : decided;
  };
  expect(heartbeat(stateOf('stable'), 1)).toEqual({ outcome: 'alive' });
  expect(heartbeat(stateOf('preparing'), 15_000)).toMatchObject({ outcome: 'rebalance', next: { seenMs: 15_000 } });
  expect(heartbeat(stateOf('stable'), 1, 2)).toEqual({ outcome: 'ILLEGAL_GENERATION' });
  expect(heartbeat(stateOf(undefined), 1)).toEqual({ outcome: 'UNKNOWN_MEMBER_ID' });
});

test('a protocol is one that all offer, with most votes of those it is the best for', () => {
  const offers = (...names: string[]) =>
    memberOf(names.join(), { protocols: names.map((name) => ({ name, metadata })) });
  expect(selectProtocol([offers('x', 'y'), offers('y', 'x'), offers('z', 'y', 'x')])).toBe('y');
  expect(selectProtocol([offers('x'), offers('y')])).toBeUndefined();
  expect(selectProtocol([])).toBeUndefined();
});
