/**
 * A consumer group under any interleaving, beside what its members were told.
 *
 * Clients, and the processes that answer them, are taken apart into reads and single writes. A process acts on items that may
 * be old where the protocol allows for it, by a clock of its own that may jump; its write may reach the store late, once,
 * and the client may never learn what became of it. Clients freeze, crash, hold on to what they are to give up, and come back
 * under the instance id of another.
 */
import assert from 'node:assert/strict';
import { decideCommit, planFence } from '../../lib/coordination/groups/fence.ts';
import { decideFollow, type Followed } from '../../lib/coordination/groups/follow.ts';
import {
  decodeGroup,
  type GroupState,
  planGroup,
  planLook,
  stateKey,
} from '../../lib/coordination/groups/group-item.ts';
import { admit, decideChange, decideJoin, decideLeave, type JoinRequest } from '../../lib/coordination/groups/join.ts';
import { isLookDue, judgeMembers, suspected } from '../../lib/coordination/groups/liveness.ts';
import {
  type ConsumerMember,
  decodeMember,
  type Member,
  planMember,
  planRemoval,
} from '../../lib/coordination/groups/member-item.ts';
import {
  allPartitions,
  eachPartition,
  hasPartition,
  intersection,
  minus,
  NO_PARTITIONS,
  type Partitions,
  partitionsOf,
  union,
} from '../../lib/coordination/groups/partitions.ts';
import { decideRegroup } from '../../lib/coordination/groups/regroup.ts';
import { memberKey, type Seat, seatOf } from '../../lib/coordination/groups/seat.ts';
import { decodeTarget, planTarget, type Target, targetKey } from '../../lib/coordination/groups/target-item.ts';
import type { Attributes, Write } from '../../lib/kernel/items.ts';
import { limits } from '../../lib/kernel/limits.ts';
import { evaluate } from '../../lib/storage/metadata/apply.ts';
import { topicIdOf } from './group-arbitraries.ts';
import type { Purpose, Sabotage, Step } from './group-steps.ts';
import { ItemTable } from './item-table.ts';

const GROUP = 'g';
const SESSION_MS = 9_000;
const REBALANCE_MS = 30_000;
/** Of the clients, these share an instance id. */
const STATIC_CLIENTS = [3, 4];
const CLIENTS = 5;
const PROCESSES = 3;
const OFFSETS = { pk: 'offsets', sk: 'of the model' };

interface Client {
  number: number;
  memberId?: string;
  epoch: number;
  /** What it works on: what it was told to own, less what it has dropped. */
  holds: Partitions;
  /** What it was told last to own. */
  told: Partitions;
  frozen: boolean;
  crashed: boolean;
  wide: boolean;
  /** A write of it is under way whose answer it will not see. */
  uncertain: boolean;
}

interface Snapshot {
  state: Attributes | undefined;
  target: Attributes | undefined;
  members: ReadonlyMap<Seat, Attributes>;
}

interface Planned {
  writes: Write[];
  purpose: Purpose;
  /** Checked in the moment in which it is applied. */
  applied?: () => void;
}

export class GroupModel {
  readonly table = new ItemTable();
  /** What was done, to see that the schedules reach everything. */
  readonly done = new Map<string, number>();
  readonly clients: Client[];
  private readonly sabotage: Sabotage;
  private readonly seats = new Set<Seat>();
  private readonly snapshots: Snapshot[] = [];
  private readonly late: Planned[] = [];
  private readonly skews = Array<number>(PROCESSES).fill(0);
  private readonly topics = new Map([
    ['orders', { topicId: topicIdOf(0), partitions: 4 }],
    ['returns', { topicId: topicIdOf(1), partitions: 2 }],
  ]);
  private nowMs = 1_000_000;
  private names = 0;

  constructor(sabotage: Sabotage = {}) {
    this.sabotage = sabotage;
    this.clients = Array.from({ length: CLIENTS }, (_, number) => ({
      number,
      epoch: 0,
      holds: NO_PARTITIONS,
      told: NO_PARTITIONS,
      frozen: false,
      crashed: false,
      wide: number % 2 === 0,
      uncertain: false,
    }));
    this.snapshots.push(this.snapshot());
  }

  run(steps: readonly Step[]): this {
    for (const step of steps) {
      this.take(step);
      this.check();
    }
    return this;
  }

