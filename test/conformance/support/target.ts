/**
 * The server that the suite asks, as any client from outside would.
 *
 * `MILLRACE_URL` names one that runs, with `MILLRACE_API_KEY` (scope admin) where it wants a key, and
 * `MILLRACE_STREAMING=0` where it cannot stream, and `MILLRACE_TRIGGER_TARGET`, the ARN of a function that triggers may
 * have. Without them every file starts the local server, embedded and in memory. Every answer is held against the
 * server's own OpenAPI document, and a server of our own must not have logged an error at the end.
 */
import assert from 'node:assert/strict';
import { afterAll, beforeAll } from 'vitest';
import { arnPatternPolicy } from '../../../lib/broker/triggers/target-policy.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { startServer } from '../../../lib/local/server.ts';
import { misfits, type OpenApiDocument } from './openapi.ts';

export interface Answer {
  status: number;
  headers: Headers;
  contentType: string | undefined;
  bytes: Uint8Array;
  text: string;
  /** Of JSON and problems; which properties are there depends on the answer. */
  json: AnswerJson;
}

/** Every property that some answer has. */
export interface AnswerJson {
  // Problems
  status: number;
  detail: string;
  code: string;
  field: string;
  next_offset: number;
  // Topics
  name: string;
  topic_id: string;
  partitions: number;
  config: Record<string, string>;
  partition_details: { partition: number; high_watermark: number; log_start_offset: number }[];
  topics: { name: string; partitions: number }[];
  next: string | undefined;
  // Records
  records: RecordJson[];
  high_watermark: number;
  log_start_offset: number;
  base_offset: number;
  record_count: number;
  offset: number | null;
  timestamp: number | null;
  segments: {
    url?: string;
    headers?: Record<string, string>;
    batches_base64?: string;
    base_offset: number;
    last_offset: number;
    bytes?: number;
    crc32c?: number;
  }[];
  expires_at: number | null;
  // Transactions and groups
  epoch: number | null;
  seq: number | null;
  abort_reason?: string;
  parts: number;
  timeout_ms: number;
  begun_at?: number;
  offsets: { topic: string; partition: number; offset: number; metadata?: string; leader_epoch?: number }[];
  groups: { group: string; state: string; member_count: number }[];
  state: string;
  members: { member: string | null; assignment: { topic: string; partitions: number[] }[] }[];
  member: string;
  generation: number;
  cursor: string;
  assignment: { topic: string; partitions: number[] }[];
  revoked: { topic: string; partitions: number[] }[];
  // Triggers
  lag: number;
  lag_ms: number;
  last_error?: { kind: string; message: string; at: number };
  triggers: { name: string }[];
  // Erasures
  erasures: { id: string; state: string }[];
  // Keys
  id: string;
  secret: string;
  keys: { id: string; scopes: string[]; topic_prefix?: string; created_at: number }[];
}

export interface RecordJson {
  topic?: string;
  partition?: number;
  offset: number;
  timestamp: number;
  key?: unknown;
  key_base64?: string | null;
  value?: unknown;
  value_base64?: string | null;
  headers: { key: string; value?: string | null; value_base64?: string | null }[];
  error?: { code: string; status: number };
}

export interface RequestOptions {
  /** JSON unless it is text or bytes. */
  body?: unknown;
  headers?: Record<string, string>;
  /** In place of the suite's own; `null` sends none. */
  key?: string | null;
}

/** It is not there, and nobody delivers: the suite is about the triggers' own API. */
const FUNCTION = 'arn:aws:lambda:eu-central-1:123456789012:function:conformance';

export class Target {
  url = process.env['MILLRACE_URL']?.replace(/\/$/, '') ?? '';
  key: string | undefined = process.env['MILLRACE_API_KEY'];
  readonly streaming = process.env['MILLRACE_STREAMING'] !== '0';
  readonly isOurs = this.url === '';
  /** Whether the server asks for keys. */
  readonly wantsKeys = this.isOurs || this.key !== undefined;
  /** A function that triggers may have; absent: the server lets them have none that the suite knows. */
  readonly function = this.isOurs ? FUNCTION : process.env['MILLRACE_TRIGGER_TARGET'];
  private document: OpenApiDocument | undefined;
  private readonly topics = new Set<string>();
  private readonly faults: unknown[] = [];
  private close: () => Promise<void> = () => Promise.resolve();

