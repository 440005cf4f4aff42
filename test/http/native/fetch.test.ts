import { describe, expect, test } from 'vitest';
import { WaitingRequests } from '../../../lib/http/waiting.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { type HttpWorldOptions, httpWorld, listeningWorld } from '../../support/http-world.ts';
import { turn, whileTimePasses } from '../../support/passing-time.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const PATH = '/v1/topics/t/partitions/0/records';

async function world(options: HttpWorldOptions = {}) {
  const opened = httpWorld(options);
  await opened.call('POST', '/v1/topics', { name: 't' });
  const produce = async (...values: string[]) => {
    await opened.call('POST', '/v1/topics/t/records', { records: values.map((value) => ({ value })) });
  };
  const get = async (query: string, headers: Record<string, string> = {}) => {
    const answer = await opened.call('GET', `${PATH}${query}`, undefined, headers);
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body: isJson(answer) ? (JSON.parse(text) as Answer) : undefined,
    };
  };
  return { ...opened, produce, get };
}

const isJson = (answer: Response) =>
  /(?:json|problem.json)$/.test((answer.headers.get('content-type') ?? '').replace('x-ndjson', ''));

/** What an answer has beside records: a live tail's `retry`, at both of its ends. */
const FRAMES = { 'application/json': 0, 'application/x-ndjson': 0, 'text/event-stream': 2 * 'retry: 1000\n\n'.length };

interface Answer {
  records: { offset: number; value: string }[];
  next_offset: number;
  field?: string;
}

describe('fetch', () => {
  test.each([
    ['?offset=0', [0, 1, 2, 3]],
    ['?offset=earliest', [0, 1, 2, 3]],
    ['?offset=2', [2, 3]],
    ['?offset=latest', []],
    ['?offset=-1', [3]],
    ['?offset=-0', []],
    ['?offset=-100', [0, 1, 2, 3]],
    ['?timestamp=0', [0, 1, 2, 3]],
    ['?timestamp=9007199254740991', []],
    ['?offset=1&max_records=2', [1, 2]],
    ['?offset=0&max_bytes=0', [0]],
  ])('%s has the records %j', async (query, offsets) => {
    const { produce, get } = await world();
    await produce('a', 'b', 'c', 'd');
    const { body } = await get(query);
    expect(body?.records.map(({ offset }) => offset)).toEqual(offsets);
    expect(body?.next_offset).toBe((offsets.at(-1) ?? 3) + 1);
  });

  test.each([
    ['', 'offset'],
    ['?offset=', 'offset'],
    ['?offset=first', 'offset'],
    ['?offset=1.0', 'offset'],
    ['?offset=--1', 'offset'],
    ['?offset=9007199254740992', 'offset'],
    ['?offset=0&timestamp=0', 'timestamp'],
    ['?timestamp=-1', 'timestamp'],
    ['?offset=0&max_records=0', 'max_records'],
    ['?offset=0&max_records=-5', 'max_records'],
    ['?offset=0&wait_ms=1s', 'wait_ms'],
    ['?offset=0&encoding=hex', 'encoding'],
    ['?offset=0&maxRecords=1', 'maxRecords'],
  ])('%s is refused, naming %s', async (query, field) => {
    const { get } = await world();
    expect(await get(query)).toMatchObject({ status: 400, body: { field } });
  });

  test('is never longer than max_bytes, but for one record', async () => {
    const { produce, get } = await world();
    await produce(...Array.from({ length: 50 }, (_, index) => `"${index}"`.repeat(10)));
    for (const type of ['application/json', 'application/x-ndjson', 'text/event-stream'] as const) {
      for (const maxBytes of [1, 200, 1_000, 3_000, 100_000]) {
        const { text } = await get(`?offset=0&max_bytes=${maxBytes}&wait_ms=0`, { accept: type });
        const count = text.split('"offset":').length - 1;
        expect(count).toBeGreaterThan(0);
        expect(text.length <= maxBytes + FRAMES[type] || count === 1).toBe(true);
        expect(count === 50).toBe(maxBytes === 100_000);
      }
    }
  });

  test('lines and batches say in headers where the next fetch begins', async () => {
    const { produce, get } = await world();
    await produce('a', 'b', 'c');
    const lines = await get('?offset=0&max_records=2', { accept: 'application/x-ndjson' });
    expect(
      lines.text.split('\n').map((line) => (line === '' ? '' : (JSON.parse(line) as { value: string }).value)),
    ).toEqual(['a', 'b', '']);
    expect(lines.headers.get('millrace-next-offset')).toBe('2');
    expect(lines.headers.get('millrace-high-watermark')).toBe('3');
    const raw = await get('?offset=0', { accept: 'application/vnd.millrace.batches' });
    expect(raw.headers.get('millrace-next-offset')).toBe('3');
    expect(Number(raw.headers.get('content-length'))).toBeGreaterThan(61);
    const none = await get('?offset=3', { accept: 'application/vnd.millrace.batches' });
    expect(none).toMatchObject({ status: 200, text: '' });
    for (const name of ['max_records=1', 'encoding=utf8']) {
      expect((await get(`?offset=0&${name}`, { accept: 'application/vnd.millrace.batches' })).status).toBe(400);
    }
  });

  test('offers nothing else', async () => {
    const { get } = await world();
    expect((await get('?offset=0', { accept: 'image/png' })).status).toBe(406);
  });
});

