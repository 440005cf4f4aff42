/**
 * The members of a group, as processes that poll in a loop. What they were told is all that they know; they crash,
 * freeze, leave, come back, and go on with what they had when nobody told them otherwise.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import { commitOffsets } from '../../../lib/broker/groups/commit-offsets.ts';
import { leaveGroup } from '../../../lib/broker/groups/leave-group.ts';
import { type PollRequest, type PollResult, poll } from '../../../lib/broker/groups/poll.ts';
import { decodePollCursor } from '../../../lib/broker/groups/poll-cursor.ts';
import { newJoinId, seatOf } from '../../../lib/coordination/groups/seat.ts';
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import type { Network } from '../network.ts';
import type { Scheduler, SimulatedProcess } from '../scheduler.ts';
import { type CommitAsk, type Delivery, GROUP, type GroupHistory } from './group-history.ts';
import type { Asked, GroupServers } from './group-servers.ts';
import { transform } from './group-transactions.ts';
import { nameOf } from './group-watch.ts';

/** `manual`: commits by calls of their own, or with the next poll. */
export type CommitMode = 'delivered' | 'manual' | 'transactional';

export interface MemberPlan {
  name: string;
  mode: CommitMode;
  instanceId?: string;
  names?: readonly string[];
  pattern?: string;
  sessionTimeoutMs: number;
  /** Joins with an id of its own making, so that it finds itself where no answer came. */
  bringsId: boolean;
}

export interface MemberSite {
  scheduler: Scheduler;
  network: Network;
  history: GroupHistory;
  servers: GroupServers;
  /** No more mishaps: everybody behaves from now on. */
  isCalm: () => boolean;
  /** What a program with a planted bug makes of a cursor that it is handed. */
  cursor: (memberId: string, cursor: string) => Promise<string>;
}

/** What was received: which records, and where their partition goes on. */
export interface Received {
  topic: string;
  partition: number;
  nextOffset: number;
  values: string[];
}

interface Served {
  result: PollResult;
  cursor: string;
  deliveries: Delivery[];
}

const REBALANCE_TIMEOUT_MS = 8_000;
const PATIENCE_MS = 2_500;

export class GroupMember {
  readonly plan: MemberPlan;
  readonly process: SimulatedProcess;
  readonly site: MemberSite;
  readonly random: Random;
  memberId: string | undefined;
  epoch = 0;
  /** So many were begun. */
  transactions = 0;
  private cursor: string | undefined;
  /** Of earlier answers. */
  private oldCursors: string[] = [];
  /** Turns in which it is deaf to answers, and so gives nothing up. */
  private deafTurns = 0;
  /** That it joins with, until it knows who it is; some have none. */
  private joinId: string | undefined;
  private asks = 0;
  private isLeaving: 'for good' | 'to come back' | undefined;
  private hasEnded = false;

  constructor(site: MemberSite, plan: MemberPlan, process: SimulatedProcess) {
    this.site = site;
    this.plan = plan;
    this.process = process;
    this.random = site.scheduler.random;
    this.forget();
  }

  /** Until it has left, or is told that somebody else has its instance id. */
  async run(): Promise<void> {
    while (!this.hasEnded) {
      if (this.isLeaving !== undefined && this.memberId !== undefined) return this.leave(this.isLeaving);
      await this.turn();
      await this.site.scheduler.pause(this.process, 600 + this.random.fraction() * 2_000);
    }
  }

  /** It leaves before its next turn. */
  sayGoodbye(how: 'for good' | 'to come back'): void {
    this.isLeaving = how;
  }

  private async turn(): Promise<void> {
    const old = this.oldCursor();
    const asked = await this.poll(old ?? this.cursor, old === undefined ? this.toCommit() : []);
    if (asked.kind === 'lost') return;
    if (asked.kind === 'error') return this.failed(asked.error);
    if (this.deafTurns > 0) {
      this.deafTurns--;
      return;
    }
    const received = this.take(asked.answer);
    const { result } = asked.answer;
    if (result.revoked.length > 0 && !this.site.isCalm() && this.random.fraction() < 0.15) {
      this.deafTurns = 1 + randomBelow(this.random, 8);
    }
    // What it does with the records takes time, in which anything may happen.
    if (received.length > 0) await this.site.scheduler.pause(this.process, this.random.fraction() * 1_500);
    if (this.plan.mode === 'transactional' && received.length > 0) await transform(this, received);
    if (this.plan.mode === 'manual' && this.random.fraction() < 0.6) await this.commit();
  }

