/**
 * A group of the classic protocol under any interleaving: clients with their JoinGroup and SyncGroup requests, held by
 * processes that may die at any point between two writes, and whose writes may come late.
 */
import assert from 'node:assert/strict';
import {
  decodeGeneration,
  generationKey,
  planGeneration,
} from '../../lib/coordination/groups/classic/generation-item.ts';
import { asking, decideClassicJoin } from '../../lib/coordination/groups/classic/join.ts';
import { answerJoin, decideRound } from '../../lib/coordination/groups/classic/round.ts';
import {
  decideClassicHeartbeat,
  decideSync,
  enter,
  type SyncRequest,
} from '../../lib/coordination/groups/classic/sync.ts';
import { decideCommit, planFence } from '../../lib/coordination/groups/fence.ts';
import { decodeGroup, planGroup, planLook, stateKey } from '../../lib/coordination/groups/group-item.ts';
import { decideLeave } from '../../lib/coordination/groups/join.ts';
import { isLookDue, judgeMembers, suspected } from '../../lib/coordination/groups/liveness.ts';
import {
  type ClassicMember,
  decodeMember,
  type Member,
  planMember,
  planRemoval,
} from '../../lib/coordination/groups/member-item.ts';
import { memberKey, type Seat, seatOf } from '../../lib/coordination/groups/seat.ts';
import type { Write } from '../../lib/kernel/items.ts';
import { groupLimits } from '../../lib/kernel/limits/groups.ts';
import { evaluate } from '../../lib/storage/metadata/apply.ts';
import { ItemTable } from './item-table.ts';

export type ClassicStep =
  | { step: 'join' | 'answer' | 'sync' | 'heartbeat' | 'commit' | 'leave'; client: number; late: boolean }
  /** What a consumer does next, and its process with it; or only that it crashes, or comes back. */
  | { step: 'turn' | 'crash'; client: number }
  | { step: 'round' | 'look'; late: boolean }
  | { step: 'tick'; ms: number }
  | { step: 'late'; write: number };

export interface ClassicSabotage {
  /** Assignments are handed out while items of earlier generations are about. */
  neverClose?: boolean;
  /** Commits are not fenced. */
  unfenced?: boolean;
}

const GROUP = 'classic';
const CLIENTS = 4;
const STATIC_CLIENT = 3;
const PARTITIONS = [0, 1, 2, 3];

interface Client {
  number: number;
  memberId?: string;
  waiting: boolean;
  /** Once JoinGroup is answered. */
  generation: number;
  /** Once SyncGroup is. */
  owns: readonly number[];
  crashed: boolean;
}

interface Planned {
  writes: Write[];
  what: string;
  applied?: () => void;
}

export class ClassicModel {
  readonly done = new Map<string, number>();
  private readonly table = new ItemTable();
  private readonly sabotage: ClassicSabotage;
  private readonly seats = new Set<Seat>();
  private readonly late: Planned[] = [];
  private readonly clients: Client[];
  private nowMs = 1_000_000;
  private names = 0;
  /** The newest generation whose assignments were handed out. */
  private handedOut = 0;

  constructor(sabotage: ClassicSabotage = {}) {
    this.sabotage = sabotage;
    this.clients = Array.from({ length: CLIENTS }, (_, number) => ({
      number,
      waiting: false,
      generation: 0,
      owns: [],
      crashed: false,
    }));
  }

  run(steps: readonly ClassicStep[]): this {
    for (const step of steps) this.take(step);
    return this;
  }

  /**
   * All who have not crashed go on as consumers do: they are one generation in the end, and every partition is one's.
   */
  settle(): this {
    this.late.length = 0;
    const alive = this.clients.filter(({ crashed }) => !crashed);
    for (let time = 0; time < 120_000 && !this.isSettled(alive); time += 1_000) {
      this.nowMs += 1_000;
      for (const client of alive) {
        this.turn(client);
      }
      this.look(false);
    }
    assert(this.isSettled(alive), 'the group comes to rest');
    return this;
  }

  private turn(client: Client): void {
    if (!client.waiting && client.generation === 0) this.join(client, false);
    if (client.waiting) this.answer(client, false);
    else if (client.owns.length === 0) this.sync(client, false);
    this.heartbeat(client, false);
    this.round(false);
  }

  private isSettled(alive: readonly Client[]): boolean {
    const { state } = this.view();
    const owned = alive.flatMap(({ owns }) => owns).toSorted((a, b) => a - b);
    const same = alive.every(({ generation }) => generation === state?.epoch);
    const stable = state?.round?.phase === 'stable' || alive.length === 0;
    return stable && same && (alive.length === 0 || owned.join() === PARTITIONS.join());
  }

