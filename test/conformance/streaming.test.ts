import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();

interface StreamEvent {
  id?: string;
  event?: string;
  data?: string;
  retry?: string;
  comment?: string;
}

/** Server-sent events as the HTML standard reads them, as they come. */
class Tail {
  private readonly events: StreamEvent[] = [];
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly leave: AbortController;
  private text = '';
  private ended = false;

  private constructor(body: ReadableStream<Uint8Array>, leave: AbortController) {
    this.reader = body.getReader();
    this.leave = leave;
  }

  static async open(path: string, headers: Record<string, string> = {}): Promise<Tail> {
    const leave = new AbortController();
    const answer = await target.send('GET', path, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: leave.signal,
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    return new Tail(answer.body as ReadableStream<Uint8Array>, leave);
  }

  /** The next event that has data; `undefined` at the end of the stream. */
  async record(): Promise<{ id: number; value: unknown } | undefined> {
    for (;;) {
      const event = await this.next();
      if (event === undefined) return undefined;
      if (event.data !== undefined) {
        const record = JSON.parse(event.data) as { offset: number; value: unknown };
        assert.equal(event.id, String(record.offset));
        return { id: record.offset, value: record.value };
      }
    }
  }

  /** All that is left, to the end of the stream. */
  async rest(): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) events.push(event);
    return events;
  }

  close(): void {
    this.leave.abort();
  }

  private async next(): Promise<StreamEvent | undefined> {
    while (this.events.length === 0 && !this.ended) {
      const { done, value } = await this.reader.read();
      this.ended = done;
      this.text += Buffer.from(value ?? []).toString();
      const blocks = this.text.split('\n\n');
      this.text = blocks.pop() ?? '';
      this.events.push(...blocks.map(parseEvent));
    }
    return this.events.shift();
  }
}

function parseEvent(block: string): StreamEvent {
  return Object.fromEntries(
    block.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon) || 'comment', line.slice(colon + 1).replace(/^ /, '')];
    }),
  );
}

const path = (topic: string, query: string) => `/v1/topics/${topic}/partitions/0/records${query}`;

describe('a live tail', () => {
  test('sends what is there as events, with offsets as ids', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a\nb' }, { value: { c: 1 } }]);
    const tail = await Tail.open(path(topic, '?offset=earliest&encoding=json'));
    expect([await tail.record(), await tail.record()]).toEqual([
      { id: 0, value: 'a\nb' },
      { id: 1, value: { c: 1 } },
    ]);
    tail.close();
  });

  test.runIf(target.streaming)('sends what comes, as it comes', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'before' }]);
    const tail = await Tail.open(path(topic, '?offset=latest'));
    for (let index = 0; index < 5; index++) {
      await target.produce(topic, [{ value: `live ${index}` }]);
      expect(await tail.record()).toEqual({ id: 1 + index, value: `live ${index}` });
    }
    tail.close();
  });

  test('resumes after Last-Event-ID, whatever the query says', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
    for (const query of ['?offset=earliest', '?offset=latest', '']) {
      const tail = await Tail.open(path(topic, query), { 'last-event-id': '0' });
      expect(await tail.record()).toEqual({ id: 1, value: 'b' });
      tail.close();
    }
  });

  test('loses and repeats nothing over many connections', async () => {
    const topic = await target.topic();
    const values = Array.from({ length: 40 }, (_, index) => `value ${index}`);
    const producing = (async () => {
      for (const value of values) await target.produce(topic, [{ value }]);
    })();
    const seen: unknown[] = [];
    let lastId = '';
    while (seen.length < values.length) {
      const tail = await Tail.open(
        path(topic, '?offset=earliest&max_records=7&wait_ms=5000'),
        lastId === '' ? {} : { 'last-event-id': lastId },
      );
      for (let record = await tail.record(); record !== undefined; record = await tail.record()) {
        seen.push(record.value);
        lastId = String(record.id);
      }
    }
    await producing;
    expect(seen).toEqual(values);
  });

  test('ends cleanly, with retry, after wait_ms of silence', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }]);
    const tail = await Tail.open(path(topic, '?offset=0&wait_ms=500'));
    const events = await tail.rest();
    expect(events.filter(({ data }) => data !== undefined)).toHaveLength(1);
    expect(Number(events.at(-1)?.retry)).toBeGreaterThan(0);
  });

  test('has errors as problems before it begins', async () => {
    const topic = await target.topic();
    const ask = (query: string, headers: Record<string, string> = {}) =>
      target.call('GET', path(topic, query), { headers: { accept: 'text/event-stream', ...headers } });
    expect(await ask('?offset=1')).toMatchObject({ status: 416, json: { code: 'OFFSET_OUT_OF_RANGE' } });
    expect(await ask('')).toMatchObject({ status: 400, json: { field: 'offset' } });
    expect(await ask('?offset=0', { 'last-event-id': 'x' })).toMatchObject({
      status: 400,
      json: { field: 'Last-Event-ID' },
    });
    expect(
      (await target.call('GET', path(target.freshName(), '?offset=0'), { headers: { accept: 'text/event-stream' } }))
        .status,
    ).toBe(404);
  });

  test.runIf(target.streaming)('costs a reader that does not read nothing but its own', async () => {
    const topic = await target.topic({ config: { 'max.message.bytes': 2_000_000 } });
    const value = 'x'.repeat(500_000);
    const slow = await Tail.open(path(topic, '?offset=earliest'));
    for (let index = 0; index < 30; index++) await target.produce(topic, [{ value }]);
    const beganMs = performance.now();
    expect((await target.call('GET', '/healthz')).status).toBe(200);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    for (let index = 0; index < 30; index++) expect((await slow.record())?.id).toBe(index);
    slow.close();
  });
});

describe('lines', () => {
  test.runIf(target.streaming)('are answered while more are being sent', async () => {
    const topic = await target.topic();
    let send: (text: string) => void = () => {};
    let finish: () => void = () => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        send = (text) => controller.enqueue(new TextEncoder().encode(text));
        finish = () => controller.close();
      },
    });
    const init = {
      method: 'POST',
      headers: { authorization: `Bearer ${target.key ?? ''}`, 'content-type': 'application/x-ndjson' },
      body,
      duplex: 'half',
    };
    const asked = fetch(`${target.url}/v1/topics/${topic}/records`, init as RequestInit);
    send('{"value":"first"}\n');
    await expect.poll(async () => (await target.fetchAll(topic)).length, { timeout: 10_000 }).toBe(1);
    send('{"value":"second"}\nnonsense\n');
    finish();
    const answer = await asked;
    const lines = (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { offset?: number; error?: { status: number } });
    expect(lines.map(({ offset, error }) => offset ?? error?.status)).toEqual([0, 1, 400]);
    expect((await target.fetchAll(topic)).map(({ value }) => value)).toEqual(['first', 'second']);
  });
});