  /**
   * Now and then it has forgotten where it was, and goes on from an earlier answer. One that copies what it reads knows
   * that from nothing else, and must not.
   */
  private oldCursor(): string | undefined {
    const { plan, site, random, oldCursors } = this;
    if (plan.mode === 'transactional' || site.isCalm() || random.fraction() > 0.12) return undefined;
    return oldCursors[randomBelow(random, oldCursors.length)];
  }

  /** What it was told last is its position in each partition; what it has committed of that, it does not remember. */
  private toCommit(): readonly Position[] {
    if (this.plan.mode !== 'manual' || this.cursor === undefined || this.random.fraction() < 0.5) return [];
    return this.positions();
  }

  private positions(): Position[] {
    const { topicNames } = this.site.history;
    const decoded = decodePollCursor(String(this.memberId), String(this.cursor));
    return (decoded?.cursor.positions ?? []).flatMap(({ topicId, partition, offset }) => {
      const topic = topicNames.get(topicId);
      return topic === undefined ? [] : [{ topic, partition, offset }];
    });
  }

  private poll(cursor: string | undefined, committing: readonly Position[]): Promise<Asked<Served>> {
    const { memberId, plan, random, site } = this;
    const isHeartbeat = memberId !== undefined && random.fraction() < 0.1;
    const waitMs = random.fraction() < 0.5 ? 0 : random.fraction() * 2_500;
    const base: Omit<PollRequest, 'commit'> = {
      group: GROUP,
      memberId,
      ...(memberId === undefined && { joinId: this.joinId }),
      cursor,
      wishes: {
        instanceId: plan.instanceId,
        names: plan.names,
        pattern: plan.pattern,
        sessionTimeoutMs: plan.sessionTimeoutMs,
        rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      },
      reset: 'earliest',
      maxRecords: isHeartbeat ? 0 : 1 + randomBelow(random, 10),
      maxBytes: 50_000,
      waitMs,
      authorize: () => {},
    };
    if (memberId !== undefined && plan.mode === 'delivered') this.noteSent(memberId, cursor);
    return this.ask(waitMs + PATIENCE_MS, async (broker) => {
      const ask = memberId !== undefined && committing.length > 0 ? this.newAsk(memberId) : undefined;
      const commit = ask === undefined ? this.ordinaryCommit() : withToken(committing, ask);
      const sent = memberId !== undefined && cursor !== undefined ? await site.cursor(memberId, cursor) : cursor;
      return answering(ask, () => this.serve(broker, { ...base, cursor: sent, commit }));
    });
  }

  private noteSent(member: string, cursor: string | undefined): void {
    const { history } = this.site;
    const held = cursor === undefined ? [] : (decodePollCursor(member, cursor)?.cursor.positions ?? []);
    const positions = new Map(held.map((position) => [nameOf(position), position.offset]));
    history.cursors.push({ member, moment: history.tick(), positions });
  }

  private ordinaryCommit(): 'delivered' | 'none' {
    return this.plan.mode === 'delivered' ? 'delivered' : 'none';
  }

  /** At the server, whether or not the answer arrives. */
  private async serve(broker: Broker, request: PollRequest): Promise<Served> {
    const { history, scheduler } = this.site;
    const [servedFrom, servedFromMs] = [history.tick(), scheduler.nowMs];
    const result = await poll(broker, request);
    const servedTo = history.tick();
    const { memberId: member } = result;
    const cursor = result.cursor(result.partitions.map(({ nextOffset }) => nextOffset));
    const positions = decodePollCursor(member, cursor)?.cursor.positions ?? [];
    const deliveries = result.partitions.flatMap(({ topic, partition, records, nextOffset }): Delivery[] => {
      const at = positions.find(
        (one) =>
          history.topicNames.get(one.topicId) === topic && one.partition === partition && one.offset === nextOffset,
      );
      if (at === undefined) return [];
      const values = records.map(({ offset, value }) => ({ offset, value: utf8Text(value ?? new Uint8Array()) ?? '' }));
      const receivedAt = Number.POSITIVE_INFINITY;
      const client = this.process.name;
      return [{ client, member, partition: nameOf(at), records: values, servedFrom, servedTo, receivedAt }];
    });
    history.deliveries.push(...deliveries);
    history.answers.push({
      member,
      seat: seatOf({ memberId: member, instanceId: this.plan.instanceId }),
      moment: servedTo,
      servedFromMs,
      servedToMs: scheduler.nowMs,
      revoked: result.revoked.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
      recordCount: deliveries.reduce((sum, { records }) => sum + records.length, 0),
    });
    return { result, cursor, deliveries };
  }

