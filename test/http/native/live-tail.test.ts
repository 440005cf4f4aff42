import { describe, expect, test } from 'vitest';
import { WaitingRequests } from '../../../lib/http/waiting.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { type HttpWorldOptions, httpWorld } from '../../support/http-world.ts';
import { whileTimePasses } from '../../support/passing-time.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const PATH = '/v1/topics/t/partitions/0/records';

/** A topic `t`, and the reading of its tail piece by piece under a clock that the test moves. */
async function world(options: HttpWorldOptions = {}) {
  const clock = new VirtualClock();
  const waiting = new WaitingRequests(2);
  const opened = httpWorld({ clock, waiting, ...options });
  await opened.call('POST', '/v1/topics', { name: 't' });
  const produce = (...values: string[]) =>
    opened.call('POST', '/v1/topics/t/records', { records: values.map((value) => ({ value })) });
  const tail = async (query: string, headers: Record<string, string> = {}) => {
    const answer = await opened.call('GET', `${PATH}?${query}`, undefined, { accept: 'text/event-stream', ...headers });
    const reader = answer.body?.getReader();
    const decoder = new TextDecoder();
    /** The next piece, moving time on in steps until it comes; `undefined` at the end. */
    const piece = async (stepMs = 100): Promise<string | undefined> => {
      if (reader === undefined) return undefined;
      const { value } = await whileTimePasses(clock, reader.read(), stepMs);
      return value && decoder.decode(value);
    };
    return { answer, piece, cancel: () => reader?.cancel() };
  };
  return { ...opened, clock, waiting, produce, tail };
}

const ids = (text: string | undefined) => Array.from((text ?? '').matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id));