describe('a long poll', () => {
  const poll = async (options: HttpWorldOptions = {}) => {
    const clock = new VirtualClock();
    const waiting = new WaitingRequests(1);
    const opened = await world({ clock, waiting, ...options });
    const until = <T>(answer: Promise<T>) => whileTimePasses(clock, answer, 50);
    return { ...opened, clock, waiting, until };
  };

  test('is answered as soon as something comes', async () => {
    const { get, produce, clock, until } = await poll();
    const beganMs = clock.now();
    const answer = get('?offset=0&wait_ms=20000');
    await turn();
    await produce('a');
    expect((await until(answer)).body?.records).toHaveLength(1);
    expect(clock.now() - beganMs).toBeLessThan(2_000);
  });

  test('is answered empty when its time is over, which is at most 20 seconds', async () => {
    const { get, clock, until } = await poll();
    const beganMs = clock.now();
    expect((await until(get('?offset=0&wait_ms=600000'))).body).toMatchObject({ records: [], next_offset: 0 });
    expect(clock.now() - beganMs).toBeGreaterThanOrEqual(20_000);
    expect(clock.now() - beganMs).toBeLessThan(22_000);
  });

  test('is answered when the process drains', async () => {
    const draining = new AbortController();
    const { get, clock } = await poll({ draining: draining.signal });
    const answer = get('?offset=0&wait_ms=20000');
    await turn();
    draining.abort();
    expect((await answer).body?.records).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });

  test('takes one of a bounded number of places, and gives it back', async () => {
    const { get, waiting, until } = await poll();
    const first = get('?offset=0&wait_ms=1000');
    await turn();
    expect(waiting.waiting).toBe(1);
    expect((await get('?offset=0&wait_ms=1000')).status).toBe(429);
    expect((await get('?offset=0')).status).toBe(200);
    await until(first);
    expect(waiting.waiting).toBe(0);
    expect((await get('?offset=9&wait_ms=1000')).status).toBe(416);
    expect(waiting.waiting).toBe(0);
  });

  test('of a client that leaves ends', async () => {
    const waiting = new WaitingRequests();
    const { url, call } = await listeningWorld({ waiting });
    await call('POST', '/v1/topics', { name: 't' });
    for (const accept of ['application/json', 'text/event-stream', 'application/vnd.millrace.batches']) {
      const leave = new AbortController();
      const asked = fetch(`${url}${PATH}?offset=0&wait_ms=20000`, { headers: { accept }, signal: leave.signal });
      while (waiting.waiting === 0) await turn();
      leave.abort();
      await asked.then((answer) => answer.text()).catch(() => {});
      while (waiting.waiting > 0) await turn();
    }
    expect(waiting.waiting).toBe(0);
  });
});

