/**
 * The part of the API that a consumer talks to, as its `fetch`: one group over logs in memory, as docs/http-api.md says
 * it. Who owns what is the test's to say, and requests fail on demand: before or after they did something.
 */
import type { JsonCommitRequest, JsonPollRequest } from '../../lib/client/consumer/groups-api.ts';
import type { Clock } from '../../lib/kernel/clock.ts';

export type GroupFault =
  /** It never arrives. */
  | 'lost-request'
  /** It is done, and nobody hears of it. */
  | 'lost-answer'
  | { status: number; code: string; retriable: boolean; retryAfter?: number };

export interface GroupCall {
  verb: string;
  body: JsonPollRequest & JsonCommitRequest & { keep_seat?: boolean };
  atMs: number;
}

interface FakeMember {
  epoch: number;
  owned: Set<string>;
}

type Fault = (call: GroupCall, index: number) => GroupFault | undefined;

const LOOK_MS = 50;

export class FakeGroupsApi {
  readonly calls: GroupCall[] = [];
  readonly members = new Map<string, FakeMember>();
  /** What each member is to own; who joins gets all that nobody is to own, unless the test has said otherwise. */
  readonly target = new Map<string, Set<string>>();
  /** By `topic/partition`: values; `null` is an offset that is passed over. */
  readonly logs = new Map<string, (string | null)[]>();
  readonly committed = new Map<string, number>();
  fault: Fault = () => undefined;
  /** The offsets that were committed, in order. */
  readonly commits: string[] = [];
  inFlight = 0;
  inFlightMost = 0;
  private joined = 0;
  private readonly joinIds = new Map<string, string>();
  private epochs = 0;
  private readonly clock: Clock;

  constructor({ clock, partitions }: { clock: Clock; partitions: readonly string[] }) {
    this.clock = clock;
    for (const name of partitions) this.logs.set(name, []);
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const verb = new URL(input instanceof Request ? input.url : input).pathname.split('/').at(-1) ?? '';
    const body = JSON.parse(init?.body as string) as GroupCall['body'];
    const call: GroupCall = { verb, body, atMs: this.clock.monotonic() };
    const fault = this.fault(call, this.calls.push(call) - 1);
    if (fault === 'lost-request') throw new TypeError('fetch failed');
    if (typeof fault === 'object') return problem(fault);
    if (verb === 'poll') this.inFlightMost = Math.max(this.inFlightMost, ++this.inFlight);
    try {
      const answer = await this.answer(call, init?.signal ?? undefined);
      init?.signal?.throwIfAborted();
      if (fault === 'lost-answer') throw new TypeError('fetch failed');
      return answer;
    } finally {
      if (verb === 'poll') this.inFlight--;
    }
  };

  /** Appends to a partition; returns how long its log is. */
  write(name: string, ...values: (string | null)[]): number {
    return this.logs.get(name)?.push(...values) ?? 0;
  }

  polls(): GroupCall[] {
    return this.calls.filter(({ verb }) => verb === 'poll');
  }

  /** From now on the member is to own exactly these. */
  assign(member: string, ...names: string[]): void {
    this.target.set(member, new Set(names));
  }

  /** The member's session is over. */
  expire(member: string): void {
    this.members.delete(member);
    this.target.delete(member);
  }

  private async answer({ verb, body }: GroupCall, signal: AbortSignal | undefined): Promise<Response> {
    if (verb === 'poll') return this.poll(body, signal);
    const member = this.members.get(body.member ?? '');
    if (member === undefined) return problem({ status: 409, code: 'UNKNOWN_MEMBER_ID', retriable: false });
    if (verb === 'leave') {
      if (body.cursor !== undefined) this.commitAll(decoded(body.cursor).positions, member);
      this.expire(body.member ?? '');
      return new Response(null, { status: 204 });
    }
    if (body.generation !== member.epoch) {
      return problem({ status: 409, code: 'FENCED_MEMBER_EPOCH', retriable: false });
    }
    return this.commitOffsets(body.offsets, member) ?? new Response(null, { status: 204 });
  }