  /**
   * Nothing is late or wrong any more, and those who have not crashed go on heartbeating. Every partition that one of them
   * wants must then have an owner who was told so, and nobody else is left.
   */
  settle(): this {
    this.late.length = 0;
    this.skews.fill(0);
    const alive = this.clients.filter(({ crashed, number }) => !crashed && number !== STATIC_CLIENTS[1]);
    for (const client of alive) client.frozen = false;
    for (let time = 0; time < 60_000 && !this.isSettled(alive); time += 3_000) {
      this.nowMs += 3_000;
      for (const client of alive) this.live(client);
    }
    assert(this.isSettled(alive), 'the group comes to rest, with an owner for every partition');
    return this;
  }

  /** One turn of the loop that a consumer is in. */
  private live(client: Client): void {
    client.holds = client.told;
    if (client.memberId === undefined) this.join(client, false);
    this.heartbeat(client, { itemAge: 0, targetAge: 0, slow: false, lost: false, late: false });
    this.look(0, false);
    this.regroup(0, false);
    this.heartbeat(client, { itemAge: 0, targetAge: 0, slow: false, lost: false, late: false });
    this.check();
  }

  private isSettled(alive: readonly Client[]): boolean {
    const wanted = [...this.topics].filter(([name]) => alive.some(({ wide }) => wide || name === 'orders'));
    const all = allPartitions(new Map(wanted.map(([, { topicId, partitions }]) => [topicId, partitions])));
    const told = alive.reduce((sum, { told }) => union(sum, told), NO_PARTITIONS);
    const seats = new Set(alive.map((client) => this.seat(client)));
    const members = [...this.members().keys()];
    return minus(all, told).size === 0 && minus(told, all).size === 0 && members.every((seat) => seats.has(seat));
  }

  private take(step: Step): void {
    switch (step.step) {
      case 'join':
        return this.awake(step.client, (client) => this.join(client, step.late));
      case 'heartbeat':
        return this.awake(step.client, (client) => this.heartbeat(client, step));
      case 'drop':
        return this.awake(step.client, (client) => {
          client.holds = client.told;
        });
      case 'leave':
        return this.awake(step.client, (client) => this.leave(client, step));
      case 'commit':
        return this.awake(step.client, (client) => this.commit(client, step));
      case 'regroup':
        return this.regroup(step.process, step.late);
      case 'look':
        return this.look(step.process, step.late);
      case 'late':
        return this.arrive(step.write);
      case 'tick':
        this.nowMs += step.ms;
        return;
      case 'jump':
        this.skews[step.process % PROCESSES] = step.ms;
        return;
      case 'freeze':
      case 'crash':
      case 'subscribe':
      case 'grow':
      case 'vanish':
      case 'appear':
        return this.change(step);
    }
  }

  private change(step: Extract<Step, { step: 'freeze' | 'crash' | 'subscribe' | 'grow' | 'vanish' | 'appear' }>): void {
    if ('client' in step) {
      const client = this.clients[step.client % CLIENTS] as Client;
      if (step.step === 'freeze') client.frozen = !client.frozen;
      if (step.step === 'subscribe') client.wide = !client.wide;
      // A crashed client comes back with nothing.
      if (step.step === 'crash') {
        this.forget(client);
        client.crashed = !client.crashed;
      }
      return;
    }
    const name = ['orders', 'returns'][step.topic % 2] as string;
    const topic = this.topics.get(name);
    if (step.step === 'vanish') this.topics.delete(name);
    if (step.step === 'grow' && topic !== undefined && topic.partitions < 8) topic.partitions++;
    if (step.step === 'appear' && topic === undefined) {
      this.topics.set(name, { topicId: topicIdOf(10 + this.names++), partitions: 3 });
    }
  }

  private join(client: Client, late: boolean): void {
    const memberId = `client ${client.number} attempt ${this.names++}`;
    const request = this.request(client, memberId);
    const seat = seatOf(request);
    this.seats.add(seat);
    const present = this.members().get(seat);
    const decided = decideJoin(
      { state: this.state(), present, request },
      { nowMs: this.now(client.number), nonce: `n${this.names++}` },
    );
    assert(decided.outcome === 'join', 'a join is in order');
    this.forget(client);
    client.memberId = memberId;
    this.send({ writes: [planMember(GROUP, decided.next)], purpose: 'join' }, late);
  }

