/**
 * A consumer group under any interleaving, beside what its members were told.
 *
 * Clients, and the processes that answer them, are taken apart into reads and single writes. A process acts on items
 * that may be old where the protocol allows for it, by a clock of its own that may jump; its write may reach the store
 * late, once, and the client may never learn what became of it. Clients freeze, crash, hold on to what they are to give
 * up, and come back under the instance id of another.
 */
import assert from 'node:assert/strict';
import { type Cursor, deliveredBy, reportedBy, startsOf } from '../../lib/coordination/groups/cursor.ts';
import { decideCommit, planFence } from '../../lib/coordination/groups/fence.ts';
import { decideFollow, type Followed } from '../../lib/coordination/groups/follow.ts';
import { planGroup, planLook } from '../../lib/coordination/groups/group-item.ts';
import { admit, decideChange, decideJoin, decideLeave, type JoinRequest } from '../../lib/coordination/groups/join.ts';
import { isLookDue, judgeMembers, suspected } from '../../lib/coordination/groups/liveness.ts';
import { type ConsumerMember, planMember, planRemoval, touched } from '../../lib/coordination/groups/member-item.ts';
import { planDeath } from '../../lib/coordination/groups/offset-expiry.ts';
import {
  allPartitions,
  eachPartition,
  hasPartition,
  intersection,
  minus,
  NO_PARTITIONS,
  type Partitions,
  partitionsOf,
  type TopicPartition,
  union,
} from '../../lib/coordination/groups/partitions.ts';
import { decideRegroup } from '../../lib/coordination/groups/regroup.ts';
import { type Seat, seatOf } from '../../lib/coordination/groups/seat.ts';
import { planTarget, type Target } from '../../lib/coordination/groups/target-item.ts';
import type { Write } from '../../lib/kernel/items.ts';
import { groupLimits } from '../../lib/kernel/limits/groups.ts';
import { topicIdOf } from './group-arbitraries.ts';
import { GroupRecords } from './group-records.ts';
import type { Sabotage, Step } from './group-steps.ts';
import { GROUP, GroupTable } from './group-table.ts';

const SESSION_MS = 9_000;
const REBALANCE_MS = 30_000;
/** Of the clients, these share an instance id. */
const STATIC_CLIENTS = [3, 4];
const CLIENTS = 5;
const OFFSETS = { pk: 'offsets', sk: 'of the model' };

interface Client {
  number: number;
  memberId?: string;
  epoch: number;
  /** Of the last answer that arrived, and what it has not dropped yet of what it is to give up. */
  cursor?: Cursor;
  /** What it was told last to own. */
  told: Partitions;
  frozen: boolean;
  crashed: boolean;
  wide: boolean;
  /** A write of it is under way whose answer it will not see. */
  uncertain: boolean;
}

export class GroupModel extends GroupTable {
  readonly clients: Client[];
  private readonly sabotage: Sabotage;
  private readonly records = new GroupRecords(this.table);
  private readonly topics = new Map([
    ['orders', { topicId: topicIdOf(0), partitions: 4 }],
    ['returns', { topicId: topicIdOf(1), partitions: 2 }],
  ]);

  constructor(sabotage: Sabotage = {}) {
    super(sabotage);
    this.sabotage = sabotage;
    this.clients = Array.from({ length: CLIENTS }, (_, number) => ({
      number,
      epoch: 0,
      told: NO_PARTITIONS,
      frozen: false,
      crashed: false,
      wide: number % 2 === 0,
      uncertain: false,
    }));
  }

  run(steps: readonly Step[]): this {
    for (const step of steps) {
      this.take(step);
      this.check();
    }
    return this;
  }

  /**
   * Nothing is late or wrong any more, and those who have not crashed go on heartbeating. Every partition that one of
   * them wants must then have an owner who was told so, and nobody else is left.
   */
  settle(): this {
    this.calm();
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
    this.drop(client);
    if (client.memberId === undefined) this.join(client, false);
    this.heartbeat(client, { itemAge: 0, targetAge: 0, slow: false, lost: false, late: false });
    this.look(0, false);
    this.regroup(0, false);
    this.heartbeat(client, { itemAge: 0, targetAge: 0, slow: false, lost: false, late: false });
    this.check();
  }