describe('a live tail', () => {
  test('sends what is there, then what comes, each with its offset as id', async () => {
    const { produce, tail, waiting } = await world();
    await produce('a', 'b');
    const { answer, piece, cancel } = await tail('offset=earliest');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const first = await piece();
    expect(first).toMatch(/^retry: \d+\n\n/);
    expect(ids(first)).toEqual([0, 1]);
    expect(first).toContain('"value":"b"');
    await produce('c');
    expect(ids(await piece())).toEqual([2]);
    expect(waiting.waiting).toBe(1);
    await cancel();
    expect(waiting.waiting).toBe(0);
  });

  test('begins after the event that the client saw last, whatever the query says', async () => {
    const { produce, tail } = await world();
    await produce('a', 'b', 'c');
    const { piece, cancel } = await tail('offset=earliest', { 'last-event-id': '0' });
    expect(ids(await piece())).toEqual([1, 2]);
    await cancel();
    const resumed = await tail('', { 'last-event-id': '2' });
    expect(ids(await resumed.piece())).toEqual([]);
    await produce('d');
    expect(ids(await resumed.piece())).toEqual([3]);
    await resumed.cancel();
  });

  test.each(['x', '-1', '1.5', '9007199254740991', '1e3'])('refuses the Last-Event-ID %s', async (id) => {
    const { tail } = await world();
    expect((await tail('offset=0', { 'last-event-id': id })).answer.status).toBe(400);
  });

  test('misses nothing between "latest" and the first record after it', async () => {
    const { produce, tail } = await world();
    await produce('a');
    const { piece, cancel } = await tail('offset=latest');
    await produce('b');
    expect(ids(await piece())).toEqual([]);
    expect(ids(await piece())).toEqual([1]);
    await cancel();
  });

  test('says that it is alive when nothing comes', async () => {
    const { clock, tail } = await world();
    const { piece, cancel } = await tail('offset=0');
    await piece();
    const beganMs = clock.now();
    expect(await piece()).toBe(': nothing new\n\n');
    expect(clock.now() - beganMs).toBeGreaterThanOrEqual(requestLimits.liveTailHeartbeatMs);
    expect(clock.now() - beganMs).toBeLessThan(requestLimits.liveTailHeartbeatMs + 1_000);
    await cancel();
  });

  test('ends cleanly, with retry, when its time is over, and gives its place back', async () => {
    const { clock, tail, waiting } = await world({ liveTailMsMax: 40_000 });
    const { piece } = await tail('offset=0');
    const beganMs = clock.now();
    const pieces: (string | undefined)[] = [];
    do pieces.push(await piece());
    while (pieces.at(-1) !== undefined);
    expect(pieces.slice(1)).toEqual([
      ': nothing new\n\n',
      ': nothing new\n\n',
      ': nothing new\n\n',
      expect.stringMatching(/^retry: \d+\n\n$/),
      undefined,
    ]);
    expect(clock.now() - beganMs).toBeLessThan(42_000);
    expect(waiting.waiting).toBe(0);
  });

  test('ends after wait_ms of silence, counted from the last record', async () => {
    const { clock, produce, tail } = await world();
    const { piece } = await tail('offset=0&wait_ms=5000');
    await piece();
    clock.advance(4_000);
    await produce('a');
    expect(ids(await piece())).toEqual([0]);
    const lastMs = clock.now();
    let text: string | undefined;
    do text = await piece();
    while (text?.startsWith('retry:') === false);
    expect(await piece()).toBeUndefined();
    expect(clock.now() - lastMs).toBeGreaterThanOrEqual(5_000);
    expect(clock.now() - lastMs).toBeLessThan(7_000);
  });

  test('ends when max_records or max_bytes are used up', async () => {
    const { produce, tail } = await world();
    await produce('a', 'b', 'c');
    const byCount = await tail('offset=0&max_records=2');
    expect(ids(await byCount.piece())).toEqual([0, 1]);
    expect(await byCount.piece()).toMatch(/^retry/);
    expect(await byCount.piece()).toBeUndefined();
    const byBytes = await tail('offset=0&max_bytes=150');
    const seen: number[] = [];
    for (let text = await byBytes.piece(); text !== undefined; text = await byBytes.piece()) seen.push(...ids(text));
    expect(seen).toEqual([0]);
  });

  test('ends at once when the process drains', async () => {
    const draining = new AbortController();
    const { tail, waiting } = await world({ draining: draining.signal });
    const { piece } = await tail('offset=0');
    await piece();
    draining.abort();
    const rest = [await piece(0), await piece(0), await piece(0)].filter((text) => text !== undefined);
    expect(rest.at(-1)).toMatch(/^retry/);
    expect(waiting.waiting).toBe(0);
  });

  test('tells a fault in the middle by an event, without an end to its promises', async () => {
    const { call, tail, waiting } = await world();
    const { piece } = await tail('offset=0');
    await piece();
    await call('DELETE', '/v1/topics/t');
    let text: string | undefined;
    do text = await piece();
    while (text?.startsWith(':') === true);
    expect(text).toMatch(/^event: problem\ndata: \{.*"code":"UNKNOWN_TOPIC_OR_PARTITION"/);
    expect(await piece()).toBeUndefined();
    expect(waiting.waiting).toBe(0);
  });

  test('has faults before it begins as its own answer', async () => {
    const { tail, waiting } = await world();
    const { answer } = await tail('offset=5');
    expect(answer.status).toBe(416);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(waiting.waiting).toBe(0);
  });

  test('is one of a bounded number', async () => {
    const { tail } = await world();
    const tails = [await tail('offset=0'), await tail('offset=0')];
    const { answer } = await tail('offset=0');
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('1');
    for (const { cancel } of tails) await cancel();
    expect((await tail('offset=0')).answer.status).toBe(200);
  });

  test('has the headers of GET and takes no place when asked by HEAD', async () => {
    const { call, waiting } = await world();
    const answer = await call('HEAD', `${PATH}?offset=0`, undefined, { accept: 'text/event-stream' });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(waiting.waiting).toBe(0);
  });
});

describe('a door that cannot stream', () => {
  test('answers a live tail like a long poll and closes', async () => {
    const { produce, tail, waiting } = await world({ streaming: false });
    await produce('a', 'b');
    const { answer, piece } = await tail('offset=1');
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const text = await piece();
    expect(ids(text)).toEqual([1]);
    expect(text).toMatch(/retry: \d+\n\n$/);
    expect(await piece()).toBeUndefined();
    expect(waiting.waiting).toBe(0);
  });

  test('waits as long as a poll may, or as asked', async () => {
    const { call, clock } = await world({ streaming: false });
    for (const [query, waitMs] of [
      ['', requestLimits.fetchWaitMsMax],
      ['&wait_ms=3000', 3_000],
    ] as const) {
      const beganMs = clock.now();
      const asked = call('GET', `${PATH}?offset=0${query}`, undefined, { accept: 'text/event-stream' });
      const answer = await whileTimePasses(clock, asked);
      expect(await answer.text()).toMatch(/^retry: \d+\n\n$/);
      expect(clock.now() - beganMs).toBeGreaterThanOrEqual(waitMs);
      expect(clock.now() - beganMs).toBeLessThan(waitMs + 2_000);
    }
  });
});