  private heartbeat(
    client: Client,
    {
      itemAge,
      targetAge,
      slow,
      lost,
      late,
    }: { itemAge: number; targetAge: number; slow: boolean; lost: boolean; late: boolean },
  ): void {
    const member = this.own(client, itemAge);
    if (member === undefined || late || lost) client.uncertain ||= late;
    if (member === undefined) return this.unknown(client, itemAge);
    const changed = decideChange(
      { member, request: this.request(client, member.memberId as string) },
      this.now(client.number),
    );
    if (changed.outcome === 'change') {
      this.send({ writes: [planMember(GROUP, changed.next)], purpose: 'join' }, late);
      return;
    }
    const target = this.target(targetAge);
    const input = { member, target, reported: client.holds, others: this.members(), nowMs: this.now(client.number) };
    const followed = decideFollow(this.sabotage.follow?.(input) ?? input);
    this.checkRevoked(followed, member, target);
    if (followed.next === undefined) {
      // Without a write, an answer counts only if the item was read strongly.
      if (!lost && itemAge === 0) this.tell(client, followed, { member, slow });
      return;
    }
    const next = followed.next;
    const answered = this.send({ writes: [planMember(GROUP, next)], purpose: 'follow' }, late);
    if (answered && !lost) this.tell(client, followed, { member: next, slow });
  }

  private tell(
    client: Client,
    { assignment, revoking }: Followed,
    { member, slow }: { member: ConsumerMember; slow: boolean },
  ): void {
    client.epoch = member.epoch;
    client.told = assignment;
    client.holds = slow ? union(assignment, intersection(client.holds, revoking)) : assignment;
    if (revoking.size > 0) this.count('told to give up');
    if (assignment.size > 0) this.count('told to own');
  }

  /** The seat is not its own any more, or not yet. */
  private unknown(client: Client, itemAge: number): void {
    if (itemAge > 0 || client.memberId === undefined) return;
    this.count('found itself fenced');
    this.forget(client);
  }

  private leave(client: Client, { keepSeat, late }: { keepSeat: boolean; late: boolean }): void {
    const name = this.name(client);
    if (name === undefined) return;
    const decided = decideLeave(this.members().get(this.seat(client)), { name, keepSeat });
    if (decided.outcome === 'refused') return;
    const write = decided.outcome === 'leave' ? planRemoval(GROUP, decided.remove) : planMember(GROUP, decided.next);
    this.forget(client);
    this.send({ writes: [write], purpose: 'leave' }, late);
  }

  private commit(client: Client, { partition, late }: { partition: number; late: boolean }): void {
    const held = [...eachPartition(client.holds)];
    const chosen = held[partition % Math.max(1, held.length)];
    const name = this.name(client);
    if (chosen === undefined || name === undefined) return;
    const partitions = partitionsOf([chosen]);
    const [epoch, seat] = [client.epoch, this.seat(client)];
    // The item may be as old as it likes: what it says of an epoch stays true.
    const present = this.own(client, partition % 3) ?? this.members().get(seat);
    const decided = decideCommit(present, { name, epoch, partitions });
    if (decided.outcome === 'refused') return this.count('commit refused');
    const write: Write = { kind: 'put', key: OFFSETS, attributes: { by: name.memberId } };
    const applied = () => {
      const owners = [...this.members().values()].filter(({ kind, ...member }) => {
        return kind === 'consumer' && hasPartition((member as ConsumerMember).owned, chosen);
      });
      assert.deepEqual(
        owners.map(({ memberId }) => memberId),
        [name.memberId],
        'who commits owns the partition',
      );
    };
    this.send({ writes: [planFence(GROUP, name, epoch), write], purpose: 'commit', applied }, late);
  }

  private regroup(process: number, late: boolean): void {
    const decided = decideRegroup({
      state: this.state(),
      target: this.target(0),
      members: this.members(),
      topics: new Map([...this.topics].map(([name, topic]) => [name, { ...topic }])),
      nowMs: this.now(process),
      nonce: `g${this.names++}`,
    });
    assert(decided.regroup === 'none' || decided.regroup === 'next', 'a group can be regrouped');
    if (decided.regroup === 'none') return;
    this.send(
      { writes: [planGroup(GROUP, decided.state), planTarget(GROUP, decided.target)], purpose: 'regroup' },
      late,
    );
  }

  private look(process: number, late: boolean): void {
    const state = this.state();
    const nowMs = this.now(process);
    if (state === undefined || !isLookDue(state, nowMs, limits.groupLookMs)) return;
    this.send({ writes: [planLook(GROUP, state, nowMs + limits.groupLookMs)], purpose: 'look' }, false);
    const { suspects, gone } = judgeMembers(this.members(), { target: this.target(0), nowMs });
    for (const member of suspects) {
      this.send({ writes: [planMember(GROUP, suspected(member, nowMs))], purpose: 'suspect' }, late);
    }
    for (const member of gone) this.send({ writes: [planRemoval(GROUP, member)], purpose: 'remove' }, late);
  }

