/** Consumers of groups over HTTP, for the suites about them. */
import { expect } from 'vitest';
import type { Answer, AnswerJson, RecordJson, Target } from './target.ts';

let names = 0;

export function freshGroup(): string {
  return `group-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${names++}`;
}

export interface PollBody {
  member?: string;
  cursor?: string;
  topics?: string[];
  topic_pattern?: string;
  max_records?: number;
  wait_ms?: number;
  auto_offset_reset?: string;
  commit?: unknown;
  session_timeout_ms?: number;
  instance_id?: string;
  assignor?: string;
}

/** What the suites ask a target about groups. */
export function groupsOf(target: Target) {
  const post = (group: string, action: 'poll' | 'leave' | 'commit', body: unknown): Promise<Answer> =>
    target.call('POST', `/v1/groups/${group}/${action}`, { body });

  /** A poll that goes well. */
  async function poll(group: string, body: PollBody): Promise<AnswerJson> {
    const answer = await post(group, 'poll', { auto_offset_reset: 'earliest', ...body });
    expect(answer.status, answer.text).toBe(200);
    return answer.json;
  }

  async function committed(group: string): Promise<[number, number][]> {
    const { offsets } = (await target.call('GET', `/v1/groups/${group}/offsets`)).json;
    return offsets.map(({ partition, offset }) => [partition, offset]);
  }

  const consumer = (group: string, body: PollBody) => new Consumer(poll, group, body);
  return { post, poll, committed, consumer };
}

/** A consumer's loop, one turn at a time. */
export class Consumer {
  last: AnswerJson | undefined;
  readonly records: RecordJson[] = [];
  private readonly send: (group: string, body: PollBody) => Promise<AnswerJson>;
  private readonly group: string;
  private readonly body: PollBody;

  constructor(send: (group: string, body: PollBody) => Promise<AnswerJson>, group: string, body: PollBody) {
    this.send = send;
    this.group = group;
    this.body = body;
  }

  async poll(more: PollBody = {}): Promise<AnswerJson> {
    const { member, cursor } = this.last ?? {};
    const given = { ...this.body, ...(member !== undefined && { member, cursor }), ...more };
    this.last = await this.send(this.group, given);
    this.records.push(...this.last.records);
    return this.last;
  }

  get partitions(): number[] {
    return (this.last?.assignment ?? []).flatMap(({ partitions }) => partitions).sort((a, b) => a - b);
  }

  get values(): unknown[] {
    return this.records.map(({ value }) => value);
  }
}
