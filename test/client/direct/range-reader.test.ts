import { expect, it } from 'vitest';
import { rangeReader } from '../../../lib/client/direct/range-reader.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { batchOf, rangeOf } from './history.ts';

const BYTES = batchOf(0, 3);
const RANGE = rangeOf(BYTES, { baseOffset: 0, lastOffset: 2 }, { headers: { range: 'bytes=0-9' } });
const open = new AbortController().signal;

function reader(answer: () => Response | Promise<Response>, clock = new ManualClock()) {
  const requests: { url: unknown; init?: RequestInit }[] = [];
  const fetch: typeof globalThis.fetch = async (url, init) => {
    requests.push({ url, init });
    init?.signal?.throwIfAborted();
    return answer();
  };
  return { read: rangeReader({ fetch, requestMsMax: 1_000, clock }), requests, clock };
}

it.each([206, 200])(
  'reads the whole range with status %i, with the signed headers and no credentials',
  async (status) => {
    const { read, requests } = reader(() => new Response(BYTES, { status }));
    expect(await read(RANGE, open)).toEqual(BYTES);
    expect(requests).toMatchObject([
      { url: RANGE.url, init: { headers: { range: 'bytes=0-9' }, credentials: 'omit' } },
    ]);
  },
);

it('checks bytes that come in pieces of any size', async () => {
  const pieces = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0, size = 1; at < BYTES.length; at += size++) controller.enqueue(BYTES.subarray(at, at + size));
      controller.close();
    },
  });
  expect(await reader(() => new Response(pieces)).read(RANGE, open)).toEqual(BYTES);
});

const changed = BYTES.slice();
changed[70] = (changed[70] ?? 0) ^ 1;

it.each<[string, () => Response | Promise<Response>, RegExp]>([
  ['that is refused', () => new Response('expired', { status: 403 }), /status is 403/],
  ['of an object that is gone', () => new Response('gone', { status: 404 }), /status is 404/],
  ['that is cut off', () => new Response(BYTES.subarray(1)), /of \d+ bytes came/],
  ['that is longer', () => new Response(new Uint8Array(BYTES.length + 1)), /more than \d+ bytes/],
  ['whose bytes are others', () => new Response(changed), /checksum/],
  ['that CORS or the network keeps away', () => Promise.reject(new TypeError('Failed to fetch')), /no whole answer/],
])('fails for a range %s, retriably, names its offsets, and does not tell the URL', async (_what, answer, message) => {
  const error = await reader(answer)
    .read(RANGE, open)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'NETWORK_ERROR', retriable: true, effect: 'none' });
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).toContain('the offsets 0 to 2');
  expect((error as Error).message).not.toContain('bucket.test');
});

it('gives up after its time', async () => {
  const clock = new ManualClock();
  const fetch: typeof globalThis.fetch = (_url, init) =>
    new Promise((_resolve, reject) => {
      init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  const failure = rangeReader({ fetch, requestMsMax: 1_000, clock })(RANGE, open).catch((error: unknown) => error);
  await clock.advance(1_001);
  expect(await failure).toMatchObject({ code: 'NETWORK_ERROR', message: expect.stringContaining('in time') as string });
});

it('throws the reason of who gives it up', async () => {
  const reason = new Error('enough');
  await expect(reader(() => new Response(BYTES)).read(RANGE, AbortSignal.abort(reason))).rejects.toBe(reason);
});