  /** Now, or kept for later; whether it was applied and answered. */
  private send(planned: Planned, late: boolean): boolean {
    const alter = this.sabotage.alter ?? ((write: Write) => write);
    const kept = { ...planned, writes: planned.writes.map((write) => alter(write, planned.purpose)) };
    if (!late) return this.deliver(kept);
    this.late.push(kept);
    return false;
  }

  private arrive(choice: number): void {
    const [planned] = this.late.splice(choice % Math.max(1, this.late.length), 1);
    if (planned !== undefined) this.deliver(planned);
  }

  private deliver({ writes, purpose, applied }: Planned): boolean {
    if (!writes.every((write) => evaluate(write.conditions ?? [], this.table.get(write.key)))) {
      this.count(`${purpose} refused`);
      return false;
    }
    for (const write of writes) this.table.apply(write);
    this.count(purpose);
    this.snapshots.push(this.snapshot());
    applied?.();
    return true;
  }

  private check(): void {
    const owners = new Map<string, string>();
    for (const [seat, member] of this.members()) {
      assert(member.kind === 'consumer', 'members are of one kind');
      for (const { topicId, partition } of eachPartition(member.owned)) {
        const name = `${topicId} ${partition}`;
        assert(!owners.has(name), 'a partition has one owner');
        owners.set(name, seat);
      }
    }
    for (const client of this.clients) {
      const member = this.own(client, 0);
      if (member === undefined || client.uncertain) continue;
      assert(minus(client.holds, member.owned).size === 0, 'nobody is taken a partition that it still works on');
    }
  }

  /** Only what moves is taken away. */
  private checkRevoked({ revoking }: Followed, { seat, owned }: ConsumerMember, target: Target | undefined): void {
    const assigned = target?.members.find((member) => member.seat === seat)?.assigned ?? NO_PARTITIONS;
    assert(intersection(revoking, assigned).size === 0, 'nothing is revoked that stays');
    assert(minus(revoking, owned).size === 0, 'nothing is revoked that is not owned');
  }

  private request(client: Client, memberId: string): JoinRequest {
    const isStatic = STATIC_CLIENTS.includes(client.number);
    return {
      memberId,
      ...(isStatic && { instanceId: 'shared' }),
      names: client.wide ? ['orders', 'returns'] : ['orders'],
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      takesOver: true,
    };
  }

  private name(client: Client) {
    return client.memberId === undefined ? undefined : this.request(client, client.memberId);
  }

  private seat(client: Client): Seat {
    return seatOf(this.request(client, client.memberId ?? ''));
  }

  /** The item of the client's seat, if it is the client's. */
  private own(client: Client, age: number): ConsumerMember | undefined {
    const name = this.name(client);
    if (name === undefined) return undefined;
    const admitted = admit(this.members(age).get(this.seat(client)), name);
    return admitted.outcome === 'member' && admitted.member.kind === 'consumer' ? admitted.member : undefined;
  }

  private members(age = 0): ReadonlyMap<Seat, Member> {
    const { members } = this.old(age);
    return new Map(
      [...members].map(([seat, attributes]) => [seat, decoded(attributes, () => decodeMember(seat, attributes))]),
    );
  }

  private state(): GroupState | undefined {
    const { state } = this.old(0);
    return state && decodeGroup(state);
  }

  private target(age: number): Target | undefined {
    const { target } = this.old(age);
    return target && decoded(target, () => decodeTarget(target));
  }

  private old(age: number): Snapshot {
    return this.snapshots[Math.max(0, this.snapshots.length - 1 - age)] as Snapshot;
  }

  private snapshot(): Snapshot {
    const members = new Map<Seat, Attributes>();
    for (const seat of this.seats) {
      const attributes = this.table.get(memberKey(GROUP, seat));
      if (attributes !== undefined) members.set(seat, attributes);
    }
    return { state: this.table.get(stateKey(GROUP)), target: this.table.get(targetKey(GROUP)), members };
  }

  private forget(client: Client): void {
    Object.assign(client, { epoch: 0, holds: NO_PARTITIONS, told: NO_PARTITIONS, uncertain: false });
    delete client.memberId;
  }

  private awake(choice: number, use: (client: Client) => void): void {
    const client = this.clients[choice % CLIENTS] as Client;
    if (!client.frozen && !client.crashed) use(client);
  }

  private now(process: number): number {
    return this.nowMs + (this.skews[process % PROCESSES] as number);
  }

  private count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }
}

/** Items are replaced and not changed, so that each is decoded once. */
const known = new WeakMap<Attributes, unknown>();

function decoded<T>(attributes: Attributes, decode: () => T): T {
  const value = (known.get(attributes) as T | undefined) ?? decode();
  known.set(attributes, value);
  return value;
}
