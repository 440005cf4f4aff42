/**
 * The consumer as a member of its group: the one place that polls, in the background, one request at a time.
 *
 * - A poll sends back the cursor of the last answer that arrived, so that a lost answer is served again.
 * - While the application works there is one answer in advance, and heartbeats (polls for no records) keep the session.
 * - An application that does not ask for the next record for too long is taken to hang; nobody polls for it until it
 *   does.
 * - What is to be given up is acknowledged when the application is done with it: until then the member shows the cursor
 *   from before, which still has those partitions.
 * - What changed is told as events, which the application's own turn works off; before it has, it is handed nothing.
 */
import type { Clock } from '../../kernel/clock.ts';
import { clientLimits } from '../../kernel/limits/client.ts';
import type { Random } from '../../kernel/random.ts';
import type { DirectSource } from '../direct/direct-source.ts';
import { MillraceClientError } from '../errors.ts';
import { Arrivals, type Run, runsOf } from './arrivals.ts';
import { Assignment, isLeftOut } from './assignment.ts';
import { DirectRuns } from './direct-runs.ts';
import { isFenced } from './fenced.ts';
import { type GroupsApi, introduction, type JsonPollRequest, newJoinId, type PollAnswer } from './groups-api.ts';
import type { ConsumerSettings } from './options.ts';
import type { OwnedPartition } from './owned-partition.ts';

export interface RebalanceEvent {
  kind: 'assigned' | 'revoked' | 'lost';
  partitions: OwnedPartition[];
}

export interface MembershipOptions {
  api: GroupsApi;
  settings: ConsumerSettings;
  clock: Clock;
  random: Random;
  /** For what is read from the bucket. */
  source: DirectSource;
}

export class Membership {
  memberId: string | undefined;
  generation = 0;
  readonly assignment = new Assignment();
  readonly arrivals = new Arrivals();
  readonly events: RebalanceEvent[] = [];
  /** The group is being told that something was given up. */
  acknowledging = false;
  /** What ended the polling; for the application to be told of. */
  failure: unknown;
  private readonly direct: DirectRuns;
  private readonly api: GroupsApi;
  private readonly settings: ConsumerSettings;
  private readonly clock: Clock;
  private readonly random: Random;
  /** Of who is no member, from its first attempt to join on. */
  private joinId: string | undefined;
  private cursor: string | undefined;
  /** From before a revocation that is not acknowledged yet. */
  private heldCursor: string | undefined;
  private heartbeatWanted = false;
  /** Those that were answered. */
  private heartbeats = 0;
  /** The application waits for records. */
  private waiting = false;
  /** When the application asked last, of one that is at work. */
  private askedMs = Infinity;
  /** Nothing more was there when the application was still at work. */
  private exhausted = false;
  private idleAnswers = 0;
  private fences = 0;
  private notBeforeMs = -Infinity;
  private contactMs = -Infinity;
  private polling: Promise<void> | undefined;
  private stopping = false;
  private rest = new AbortController();
  /** Of the poll for records under way. */
  private flight: AbortController | undefined;
  private change = Promise.withResolvers<void>();
  private contact = Promise.withResolvers<void>();

  constructor({ api, settings, clock, random, source }: MembershipOptions) {
    this.api = api;
    this.settings = settings;
    this.clock = clock;
    this.random = random;
    this.direct = new DirectRuns({
      source,
      settings,
      arrivals: this.arrivals,
      onReady: () => this.announce(),
      // One that waits at the server leaves the partition out.
      onReturn: () => this.wake({ tell: true }),
    });
  }

  /** What records are to be handed out of next. */
  nextRun(): Run | undefined {
    this.direct.feed();
    return this.arrivals.next();
  }

  /**
   * Resolves when there may be something for the application: records, an event, a failure, or what `announce` is for.
   */
  async changed(): Promise<void> {
    this.start();
    this.waiting = true;
    this.exhausted = false;
    this.rest.abort(null);
    await this.change.promise;
    this.waiting = false;
    this.asked();
  }

  /** The application asks for what is next. */
  asked(): void {
    this.askedMs = this.clock.monotonic();
  }

  announce(): void {
    this.change.resolve();
    this.change = Promise.withResolvers();
  }

  /** Something is different for the next poll. `tell`: also for one that waits at the server. */
  wake({ tell = false }: { tell?: boolean } = {}): void {
    this.rest.abort(null);
    // One that joins is left alone: its answer says who this member is.
    if (tell && this.memberId !== undefined) this.flight?.abort(null);
  }

  /** Resolves when the group has been asked once more, or cannot be. */
  async nextContact(): Promise<void> {
    const { memberId, heartbeats } = this;
    this.heartbeatWanted = true;
    this.wake({ tell: true });
    while (this.polling !== undefined && this.memberId === memberId && this.heartbeats === heartbeats) {
      await this.contact.promise;
    }
  }