  async start(): Promise<void> {
    if (this.isOurs) {
      this.key = 'a-secret-for-the-conformance-suite';
      const note = (message: string, facts?: Record<string, unknown>) => this.faults.push([message, facts]);
      const server = await startServer(
        {
          host: '127.0.0.1',
          port: 0,
          storage: { kind: 'memory' },
          inlineBytesMax: storageLimits.inlineBytesMaxDefault,
          apiKeys: [{ id: 'conformance', secret: this.key }],
          corsOrigins: [],
        },
        {
          clock: systemClock,
          random: systemRandom,
          log: { info: () => {}, warn: () => {}, error: note },
          targetPolicy: arnPatternPolicy([FUNCTION]),
        },
      );
      this.url = server.url;
      this.close = () => server.close();
    }
    const answer = await this.send('GET', '/v1/openapi.json');
    this.document = (await answer.json()) as OpenApiDocument;
  }

  async stop(): Promise<void> {
    for (const topic of this.topics) await this.send('DELETE', `/v1/topics/${topic}`);
    await this.close();
    assert.deepEqual(this.faults, []);
  }

  /** A new topic with a name of its own; it is deleted at the end. */
  async topic(settings: { partitions?: number; config?: Record<string, unknown> } = {}): Promise<string> {
    const name = this.freshName();
    const answer = await this.call('POST', '/v1/topics', { body: { name, ...settings } });
    assert.equal(answer.status, 201, answer.text);
    return name;
  }

  /** A name that no topic has; whatever gets it is deleted at the end. */
  freshName(): string {
    const name = `conformance-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.topics.add(name);
    return name;
  }

  /** Deletes the topic at the end, should it be there then. */
  discard(name: string): void {
    this.topics.add(name);
  }

  async send(method: string, path: string, options: RequestOptions & { signal?: AbortSignal } = {}): Promise<Response> {
    const { body, headers = {}, key = this.key, signal } = options;
    const isJson = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
    return fetch(this.url + path, {
      method,
      headers: {
        ...(key === null || key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : (body as string) }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Sends, reads the whole answer, and holds it against the document. */
  async call(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await this.send(method, path, options);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const contentType = response.headers.get('content-type') ?? undefined;
    const text = Buffer.from(bytes).toString();
    const isJson = contentType === 'application/json' || contentType === 'application/problem+json';
    const json: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
    const { status, headers } = response;
    if (this.document !== undefined) {
      assert.deepEqual(misfits(this.document, { method, path, status, contentType, json }), [], `${method} ${path}`);
    }
    if (json !== undefined && contentType === 'application/problem+json') {
      assert.equal((json as { status: number }).status, status);
    }
    for (const problem of problemsIn(json)) assertSentence(problem);
    return { status, headers, contentType, bytes, text, json: json as AnswerJson };
  }

  /** Records into the topic; they must all be written. */
  async produce(topic: string, records: unknown[]): Promise<RecordJson[]> {
    const answer = await this.call('POST', `/v1/topics/${topic}/records`, { body: { records } });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.records;
  }

  /** What a partition's records say from the beginning, the whole of it. */
  async fetchAll(topic: string, partition = 0, query = ''): Promise<RecordJson[]> {
    const records: RecordJson[] = [];
    for (let offset = 0; ; ) {
      const { json } = await this.call(
        'GET',
        `/v1/topics/${topic}/partitions/${partition}/records?offset=${offset}${query}`,
      );
      if (json.records.length === 0) return records;
      records.push(...json.records);
      offset = json.next_offset;
    }
  }
}

interface ProblemJson {
  detail: string;
  field?: string;
}

/** The answer itself where it is a problem, or those of the records that failed. */
function problemsIn(json: unknown): ProblemJson[] {
  const { detail, records = [] } = (json ?? {}) as { detail?: unknown; records?: { error?: ProblemJson }[] };
  if (typeof detail === 'string') return [json as ProblemJson];
  return Array.isArray(records) ? records.flatMap((record) => record.error ?? []) : [];
}

/** A capital letter, something quoted, a number, or a name, which keeps its case; then a full stop at the end. */
function assertSentence({ detail, field }: ProblemJson): void {
  const begins = /^(?:[A-Z"]|-?\d|[a-z]+[._[]\S|replication factor )/.test(detail);
  const namesField = field !== undefined && detail.startsWith(`${field} `);
  assert.ok((begins || namesField) && /[^.\s]\.$/.test(detail), `not a sentence: ${detail}`);
}

/** A target for all tests of a file. */
export function useTarget(): Target {
  const target = new Target();
  beforeAll(() => target.start());
  afterAll(() => target.stop());
  return target;
}