  private isSettled(alive: readonly Client[]): boolean {
    // Nobody looks over a group that nobody is in; whoever comes next does.
    if (alive.length === 0) return true;
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
        return this.awake(step.client, (client) => this.drop(client));
      case 'leave':
        return this.awake(step.client, (client) => this.leave(client, step));
      case 'commit':
        return this.awake(step.client, (client) => this.commit(client, step));
      case 'regroup':
        return this.regroup(step.process, step.late);
      case 'look':
        return this.look(step.process, step.late);
      case 'die':
        return this.die(step.late);
      case 'late':
        return this.arrive(step.write);
      case 'tick':
        this.nowMs += step.ms;
        return;
      case 'jump':
        return this.jump(step.process, step.ms);
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
      this.topics.set(name, { topicId: topicIdOf(10 + Number(this.name(''))), partitions: 3 });
    }
  }

  private join(client: Client, late: boolean): void {
    const memberId = this.name(`client ${client.number} attempt `);
    const request = this.request(client, memberId);
    const seat = seatOf(request);
    this.seats.add(seat);
    const present = this.members().get(seat);
    const decided = decideJoin(
      { state: this.state(), present, request },
      { nowMs: this.now(client.number), nonce: this.name('n') },
    );
    assert(decided.outcome === 'join', 'a join is in order');
    this.forget(client);
    client.memberId = memberId;
    this.send({ writes: [planMember(GROUP, decided.next)], purpose: 'join' }, late);
  }

  private heartbeat(
    client: Client,
    { itemAge, targetAge, slow, lost, late }: Omit<Extract<Step, { step: 'heartbeat' }>, 'step' | 'client'>,
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
    const input = {
      member,
      target,
      reported: reportedBy(client.cursor),
      others: this.members(),
      nowMs: this.now(client.number),
    };
    const followed = decideFollow(this.sabotage.follow?.(input) ?? input);
    this.checkRevoked(followed, member, target);
    const delivered = deliveredBy(this.sabotage.cursor?.(client.cursor) ?? client.cursor, member);
    if (followed.next === undefined && delivered.length === 0) {
      // Without a write, an answer counts only if the item was read strongly.
      if (!lost && itemAge === 0) this.tell(client, followed, { member, slow });
      return;
    }
    const touchedOnly = touched(member, this.now(client.number));
    const commits = delivered.length > 0 && { committedWrite: touchedOnly.writes };
    const next = { ...(followed.next ?? touchedOnly), ...commits };
    const write = planMember(GROUP, next);
    const writes = [write, ...delivered.map((position) => this.records.planCommit(position))];
    const applied = () => this.records.check(delivered);
    const answered = this.send({ writes, purpose: 'follow', applied }, late);
    if (answered && !lost) this.tell(client, followed, { member: next, slow });
  }

  /** The answer arrives, with some records of each partition. */
  private tell(
    client: Client,
    { assignment, revoking }: Followed,
    { member, slow }: { member: ConsumerMember; slow: boolean },
  ): void {
    const { epoch } = member;
    const { cursor } = client;
    const committed = (partition: TopicPartition) => this.records.committed(partition);
    const positions = startsOf(assignment, { cursor, epoch, committed }).map(({ topicId, partition, offset = 0 }) => {
      this.records.receive({ topicId, partition }, { from: offset, to: offset + 2 });
      return { topicId, partition, offset: offset + 2 };
    });
    const kept = (client.cursor?.positions ?? []).filter((position) => slow && hasPartition(revoking, position));
    client.cursor = { epoch, writes: member.writes, positions: [...positions, ...kept] };
    client.epoch = epoch;
    client.told = assignment;
    if (revoking.size > 0) this.count('told to give up');
    if (assignment.size > 0) this.count('told to own');
  }

  /** Holds nothing any more but what it is to own. */
  private drop(client: Client): void {
    if (client.cursor === undefined) return;
    const positions = client.cursor.positions.filter((position) => hasPartition(client.told, position));
    client.cursor = { ...client.cursor, positions };
  }

  /** The seat is not its own any more, or not yet. */
  private unknown(client: Client, itemAge: number): void {
    if (itemAge > 0 || client.memberId === undefined) return;
    this.count('found itself fenced');
    this.forget(client);
  }

  private leave(client: Client, { keepSeat, late }: { keepSeat: boolean; late: boolean }): void {
    const name = this.nameOf(client);
    if (name === undefined) return;
    const decided = decideLeave(this.members().get(this.seat(client)), { name, keepSeat });
    if (decided.outcome === 'refused') return;
    const write = decided.outcome === 'leave' ? planRemoval(GROUP, decided.remove) : planMember(GROUP, decided.next);
    this.forget(client);
    this.send({ writes: [write], purpose: 'leave' }, late);
  }

  private commit(client: Client, { partition, late }: { partition: number; late: boolean }): void {
    const held = client.cursor?.positions ?? [];
    const chosen = held[partition % Math.max(1, held.length)];
    const name = this.nameOf(client);
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
    const fence = planFence(GROUP, name, decided.member.epoch);
    this.send({ writes: [fence, write], purpose: 'commit', applied }, late);
  }

  private regroup(process: number, late: boolean): void {
    const decided = decideRegroup({
      state: this.state(),
      target: this.target(0),
      members: this.members(process === 1 ? this.sabotage.membersAge : 0),
      topics: new Map([...this.topics].map(([name, topic]) => [name, { ...topic }])),
      matches: new Map(),
      nowMs: this.now(process),
      nonce: this.name('g'),
    });
    assert(decided.regroup === 'none' || decided.regroup === 'next', 'a group can be regrouped');
    if (decided.regroup === 'none') return;
    this.send(
      { writes: [planGroup(GROUP, decided.state), planTarget(GROUP, decided.target)], purpose: 'regroup' },
      late,
    );
  }

  private die(late: boolean): void {
    const state = this.state();
    if (state?.members === 0) this.send({ writes: planDeath(GROUP, state), purpose: 'die' }, late);
  }

  private look(process: number, late: boolean): void {
    const state = this.state();
    const nowMs = this.now(process);
    if (state === undefined || !isLookDue(state, nowMs, groupLimits.groupLookMs)) return;
    this.send({ writes: [planLook(GROUP, state, nowMs + groupLimits.groupLookMs)], purpose: 'look' }, false);
    const { suspects, gone } = judgeMembers(this.members(), { target: this.target(0), nowMs });
    for (const member of suspects) {
      this.send({ writes: [planMember(GROUP, suspected(member, nowMs))], purpose: 'suspect' }, late);
    }
    for (const member of gone) this.send({ writes: [planRemoval(GROUP, member)], purpose: 'remove' }, late);
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
      assert(
        minus(reportedBy(client.cursor), member.owned).size === 0,
        'nobody is taken a partition that it still works on',
      );
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

  private nameOf(client: Client) {
    return client.memberId === undefined ? undefined : this.request(client, client.memberId);
  }

  private seat(client: Client): Seat {
    return seatOf(this.request(client, client.memberId ?? ''));
  }

  /** The item of the client's seat, if it is the client's. */
  private own(client: Client, age: number): ConsumerMember | undefined {
    const name = this.nameOf(client);
    if (name === undefined) return undefined;
    const admitted = admit(this.members(age).get(this.seat(client)), name);
    return admitted.outcome === 'member' && admitted.member.kind === 'consumer' ? admitted.member : undefined;
  }

  private forget(client: Client): void {
    Object.assign(client, { epoch: 0, told: NO_PARTITIONS, uncertain: false });
    delete client.memberId;
    delete client.cursor;
  }

  private awake(choice: number, use: (client: Client) => void): void {
    const client = this.clients[choice % CLIENTS] as Client;
    if (!client.frozen && !client.crashed) use(client);
  }
}