  private take(step: ClassicStep): void {
    switch (step.step) {
      case 'tick':
        this.nowMs += step.ms;
        return;
      case 'late': {
        const [planned] = this.late.splice(step.write % Math.max(1, this.late.length), 1);
        if (planned !== undefined) this.deliver(planned);
        return;
      }
      case 'round':
        return this.round(step.late);
      case 'look':
        return this.look(step.late);
      case 'crash': {
        const client = this.clients[step.client % CLIENTS] as Client;
        this.forget(client);
        client.crashed = !client.crashed;
        return;
      }
      case 'turn':
        return this.awake(step.client, (client) => this.turn(client));
      case 'join':
      case 'answer':
      case 'sync':
      case 'heartbeat':
      case 'commit':
      case 'leave':
        return this.awake(step.client, (client) => this[step.step](client, step.late));
    }
  }

  private awake(choice: number, use: (client: Client) => void): void {
    const client = this.clients[choice % CLIENTS] as Client;
    if (!client.crashed) use(client);
  }

  private join(client: Client, late: boolean): void {
    const { state, members } = this.view();
    const newMemberId = `client ${client.number} attempt ${this.names++}`;
    const decided = decideClassicJoin({
      state,
      members,
      request: {
        ...(client.memberId !== undefined && { memberId: client.memberId }),
        ...(client.number === STATIC_CLIENT && { instanceId: 'static' }),
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Uint8Array.of(client.number, this.names % 2) }],
        sessionTimeoutMs: 9_000,
        rebalanceTimeoutMs: 12_000,
        requiresMemberId: client.number % 2 === 0,
      },
      newMemberId,
      nonce: `n${this.names++}`,
      nowMs: this.nowMs,
    });
    if (decided.outcome === 'refused') return this.forget(client);
    this.count(`join: ${decided.outcome}`);
    if (decided.outcome === 'current' && decided.next === undefined) return;
    const next = decided.next as ClassicMember;
    this.seats.add(next.seat);
    const { memberId } = next;
    if (!this.send({ writes: [planMember(GROUP, next)], what: 'join' }, late)) return;
    // What it has, it goes on with until it is in another generation, as cooperative consumers do.
    Object.assign(client, { memberId, waiting: decided.outcome === 'wait' });
    if (decided.outcome === 'current') client.generation = next.epoch;
  }

  /** What becomes of a waiting JoinGroup. */
  private answer(client: Client, late: boolean): void {
    const view = this.view();
    const member = this.own(client);
    if (member === undefined) return this.forget(client);
    const answer = answerJoin(member, view);
    this.count(`answer: ${answer.answer}`);
    if (answer.answer === 'wait') {
      const signOfLife = { ...member, seenMs: this.nowMs, writes: member.writes + 1 };
      this.send({ writes: [planMember(GROUP, signOfLife)], what: 'renew' }, late);
      return;
    }
    const next =
      answer.answer === 'in'
        ? enter(member, answer.generation, this.nowMs)
        : asking({ ...member, writes: member.writes + 1 }, view.state, this.nowMs);
    if (next !== undefined && !this.send({ writes: [planMember(GROUP, next)], what: 'enter' }, late)) return;
    if (answer.answer === 'in') Object.assign(client, { waiting: false, generation: answer.generation, owns: [] });
  }

  private sync(client: Client, late: boolean): void {
    const name = this.name(client);
    if (name === undefined || client.waiting) return;
    const { members, state, generation } = this.view();
    const ids = (generation?.members ?? []).map(({ seat }) => members.get(seat)?.memberId ?? '');
    const assignments = new Map(
      ids.map((id, index) => [id, Uint8Array.from(PARTITIONS.filter((partition) => partition % ids.length === index))]),
    );
    const request = { ...name, generation: client.generation, assignments };
    const decided = decideSync({ state, generation, members, request, nowMs: this.nowMs });
    this.count(`sync: ${decided.outcome}`);
    if (decided.outcome === 'assigned') client.owns = [...decided.assignment];
    if (decided.outcome === 'close' && this.sabotage.neverClose !== true) {
      for (const member of decided.raised) this.send({ writes: [planMember(GROUP, member)], what: 'raise' }, late);
      for (const member of decided.removed) this.send({ writes: [planRemoval(GROUP, member)], what: 'remove' }, late);
    }
    const assign = this.sabotage.neverClose === true ? this.withoutClosing(request) : decided;
    if (assign.outcome !== 'assign') return;
    const writes = [planGroup(GROUP, assign.state), planGeneration(GROUP, assign.generation)];
    const applied = () => {
      this.handedOut = assign.state.epoch;
    };
    this.send({ writes, what: 'assign', applied }, late);
  }

  private withoutClosing(request: SyncRequest) {
    const { members, state, generation } = this.view();
    const raised = [...members].map(([seat, member]): [Seat, Member] => {
      return [seat, { ...member, epoch: generation?.generation ?? 0 }];
    });
    return decideSync({ state, generation, members: new Map(raised), request, nowMs: this.nowMs });
  }

  private heartbeat(client: Client, late: boolean): void {
    const name = this.name(client);
    if (name === undefined || client.waiting || client.generation === 0) return;
    const present = this.view().members.get(seatOf(name));
    const request = { ...name, generation: client.generation };
    const decided = decideClassicHeartbeat({ state: this.view().state, present }, { request, nowMs: this.nowMs });
    this.count(`heartbeat: ${decided.outcome}`);
    if (decided.outcome === 'refused') {
      // As consumers do: a wrong generation is joined anew, a lost membership with another id.
      return decided.code === 'ILLEGAL_GENERATION' ? this.join(client, false) : this.forget(client);
    }
    if (decided.next !== undefined) this.send({ writes: [planMember(GROUP, decided.next)], what: 'renew' }, late);
    if (decided.outcome === 'rebalance') this.join(client, false);
  }

  private commit(client: Client, late: boolean): void {
    const name = this.name(client);
    if (name === undefined || client.owns.length === 0) return;
    const epoch = client.generation;
    const decided = decideCommit(this.view().members.get(seatOf(name)), { name, epoch, partitions: new Map() });
    if (decided.outcome === 'refused') return this.count('commit refused');
    const offsets: Write = { kind: 'put', key: { pk: 'offsets', sk: '' }, attributes: { by: name.memberId } };
    const fence = this.sabotage.unfenced === true ? [] : [planFence(GROUP, name, epoch)];
    const applied = () =>
      assert(epoch >= this.handedOut, 'who commits is in the newest generation that has assignments');
    this.send({ writes: [...fence, offsets], what: 'commit', applied }, late);
  }

  private leave(client: Client, late: boolean): void {
    const name = this.name(client);
    if (name === undefined) return;
    const decided = decideLeave(this.view().members.get(seatOf(name)), { name, keepSeat: false });
    this.forget(client);
    if (decided.outcome === 'leave') this.send({ writes: [planRemoval(GROUP, decided.remove)], what: 'leave' }, late);
  }

  private round(late: boolean): void {
    const decided = decideRound({ ...this.view(), nowMs: this.nowMs, nonce: `g${this.names++}` });
    assert(decided.round !== 'other-kind', 'the group is classic');
    if (decided.round === 'wait') return;
    const writes: Write[] = [planGroup(GROUP, decided.state)];
    if (decided.generation !== undefined) writes.push(planGeneration(GROUP, decided.generation));
    const phase = decided.state.round?.phase ?? 'empty';
    if (!this.send({ writes, what: `to ${phase}` }, late)) return;
    for (const member of decided.removed) this.send({ writes: [planRemoval(GROUP, member)], what: 'remove' }, late);
  }

  private look(late: boolean): void {
    const { state, members } = this.view();
    if (state === undefined || !isLookDue(state, this.nowMs, groupLimits.groupLookMs)) return;
    this.send({ writes: [planLook(GROUP, state, this.nowMs + groupLimits.groupLookMs)], what: 'look' }, false);
    const { suspects, gone } = judgeMembers(members, { target: undefined, nowMs: this.nowMs });
    for (const member of suspects) {
      this.send({ writes: [planMember(GROUP, suspected(member, this.nowMs))], what: 'suspect' }, late);
    }
    for (const member of gone) this.send({ writes: [planRemoval(GROUP, member)], what: 'remove' }, late);
  }

  private send(planned: Planned, late: boolean): boolean {
    if (!late) return this.deliver(planned);
    this.late.push(planned);
    return false;
  }

  private deliver({ writes, what, applied }: Planned): boolean {
    if (!writes.every((write) => evaluate(write.conditions ?? [], this.table.get(write.key)))) {
      this.count(`${what} refused`);
      return false;
    }
    for (const write of writes) this.table.apply(write);
    this.count(what);
    applied?.();
    return true;
  }

  private view() {
    const members = new Map<Seat, Member>();
    for (const seat of this.seats) {
      const attributes = this.table.get(memberKey(GROUP, seat));
      if (attributes !== undefined) members.set(seat, decodeMember(seat, attributes));
    }
    const [state, generation] = [this.table.get(stateKey(GROUP)), this.table.get(generationKey(GROUP))];
    return { members, state: state && decodeGroup(state), generation: generation && decodeGeneration(generation) };
  }

  private own(client: Client): ClassicMember | undefined {
    const name = this.name(client);
    const member = name && this.view().members.get(seatOf(name));
    return member?.kind === 'classic' && member.memberId === client.memberId ? member : undefined;
  }

  private name({ number, memberId }: Client) {
    if (memberId === undefined) return undefined;
    return { memberId, ...(number === STATIC_CLIENT && { instanceId: 'static' }) };
  }

  private forget(client: Client): void {
    Object.assign(client, { waiting: false, generation: 0, owns: [] });
    delete client.memberId;
  }

  private count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }
}