describe('a signed URL', () => {
  const planned = async () => {
    const opened = await world({ inlineBytesMax: 0 });
    await opened.produce('a', 'b');
    const plan = (await (await opened.call('GET', '/v1/topics/t/partitions/0/plan?offset=0')).json()) as {
      segments: { url: string; headers: Record<string, string>; bytes: number; crc32c: number }[];
    };
    const segment = plan.segments[0];
    if (segment === undefined) throw new Error('no segment was planned');
    const { pathname, search } = new URL(segment.url);
    return { ...opened, segment, path: `${pathname}${search}` };
  };

  test('serves its range, without a key', async () => {
    const { call, segment, path } = await planned();
    const answer = await call('GET', path, undefined, segment.headers);
    expect(answer.status).toBe(206);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=900, immutable');
    expect(answer.headers.get('accept-ranges')).toBe('bytes');
    const [, first, last] = /^bytes (\d+)-(\d+)\/\*$/.exec(answer.headers.get('content-range') ?? '') ?? [];
    expect(`bytes=${first}-${last}`).toBe(segment.headers['range']);
    expect((await answer.arrayBuffer()).byteLength).toBe(segment.bytes);
    const head = await call('HEAD', path, undefined, segment.headers);
    expect(head.status).toBe(206);
    expect(await head.text()).toBe('');
  });

  test('serves it on the condition that the object is what it was, which it always is', async () => {
    const { call, segment, path } = await planned();
    const tag = (await call('GET', path, undefined, segment.headers)).headers.get('etag') ?? '';
    expect(tag).toMatch(/^"segments\/[a-z0-9/]+"$/);
    const onCondition = async (ifRange: string) =>
      (await call('GET', path, undefined, { ...segment.headers, 'if-range': ifRange })).status;
    expect(await onCondition(tag)).toBe(206);
    // That would be all of the object, which is not what was signed.
    expect(await onCondition('"another"')).toBe(403);
  });

  test('is the same for who plans the same range again soon', async () => {
    const clock = new VirtualClock();
    const { call, produce } = await world({ inlineBytesMax: 0, clock });
    await produce('a');
    const url = async () => {
      const plan = await call('GET', '/v1/topics/t/partitions/0/plan?offset=0');
      return ((await plan.json()) as { segments: [{ url: string }] }).segments[0].url;
    };
    const windowMs = storageLimits.presignedUrlMs / 3;
    clock.advance(windowMs - (clock.now() % windowMs));
    const first = await url();
    clock.advance(windowMs - 1);
    expect(await url()).toBe(first);
    clock.advance(1);
    expect(await url()).not.toBe(first);
  });

  test('of an object that is gone or has nothing there says which', async () => {
    const { call, broker, segment, path } = await planned();
    const [name = ''] = /segments\/[^?]+/.exec(path) ?? [];
    await broker.objects.delete([name]);
    expect((await call('GET', path, undefined, segment.headers)).status).toBe(404);
    await broker.objects.put(name, []);
    const answer = await call('GET', path, undefined, segment.headers);
    expect(answer.status).toBe(416);
    expect(answer.headers.get('content-range')).toBe('bytes */0');
  });

  test('serves nothing else', async () => {
    const { call, segment, path } = await planned();
    const status = async (url: string, headers: Record<string, string> = segment.headers) =>
      (await call('GET', url, undefined, headers)).status;
    expect(await status(path, {})).toBe(403);
    expect(await status(path, { range: 'bytes=0-1' })).toBe(403);
    expect(await status(path.replace(/range=\d+/, 'range=1'))).toBe(403);
    expect(await status(`${path}x`)).toBe(403);
    expect(await status(path.replace(/expires=\d/, 'expires=9'))).toBe(403);
    expect(await status(path.replace('/v1/objects/', '/v1/objects/../objects/x'))).toBe(403);
    expect(await status('/v1/objects/segments/x')).toBe(403);
    expect((await call('PUT', path, 'x', segment.headers)).status).toBe(404);
  });

  test('ends with its time', async () => {
    const clock = new VirtualClock();
    const opened = await world({ inlineBytesMax: 0, clock });
    await opened.produce('a');
    const plan = (await (await opened.call('GET', '/v1/topics/t/partitions/0/plan?offset=0')).json()) as {
      segments: { url: string; headers: Record<string, string> }[];
      expires_at: number;
    };
    const { url, headers } = plan.segments[0] ?? { url: '', headers: {} };
    const path = url.replace('http://localhost', '');
    expect((await opened.call('GET', path, undefined, headers)).status).toBe(206);
    clock.advance(plan.expires_at - clock.now());
    expect((await opened.call('GET', path, undefined, headers)).status).toBe(403);
  });
});

describe('a client that has gone', () => {
  const fetchWith = (opened: Awaited<ReturnType<typeof world>>, signal: AbortSignal, accept: string) =>
    opened.app.request(new Request(`http://localhost${PATH}?offset=0`, { signal, headers: { accept } }));

  test.each(['application/json', 'application/x-ndjson', 'application/vnd.millrace.batches'])(
    'has nothing read for it as %s',
    async (accept) => {
      const opened = await world();
      await opened.produce('a');
      let reads = 0;
      const { metadata } = opened.broker;
      const get = metadata.get.bind(metadata);
      Object.assign(metadata, {
        get: (...given: Parameters<typeof get>) => {
          reads++;
          return get(...given);
        },
      });
      expect((await fetchWith(opened, AbortSignal.abort(), accept)).status).toBe(408);
      expect(reads).toBe(0);
    },
  );

  test('has nothing rendered for it', async () => {
    const opened = await world();
    await opened.produce('a');
    const gone = new AbortController();
    Object.assign(opened.broker, { meter: { ...opened.broker.meter, fetched: () => gone.abort() } });
    const answer = await fetchWith(opened, gone.signal, 'application/json');
    expect(gone.signal.aborted).toBe(true);
    expect(await answer.json()).toMatchObject({ code: 'REQUEST_NOT_RECEIVED' });
  });
});
