/**
 * A client of the classic protocol: it joins, assigns where it leads, commits, heartbeats, and comes back from whatever
 * it is told.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import { heartbeatClassic } from '../../../lib/broker/groups/classic/heartbeat-classic.ts';
import { type ClassicJoined, joinClassic } from '../../../lib/broker/groups/classic/join-classic.ts';
import { leaveMembers } from '../../../lib/broker/groups/classic/leave-classic.ts';
import { syncClassic } from '../../../lib/broker/groups/classic/sync-classic.ts';
import { commitEachOffset } from '../../../lib/broker/groups/commit-each-offset.ts';
import { type MemberName, seatOf } from '../../../lib/coordination/groups/seat.ts';
import type { Asked, GroupServers } from '../groups/group-servers.ts';
import type { Scheduler, SimulatedProcess } from '../scheduler.ts';

export const PARTITIONS = [0, 1, 2, 3, 4];
export const TOPIC = 't';
export const GROUP = 'classic';
const JOIN_MS_MAX = 25_000;
const ANSWER_MS_MAX = 4_000;

export interface MemberPlan {
  instanceId?: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
}

export interface MemberSite {
  scheduler: Scheduler;
  servers: GroupServers;
  count: (what: string) => void;
  /** Different with each call. */
  number: () => number;
}

type Joined = Extract<ClassicJoined, { joined: 'in' }>;

export class SimulatedClassicMember {
  readonly process: SimulatedProcess;
  /** What it was assigned in the generation that it is in. */
  owns: readonly number[] = [];
  generation = 0;
  private readonly site: MemberSite;
  private readonly plan: MemberPlan;
  private memberId: string | undefined;
  private isLeaving = false;
  /** Of the call that it waits for: gone with its connection. */
  private call = new AbortController();

  constructor(site: MemberSite, plan: MemberPlan, process: SimulatedProcess) {
    this.site = site;
    this.plan = plan;
    this.process = process;
  }

  async run(): Promise<void> {
    const { scheduler } = this.site;
    while (!this.isLeaving) {
      const joined = await this.join();
      if (joined !== undefined && (await this.sync(joined))) await this.live();
      this.owns = [];
      await scheduler.pause(this.process, 50 + scheduler.random.fraction() * 200);
    }
    await this.leave();
  }

  leaveSoon(): void {
    this.isLeaving = true;
  }

  /** Its connections end with it. */
  crash(): void {
    this.process.alive = false;
    this.owns = [];
    this.call.abort();
  }

  private async join(): Promise<Joined | undefined> {
    const { memberId, plan } = this;
    const { instanceId, ...timeouts } = plan;
    const asked = await this.ask(JOIN_MS_MAX, (broker, signal) =>
      joinClassic(broker, {
        group: GROUP,
        ...(memberId !== undefined && { memberId }),
        ...(instanceId !== undefined && { instanceId }),
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Uint8Array.of(1) }],
        ...timeouts,
        client: 'simulated',
        requiresMemberId: true,
        canSkipAssignment: true,
        initialDelayMs: 500,
        signal,
      }),
    );
    if (asked.kind !== 'answer' || asked.answer.joined === 'ended') {
      this.heard(asked);
      return undefined;
    }
    this.memberId = asked.answer.memberId;
    if (asked.answer.joined === 'id-required') return undefined;
    this.generation = asked.answer.generation;
    return asked.answer;
  }

  private async sync(joined: Joined): Promise<boolean> {
    const { generation, protocol, protocolType, members } = joined;
    const assigns = joined.skipAssignment ? [] : members;
    const assignments = new Map(
      assigns.map(({ memberId = '' }, at) => [
        memberId,
        Uint8Array.from(PARTITIONS.filter((partition) => partition % assigns.length === at)),
      ]),
    );
    const asked = await this.ask(JOIN_MS_MAX, (broker, signal) =>
      syncClassic(broker, { group: GROUP, ...this.name(), generation, protocol, protocolType, assignments, signal }),
    );
    if (asked.kind !== 'answer' || asked.answer.synced === 'ended') {
      this.heard(asked);
      return false;
    }
    this.site.count('assigned');
    this.owns = [...asked.answer.assignment];
    return true;
  }

  /** Until the group wants something else. */
  private async live(): Promise<void> {
    const { scheduler, count } = this.site;
    while (!this.isLeaving) {
      await scheduler.pause(this.process, 200 + scheduler.random.fraction() * 1_200);
      if (!(await this.commit())) return;
      const { generation } = this;
      const asked = await this.ask(ANSWER_MS_MAX, (broker) =>
        heartbeatClassic(broker, { group: GROUP, ...this.name(), generation }),
      );
      if (asked.kind === 'answer' && asked.answer === 'rebalance') {
        count('rebalances');
        // What it still has to say of its partitions comes before it joins again.
        if (scheduler.random.fraction() < 0.5) await this.commit();
        return;
      }
      if (!this.heard(asked)) return;
    }
  }

  private async commit(): Promise<boolean> {
    const name = this.name();
    const { generation, site } = this;
    const offsets = this.owns.map((partition) => {
      const number = site.number();
      const metadata = JSON.stringify({ seat: seatOf(name), memberId: name.memberId, generation, number });
      return { topic: TOPIC, partition, offset: number, metadata };
    });
    if (offsets.length === 0) return true;
    const asked = await this.ask(ANSWER_MS_MAX, (broker) =>
      commitEachOffset(broker, { group: GROUP, ...name, epoch: generation, offsets }),
    );
    return this.heard(asked);
  }

  private async leave(): Promise<void> {
    if (this.memberId === undefined) return;
    await this.ask(ANSWER_MS_MAX, (broker) => leaveMembers(broker, { group: GROUP, members: [this.name()] }));
    this.site.count('left');
  }

  private name(): MemberName {
    const { instanceId } = this.plan;
    return { memberId: this.memberId ?? '', ...(instanceId !== undefined && { instanceId }) };
  }

  /** Whether it can go on as it is. */
  private heard(asked: Asked<unknown>): boolean {
    if (asked.kind !== 'error') return true;
    const { code } = asked.error;
    this.site.count(`told ${code}`);
    // Who is fenced is started anew by whoever runs it.
    if (code === 'UNKNOWN_MEMBER_ID' || code === 'FENCED_INSTANCE_ID') this.memberId = undefined;
    return code === 'REQUEST_TIMED_OUT' || code === 'KAFKA_STORAGE_ERROR' || code === 'THROTTLING_QUOTA_EXCEEDED';
  }

  private async ask<T>(
    timeoutMs: number,
    work: (broker: Broker, signal: AbortSignal) => Promise<T>,
  ): Promise<Asked<T>> {
    const call = new AbortController();
    this.call = call;
    const asked = await this.site.servers.ask(this.process, timeoutMs, (broker) => work(broker, call.signal));
    call.abort();
    return asked;
  }
}
