import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ArrivalDeadlines } from '../../lib/http/arrival-deadlines.ts';
import { contentEncoding, readBody } from '../../lib/http/body.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import { listeningWorld } from '../support/http-world.ts';

const gzip = promisify(zlib.gzip);
const zstd = promisify(zlib.zstdCompress);
const compressors = { gzip, zstd };

const read = (body: Uint8Array, headers: Record<string, string> = {}) =>
  readBody({
    incoming: undefined,
    request: new Request('http://h/', { method: 'POST', headers, body }),
    deadlines: new ArrivalDeadlines({ clock: systemClock }),
  });

describe('a body', () => {
  test.each(['gzip', 'zstd'] as const)('comes out of %s as it went in', async (encoding) => {
    const text = Buffer.from('some text '.repeat(10_000));
    const body = await compressors[encoding](text);
    expect(Buffer.from(await read(body, { 'content-encoding': encoding })).equals(text)).toBe(true);
  });

  test.each(['gzip', 'zstd'] as const)('that was %s and is a bomb stops at the limit', async (encoding) => {
    const bomb = await compressors[encoding](Buffer.alloc(128 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(requestLimits.requestBodyBytesMax);
    const before = process.memoryUsage().arrayBuffers;
    await expect(read(bomb, { 'content-encoding': encoding })).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('of exactly the limit after inflation is read', async () => {
    const whole = Buffer.alloc(requestLimits.requestBodyBytesMax, 'x');
    expect(await read(await gzip(whole), { 'content-encoding': 'gzip' })).toHaveLength(whole.length);
    await expect(
      read(await gzip(Buffer.concat([whole, whole.subarray(0, 1)])), { 'content-encoding': 'gzip' }),
    ).rejects.toMatchObject({
      code: 'REQUEST_TOO_LARGE',
    });
  });

  test.each(['gzip', 'zstd'] as const)('that is damaged or cut %s is malformed', async (encoding) => {
    const body = await compressors[encoding](Buffer.from('some text '.repeat(1_000)));
    for (const bad of [Buffer.from('no such thing'), body.subarray(0, body.length - 5), Buffer.alloc(0)]) {
      await expect(read(bad, { 'content-encoding': encoding })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    }
  });

  test.each(['br', 'deflate', 'gzip, gzip', 'compress', 'x', ''])('in the encoding %j is refused', (encoding) => {
    expect(() => contentEncoding(encoding)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_MEDIA_TYPE' }));
  });

  test('may say that it is not encoded', () => {
    expect([undefined, 'identity', 'GZIP', 'x-gzip', ' zstd '].map(contentEncoding)).toEqual([
      'identity',
      'identity',
      'gzip',
      'gzip',
      'zstd',
    ]);
  });

  test('that is larger than the limit is refused where no server has counted it', async () => {
    await expect(read(Buffer.alloc(requestLimits.requestBodyBytesMax + 1))).rejects.toMatchObject({
      code: 'REQUEST_TOO_LARGE',
    });
  });
});

test('a server reads bodies of every size and framing as they were sent', async () => {
  const { url, call } = await listeningWorld();
  await call('POST', '/v1/topics', { name: 't', config: { 'max.message.bytes': 4_194_304 } });
  for (const length of [0, 1, 100, 16_384, 65_536, 100_001, 1_000_000, 3_000_000]) {
    const value = 'x'.repeat(length);
    const text = JSON.stringify({ records: [{ value, partition: 0 }] });
    const chunks = new ReadableStream({
      start(controller) {
        for (let position = 0; position < text.length; position += 40_000) {
          controller.enqueue(new TextEncoder().encode(text.slice(position, position + 40_000)));
        }
        controller.close();
      },
    });
    for (const body of [text, chunks]) {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, duplex: 'half' };
      const answer = await fetch(`${url}/v1/topics/t/records`, init as RequestInit);
      const { records } = (await answer.json()) as { records: { offset: number }[] };
      const read = await call('GET', `/v1/topics/t/partitions/0/records?offset=${records[0]?.offset}`);
      expect(((await read.json()) as { records: { value: string }[] }).records[0]?.value).toBe(value);
    }
  }
});