  private take({ result, cursor, deliveries }: Served): Received[] {
    const receivedAt = this.site.history.tick();
    for (const delivery of deliveries) delivery.receivedAt = receivedAt;
    this.memberId = result.memberId;
    this.epoch = result.epoch;
    if (this.cursor !== undefined) this.oldCursors.push(this.cursor);
    this.cursor = cursor;
    return result.partitions.map(({ topic, partition, nextOffset, records }) => ({
      topic,
      partition,
      nextOffset,
      values: records.map(({ value }) => utf8Text(value ?? new Uint8Array()) ?? ''),
    }));
  }

  private async commit(): Promise<void> {
    if (this.cursor === undefined) return;
    const offsets = this.positions();
    if (offsets.length === 0) return;
    const { memberId, epoch } = this;
    const { instanceId } = this.plan;
    if (memberId === undefined) return;
    const asked = await this.ask(PATIENCE_MS, (broker) => {
      const ask = this.newAsk(memberId);
      const request = { group: GROUP, memberId, epoch, instanceId, offsets: withToken(offsets, ask) };
      return answering(ask, () => commitOffsets(broker, request));
    });
    // What moved meanwhile, the next poll says.
    if (asked.kind === 'error' && asked.error.code !== 'FENCED_MEMBER_EPOCH') this.failed(asked.error);
  }

  private async leave(how: 'for good' | 'to come back'): Promise<void> {
    const { memberId, cursor, plan, site } = this;
    if (memberId === undefined) return;
    this.site.history.count('left');
    site.history.left.add(memberId);
    const keepSeat = how === 'to come back' && plan.instanceId !== undefined;
    const request = { group: GROUP, memberId, keepSeat, ...(plan.mode === 'delivered' && { cursor }) };
    if (plan.mode === 'delivered') this.noteSent(memberId, cursor);
    await this.ask(PATIENCE_MS, (broker) => leaveGroup(broker, request));
  }

  /** What a member does that is told that it is none. */
  failed(error: MillraceError): void {
    const { history } = this.site;
    if (!NOT_A_MEMBER.has(error.code)) return;
    history.count(`told ${error.code}`);
    this.forget();
    if (error.code === 'FENCED_INSTANCE_ID' && (this.site.isCalm() || this.random.fraction() < 0.5)) {
      this.hasEnded = true;
    }
  }

  /** It starts over, with what the group has committed. */
  forget(): void {
    this.memberId = undefined;
    this.joinId = this.plan.bringsId ? newJoinId(this.random) : undefined;
    this.cursor = undefined;
    this.oldCursors = [];
    this.epoch = 0;
  }

  /** It keeps its place, and goes on in all partitions from what is committed. */
  rewind(): void {
    this.cursor = undefined;
  }

  ask<T>(timeoutMs: number, work: (broker: Broker) => Promise<T>): Promise<Asked<T>> {
    return this.site.servers.ask(this.process, timeoutMs, work);
  }

  /** By whom the member was when it asked; what it is when it comes to be served may be another. */
  newAsk(member: string): CommitAsk {
    const ask: CommitAsk = { token: `${this.process.name}/${this.asks++}`, member, answer: { kind: 'none' } };
    this.site.history.asks.push(ask);
    return ask;
  }
}

const NOT_A_MEMBER: ReadonlySet<string> = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'FENCED_MEMBER_EPOCH']);

interface Position {
  topic: string;
  partition: number;
  offset: number;
}

function withToken(offsets: readonly Position[], { token }: CommitAsk) {
  return offsets.map((offset) => ({ ...offset, metadata: token }));
}

/** Notes what becomes of a commit, at the server: what is answered there is true whether or not it arrives. */
async function answering<T>(ask: CommitAsk | undefined, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    if (ask !== undefined) ask.answer = { kind: 'done' };
    return result;
  } catch (error) {
    if (ask !== undefined && error instanceof MillraceError) {
      ask.answer = { kind: 'failed', code: error.code, effect: error.effect };
    }
    throw error;
  }
}
