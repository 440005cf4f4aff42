/** The reader over a server that does as the test says, and a bucket beside it. */
import { describe, expect, it } from 'vitest';
import { createClient } from '../../../lib/client/client.ts';
import type { ReaderOptions } from '../../../lib/client/reader/options.ts';
import { clientLimits } from '../../../lib/kernel/limits/client.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { idle, ManualClock } from '../../support/manual-clock.ts';
import { History, RECORDS_PER_RANGE } from '../direct/history.ts';

function problem(status: number, code: string, more: Record<string, unknown> = {}): Response {
  return Response.json(
    { title: code, status, detail: code, code, retriable: false, effect: 'none', ...more },
    { status },
  );
}

/** Ordinary fetches bring 10 records at most. */
function world(history = new History(8)) {
  const clock = new ManualClock();
  const calls: string[] = [];
  const answers = {
    plan: undefined as (() => Response) | undefined,
    range: undefined as ((signal?: AbortSignal | null) => Response | Promise<Response>) | undefined,
    records: undefined as ((offset: number) => Response | undefined | Promise<Response | undefined>) | undefined,
  };
  const api: typeof globalThis.fetch = async (input) => {
    const { pathname, searchParams } = new URL(input instanceof Request ? input.url : input);
    const call = pathname.split('/').at(-1) ?? '';
    const from = Number(searchParams.get('offset'));
    calls.push(call === 'offsets' ? `offsets ${searchParams.get('timestamp')}` : `${call} ${from}`);
    if (call === 'offsets') {
      const offset = searchParams.get('timestamp') === 'latest' ? history.end : 0;
      return Response.json({ offset, timestamp: null, leader_epoch: 0 });
    }
    if (call === 'plan') {
      if (answers.plan !== undefined) return answers.plan();
      const { segments, nextOffset } = await history.planner({ topic: 't', partition: 0, offset: from }, clockless);
      const json = segments.map((segment) => {
        if (segment.source === 'bytes') throw new Error('no plan here has bytes');
        const { url, headers, bytes, crc32c, baseOffset: base_offset, lastOffset: last_offset } = segment;
        return { url, headers, bytes, crc32c, base_offset, last_offset };
      });
      return Response.json({ segments: json, next_offset: nextOffset, expires_at: 1 });
    }
    const answer = await answers.records?.(from);
    if (answer !== undefined) return answer;
    const end = Math.min(from + RECORDS_PER_RANGE, history.end);
    const records = Array.from({ length: Math.max(end - from, 0) }, (_, index) => {
      return { offset: from + index, timestamp: 7, key: null, value: String(from + index), headers: [] };
    });
    return Response.json({ records, next_offset: end, high_watermark: history.end, log_start_offset: 0 });
  };
  const bucketFetch: typeof globalThis.fetch = async (input, init) => {
    const range = Number(new URL(input instanceof Request ? input.url : input).pathname.slice(1)) / RECORDS_PER_RANGE;
    calls.push(`range ${range}`);
    return answers.range?.(init?.signal) ?? new Response(history.stored[range], { status: 206 });
  };
  const client = createClient({
    url: 'http://api.test',
    fetch: api,
    bucketFetch,
    clock,
    random: seededRandom(1),
    attemptsMax: 1,
  });
  const read = async (options: ReaderOptions<'text'> = {}) => {
    const reader = client.reader('t', 0, { follow: false, ...options });
    const values: string[] = [];
    for await (const { offset, value } of reader.records()) values.push(`${offset}=${String(value).trim()}`);
    return values;
  };
  const of = (verb: string) => calls.filter((call) => call.startsWith(verb));
  return { client, clock, calls, answers, history, read, of };
}

const clockless = new AbortController().signal;

const upTo = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, index) => `${first + index}=${first + index}`);

describe('far behind the end', () => {
  it('records come from the bucket after one ordinary fetch, in order and whole', async () => {
    const { read, calls, of, history } = world();
    expect(await read()).toEqual(upTo(0, history.end));
    expect(calls.slice(0, 4)).toEqual(['offsets earliest', 'offsets latest', 'records 0', 'plan 10']);
    expect(of('records')).toEqual(['records 0']);
    expect(of('range')).toHaveLength(7);
  });

  it('they come through the server alone where that is asked for', async () => {
    const { read, of, history } = world();
    expect(await read({ direct: 'never' })).toEqual(upTo(0, history.end));
    expect([...of('plan'), ...of('range')]).toEqual([]);
  });

  it('leaving the loop and coming back repeats nothing and leaves nothing out', async () => {
    const { client, history } = world();
    const reader = client.reader('t', 0, { follow: false });
    const offsets: number[] = [];
    while (offsets.length < history.end) {
      for await (const { offset } of reader.records()) {
        offsets.push(offset);
        if (offsets.length % 17 === 0) break;
      }
    }
    expect(offsets).toEqual(Array.from({ length: history.end }, (_, offset) => offset));
    expect(reader.nextOffset).toBe(history.end);
  });
});