  private async poll(body: JsonPollRequest, signal: AbortSignal | undefined): Promise<Response> {
    const id = body.member ?? this.join(body.join_id);
    const member = this.members.get(id);
    if (member === undefined) return problem({ status: 409, code: 'UNKNOWN_MEMBER_ID', retriable: false });
    const cursor = body.cursor === undefined ? { epoch: -1, positions: {} } : decoded(body.cursor);
    if (body.commit === 'delivered' && cursor.epoch === member.epoch) this.commitAll(cursor.positions, member);
    if (Array.isArray(body.commit)) {
      const refused = this.commitOffsets(body.commit as { topic: string; partition: number; offset: number }[], member);
      if (refused !== undefined) return refused;
    }
    const { epoch } = member;
    const revoked = this.follow(id, member, new Set(Object.keys(cursor.positions)));
    const positions = this.positionsOf({ owned: member.owned, epoch }, revoked, cursor, body);
    const paused = new Set(
      (body.paused ?? []).flatMap(({ topic, partitions }) => partitions.map((n) => `${topic}/${n}`)),
    );
    const endMs = this.clock.monotonic() + (body.wait_ms ?? 0);
    let records = this.take(positions, paused, body.max_records ?? 500);
    const target = this.target.get(id);
    while (records.length === 0 && revoked.length === 0 && this.clock.monotonic() < endMs && body.max_records !== 0) {
      await this.clock.sleep(LOOK_MS, signal);
      signal?.throwIfAborted();
      if (this.target.get(id) !== target || !this.members.has(id)) break;
      records = this.take(positions, paused, body.max_records ?? 500);
    }
    const kept = Object.keys(positions);
    return answer(200, {
      member: id,
      generation: member.epoch,
      cursor: JSON.stringify({ epoch: member.epoch, positions }),
      assignment: kept.map(nameOf).map(({ topic, partition }) => ({ topic, partitions: [partition] })),
      records,
      revoked: revoked.map(nameOf).map(({ topic, partition }) => ({ topic, partitions: [partition] })),
    });
  }

  private join(joinId: string | undefined): string {
    const known = joinId === undefined ? undefined : this.joinIds.get(joinId);
    if (known !== undefined) return known;
    const id = `m-${++this.joined}`;
    if (joinId !== undefined) this.joinIds.set(joinId, id);
    this.members.set(id, { epoch: ++this.epochs, owned: new Set() });
    const wanted = new Set([...this.target.values()].flatMap((names) => Array.from(names)));
    if (!this.target.has(id)) this.assign(id, ...[...this.logs.keys()].filter((name) => !wanted.has(name)));
    return id;
  }

  /** What the member still has to give up. */
  private follow(id: string, member: FakeMember, reported: ReadonlySet<string>): string[] {
    const target = this.target.get(id) ?? new Set();
    const taken = [...member.owned].filter((name) => !target.has(name));
    if (taken.some((name) => reported.has(name))) return taken;
    for (const name of taken) member.owned.delete(name);
    if (taken.length > 0) member.epoch = ++this.epochs;
    const others = [...this.members.values()].filter((other) => other !== member);
    for (const name of target) if (!others.some(({ owned }) => owned.has(name))) member.owned.add(name);
    return [];
  }

  private positionsOf(
    { owned, epoch }: FakeMember,
    revoked: readonly string[],
    cursor: { epoch: number; positions: Record<string, number> },
    { auto_offset_reset, seek = [] }: JsonPollRequest,
  ): Record<string, number> {
    const sought = new Map(seek.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
    const kept = [...owned].filter((name) => !revoked.includes(name));
    return Object.fromEntries(
      kept.map((name) => {
        const exact = cursor.epoch === epoch ? cursor.positions[name] : undefined;
        const reset = auto_offset_reset === 'earliest' ? 0 : (this.logs.get(name)?.length ?? 0);
        return [name, sought.get(name) ?? exact ?? this.committed.get(name) ?? reset];
      }),
    );
  }

  private take(positions: Record<string, number>, paused: ReadonlySet<string>, max: number) {
    return Object.keys(positions).flatMap((name) => {
      if (paused.has(name)) return [];
      const from = positions[name] as number;
      const values = this.logs.get(name)?.slice(from, from + max) ?? [];
      positions[name] = from + values.length;
      return values.flatMap((value, index) => {
        if (value === null) return [];
        return [{ ...nameOf(name), offset: from + index, timestamp: 7, key: null, value, headers: [] }];
      });
    });
  }

  private commitAll(positions: Record<string, number>, { owned }: FakeMember): void {
    for (const [name, offset] of Object.entries(positions)) if (owned.has(name)) this.set(name, offset);
  }

  private commitOffsets(
    offsets: readonly { topic: string; partition: number; offset: number }[],
    { owned }: FakeMember,
  ): Response | undefined {
    const named = offsets.map(({ topic, partition, offset }) => ({ name: `${topic}/${partition}`, offset }));
    if (!named.every(({ name }) => owned.has(name))) {
      return problem({ status: 400, code: 'INVALID_REQUEST', retriable: false });
    }
    for (const { name, offset } of named) this.set(name, offset);
    return undefined;
  }

  private set(name: string, offset: number): void {
    if (this.committed.get(name) === offset) return;
    this.committed.set(name, offset);
    this.commits.push(`${name}@${offset}`);
  }
}

function decoded(cursor: string): { epoch: number; positions: Record<string, number> } {
  return JSON.parse(cursor) as { epoch: number; positions: Record<string, number> };
}

function nameOf(name: string): { topic: string; partition: number } {
  const [topic = '', partition] = name.split('/');
  return { topic, partition: Number(partition) };
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}

function problem({ status, code, retriable, retryAfter }: Exclude<GroupFault, string>): Response {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  return answer(status, { title: code, status, detail: `${code} happened`, code, retriable, effect: 'none' }, headers);
}