  /** The application is done with what was to be given up. */
  released(partitions: readonly OwnedPartition[]): void {
    this.assignment.end(partitions);
    if (this.heldCursor === undefined) return;
    this.heldCursor = undefined;
    this.acknowledging = true;
    this.heartbeatWanted = true;
    this.wake();
  }

  /** Polls no more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.direct.stop();
    this.wake({ tell: true });
    await this.polling;
  }

  /** Where the member has got to, where all that arrived is done; for a last commit. */
  get deliveredCursor(): string | undefined {
    return this.allDelivered ? this.cursor : undefined;
  }

  private start(): void {
    if (this.polling !== undefined || this.stopping) return;
    this.polling = this.run().finally(() => {
      this.polling = undefined;
      this.contact.resolve();
      this.announce();
    });
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        if (this.hangs()) await this.dropOut();
        else if (this.mayFetch()) await this.fetch();
        else if (this.heartbeatWanted || this.clock.monotonic() >= this.heartbeatMs()) await this.heartbeat();
        else await this.pause();
      } catch (error) {
        if (this.flight?.signal.aborted === true) continue;
        if (!isFenced(error)) {
          // Another consumer has the instance id: to join again would take it from that one.
          if (error instanceof MillraceClientError && error.code === 'FENCED_INSTANCE_ID') this.lose();
          this.failure = error;
          return;
        }
        this.lose();
        this.notBeforeMs = this.clock.monotonic() + idlePauseMs(this.fences++);
      } finally {
        this.flight = undefined;
        this.contact.resolve();
        this.contact = Promise.withResolvers();
      }
    }
  }

  /** As a member, for an application that does not ask any more. */
  private hangs(): boolean {
    return this.memberId !== undefined && this.clock.monotonic() >= this.hangMs();
  }

  private hangMs(): number {
    return this.waiting ? Infinity : this.askedMs + this.settings.maxPollIntervalMs;
  }

  /** A static member that leaves would keep its seat as one that is silent does, until its session is over. */
  private async dropOut(): Promise<void> {
    const member = this.memberId as string;
    this.lose();
    if (this.settings.instanceId !== undefined) return;
    try {
      await this.api.leave({ member });
    } catch (error) {
      if (!isFenced(error)) throw error;
    }
  }

  private mayFetch(): boolean {
    if (this.clock.monotonic() >= this.hangMs()) return false;
    if (this.heldCursor !== undefined || this.heartbeatWanted || !this.arrivals.hasRoom) return false;
    if (!this.waiting && this.exhausted) return false;
    if (this.assignment.size > 0 && [...this.assignment].every(isLeftOut)) return false;
    return this.clock.monotonic() >= this.notBeforeMs;
  }

  private heartbeatMs(): number {
    // Who is no member joins by asking for records.
    if (this.memberId === undefined) return Infinity;
    // Heartbeats are what commits, where no poll asks for records.
    const commits = this.direct.isActive && this.settings.commit === 'automatic';
    const everyMs = commits ? clientLimits.clientDirectCommitMs : Infinity;
    return this.contactMs + Math.min(this.settings.sessionTimeoutMs / 3, everyMs);
  }

  private async pause(): Promise<void> {
    const nowMs = this.clock.monotonic();
    const untilMs = Math.min(
      this.heartbeatMs(),
      this.memberId === undefined ? Infinity : this.hangMs(),
      this.notBeforeMs > nowMs ? this.notBeforeMs : Infinity,
    );
    this.rest = new AbortController();
    await this.clock.sleep(Math.min(untilMs - nowMs, clientLimits.clientTimeMsMax), this.rest.signal);
  }

  private async fetch(): Promise<void> {
    const { settings, assignment } = this;
    const seeks = new Map([...assignment].map((partition) => [partition, partition.seeks]));
    const sought = assignment.sought();
    const paused = assignment.leftOut();
    // The first answer says what is assigned, which the application need not wait for; then it is asked with patience.
    const waitMs = this.waiting && this.memberId !== undefined ? settings.waitMs : 0;
    const startedMs = this.clock.monotonic();
    this.flight = new AbortController();
    const request: JsonPollRequest = {
      max_records: settings.maxRecords,
      max_bytes: settings.maxBytes,
      wait_ms: waitMs,
      auto_offset_reset: settings.autoOffsetReset,
      ...(paused.length > 0 && { paused }),
      ...(sought.length > 0 && { seek: sought }),
      commit: this.commitOf(),
    };
    const answer = await this.poll(request, this.flight.signal);
    for (const [partition, count] of seeks) if (partition.seeks === count) partition.seekTo = undefined;
    this.cursorFrom(answer);
    const runs = runsOf(answer.records, assignment, seeks);
    this.arrivals.add(runs);
    this.direct.consider(runs, answer.bytes);
    if (answer.records.length > 0) {
      this.idleAnswers = 0;
      this.announce();
      return;
    }
    if (!this.waiting) {
      this.exhausted = true;
      return;
    }
    const nowMs = this.clock.monotonic();
    if (nowMs - startedMs >= Math.max(settings.waitMs / 2, 1)) this.idleAnswers = 0;
    else this.notBeforeMs = nowMs + idlePauseMs(this.idleAnswers++);
  }

  private async heartbeat(): Promise<void> {
    const held = this.heldCursor;
    const acknowledges = this.acknowledging;
    this.heartbeatWanted = false;
    let answer: PollAnswer;
    try {
      answer = await this.poll({
        max_records: 0,
        auto_offset_reset: this.settings.autoOffsetReset,
        // An acknowledgement changes the member's epoch; sent again, it must be the same request.
        commit: acknowledges || this.settings.commit === 'manual' ? 'none' : this.assignment.uncommitted(),
      });
    } catch (error) {
      // Else nothing would be handed out until the next heartbeat is due.
      this.heartbeatWanted ||= acknowledges;
      throw error;
    }
    this.heartbeats++;
    if (acknowledges) {
      this.acknowledging = false;
      this.announce();
    }
    // Until the revocation is acknowledged, nothing else that is said matters.
    if (held === undefined) this.cursorFrom(answer);
  }

  private get allDelivered(): boolean {
    if (!this.arrivals.isEmpty) return false;
    // What is read directly the cursor knows nothing of.
    return [...this.assignment].every(({ handed, done, seekTo, direct }) => {
      return handed === done && seekTo === undefined && !direct;
    });
  }

  private commitOf(): JsonPollRequest['commit'] {
    if (this.settings.commit === 'manual' || this.cursor === undefined) return 'none';
    return this.allDelivered ? 'delivered' : this.assignment.uncommitted();
  }

  private async poll(request: JsonPollRequest, signal?: AbortSignal): Promise<PollAnswer> {
    const { memberId, settings } = this;
    const done = new Map([...this.assignment].map((partition) => [partition, partition.done]));
    const who = memberId === undefined ? this.joining() : { member: memberId };
    const { answer, committed } = await this.send({ ...who, ...this.place(), ...request }, signal);
    this.contactMs = this.clock.monotonic();
    this.memberId = answer.member;
    this.generation = answer.generation;
    this.fences = 0;
    if (committed && settings.commit === 'automatic') {
      for (const [partition, offset] of done) partition.committed = offset;
    }
    return answer;
  }

  /**
   * What the offsets to commit name may be gone, with a topic that was deleted. The group takes it away by itself;
   * until then the member lives on without committing.
   */
  private async send(
    request: JsonPollRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ answer: PollAnswer; committed: boolean }> {
    try {
      return { answer: await this.api.poll(request, signal), committed: request.commit !== 'none' };
    } catch (error) {
      const gone = error instanceof MillraceClientError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';
      if (!gone || !Array.isArray(request.commit) || request.commit.length === 0) throw error;
      return { answer: await this.api.poll({ ...request, commit: 'none' }, signal), committed: false };
    }
  }

  private joining(): JsonPollRequest {
    this.joinId ??= newJoinId(this.random);
    return { ...introduction(this.settings), join_id: this.joinId };
  }

  private place(): JsonPollRequest {
    const cursor = this.heldCursor ?? this.cursor;
    return cursor === undefined ? {} : { cursor };
  }

  private cursorFrom(answer: PollAnswer): void {
    const before = this.cursor;
    const { assigned, revoked, lost } = this.assignment.follow(answer);
    this.cursor = answer.cursor;
    if (revoked.length > 0) this.heldCursor = before;
    this.tell('lost', lost);
    this.tell('revoked', revoked);
    this.tell('assigned', assigned);
  }

  private tell(kind: RebalanceEvent['kind'], partitions: OwnedPartition[]): void {
    if (partitions.length === 0) return;
    this.events.push({ kind, partitions });
    this.announce();
  }

  /** Nothing is this member's any more, and the next poll joins as another one. */
  private lose(): void {
    const partitions = [...this.assignment];
    this.assignment.end(partitions);
    this.memberId = undefined;
    this.joinId = undefined;
    this.generation = 0;
    this.cursor = undefined;
    this.heldCursor = undefined;
    this.heartbeatWanted = false;
    this.acknowledging = false;
    this.tell('lost', partitions);
  }
}

function idlePauseMs(before: number): number {
  return Math.min(clientLimits.clientIdlePauseMsMin * 2 ** before, clientLimits.clientIdlePauseMsMax);
}