describe('where URLs fail', () => {
  const failing: [string, () => Response | Promise<Response>][] = [
    ['are refused', () => new Response('expired', { status: 403 })],
    ['name what is gone', () => new Response('gone', { status: 404 })],
    ['are kept away by CORS or the network', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['give other bytes', () => new Response(new Uint8Array(10), { status: 206 })],
  ];
  it.each(failing)('because they %s, ordinary fetches go on after one new plan', async (_why, range) => {
    const { read, of, answers, history } = world();
    answers.range = range;
    const told: unknown[] = [];
    expect(await read({ onFallback: (error) => told.push(error) })).toEqual(upTo(0, history.end));
    expect(of('plan 10')).toHaveLength(2);
    expect(told).toHaveLength(1);
  });

  it('because the store does not answer in time, they do so as well', async () => {
    const { read, of, answers, clock, history } = world();
    answers.range = (signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const told: unknown[] = [];
    const reading = read({ onFallback: (error) => told.push(error) });
    // One after the other: a range of the first plan, and one of the second.
    for (let attempt = 1; attempt <= 2; attempt++) {
      while (of('plan 10').length < attempt || of('range').length < attempt) await idle();
      await idle();
      await clock.advance(clientLimits.clientRequestMsMax + 1);
    }
    expect(await reading).toEqual(upTo(0, history.end));
    expect(told).toMatchObject([{ message: expect.stringContaining('in time') as string }]);
  });

  it('they are tried again after a pause, which grows', async () => {
    const { read, of, answers, clock, history } = world(new History(60));
    answers.range = () => new Response('no', { status: 403 });
    const times: number[] = [];
    answers.records = async () => {
      await clock.advance(1_000);
      return undefined;
    };
    await read({ onFallback: () => times.push(clock.monotonic()) });
    expect(of('records').length).toBe(history.stored.length);
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(clientLimits.clientDirectPauseMsMin);
    expect(third - second).toBeGreaterThanOrEqual(2 * clientLimits.clientDirectPauseMsMin);
  });
});

describe('where a plan is refused', () => {
  it.each([403, 404])('with %i, ordinary fetches go on at once', async (status) => {
    const { read, of, answers, history } = world();
    answers.plan = () => problem(status, 'FORBIDDEN');
    expect(await read()).toEqual(upTo(0, history.end));
    expect(of('plan')).toHaveLength(1);
  });

  it('because the log begins later by now, the fetch says it', async () => {
    const { read, answers } = world();
    answers.plan = () => problem(416, 'OFFSET_OUT_OF_RANGE', { log_start_offset: 30 });
    answers.records = (offset) => {
      return offset === 0 ? undefined : problem(416, 'OFFSET_OUT_OF_RANGE', { log_start_offset: 30 });
    };
    await expect(read()).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', facts: { logStartOffset: 30 } });
  });
});

it('goes on behind what was lost, where the plan says that it goes on further', async () => {
  const { read, answers, history } = world();
  // The plan has nothing to read, as all of it was lost; the fetch passes over it.
  answers.plan = () => Response.json({ segments: [], next_offset: 50, expires_at: null });
  answers.records = (offset) => {
    if (offset !== 10) return undefined;
    return Response.json({ records: [], next_offset: 50, high_watermark: history.end, log_start_offset: 0 });
  };
  expect(await read()).toEqual([...upTo(0, 10), ...upTo(50, history.end)]);
});

it.each<[string, Record<string, unknown>, RegExp]>([
  ['an option that there is not', { from: 3 }, /no reader option "from"/],
  ['two positions', { offset: 3, timestamp: 4 }, /one of offset and timestamp/],
  ['a position before the log', { offset: -1 }, /-1 is not an offset/],
  ['a way that there is not', { direct: 'sometimes' }, /direct "sometimes" is not one of/],
  ['no range at a time', { rangesInFlightMax: 0 }, /rangesInFlightMax 0/],
  ['less memory than a plan is worth', { rangesBytesMax: 1_000 }, /rangesBytesMax 1000/],
])('refuses %s', (_what, options, message) => {
  expect(() => world().client.reader('t', 0, options)).toThrow(message);
});
