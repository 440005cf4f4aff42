import { expect, test } from 'vitest';
import { crc32c } from '../../lib/kernel/crc32c.ts';
import { read } from './support/batches.ts';
import { type AnswerJson, useTarget } from './support/target.ts';

const target = useTarget();
const plan = (topic: string, query: string) => target.call('GET', `/v1/topics/${topic}/partitions/0/plan${query}`);

/** The bytes of a segment as an SDK gets them: from the plan itself, or from where it points. */
async function bytesOf(segment: AnswerJson['segments'][number]): Promise<Uint8Array> {
  if (segment.url === undefined) return Buffer.from(segment.batches_base64 ?? '', 'base64');
  const answer = await fetch(segment.url, { headers: segment.headers ?? {} });
  expect([200, 206]).toContain(answer.status);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  expect(bytes).toHaveLength(segment.bytes ?? -1);
  expect(crc32c(bytes)).toBe(segment.crc32c);
  return bytes;
}

/** All values, read by plans alone. */
async function readByPlans(topic: string, maxBytes: number): Promise<string[]> {
  const values: string[] = [];
  for (let offset = 0; ; ) {
    const { json } = await plan(topic, `?offset=${offset}&max_bytes=${maxBytes}`);
    if (json.segments.length === 0) return values;
    for (const segment of json.segments) {
      expect(segment.base_offset).toBe(offset);
      const found = read(await bytesOf(segment));
      const base = segment.url === undefined ? 0 : segment.base_offset;
      expect(found.map(([at]) => at + base)).toEqual(found.map((_, index) => segment.base_offset + index));
      expect(segment.last_offset).toBe(segment.base_offset + found.length - 1);
      values.push(...found.map(([, value]) => value));
      offset = segment.last_offset + 1;
    }
    expect(json.next_offset).toBe(offset);
  }
}

test('leads to all bytes, small ones in the plan and large ones by URL', async () => {
  const topic = await target.topic();
  const sizes = [10, 20_000, 30, 100_000, 50_000, 5];
  for (const size of sizes) await target.produce(topic, [{ value: 'x'.repeat(size) }]);
  for (const maxBytes of [1, 60_000, 10_000_000]) {
    expect((await readByPlans(topic, maxBytes)).map((value) => value.length)).toEqual(sizes);
  }
});

test('says when its URLs end', async () => {
  const topic = await target.topic();
  await target.produce(topic, [{ value: 'x'.repeat(100_000) }]);
  const { json } = await plan(topic, '?offset=0');
  expect(json.segments[0]?.url).toMatch(/^https?:\/\//);
  expect(Object.keys(json.segments[0]?.headers ?? {}).map((name) => name.toLowerCase())).toContain('range');
  expect(json.expires_at).toBeGreaterThan(Date.now());
});

test('a URL serves its range and nothing else', async () => {
  const topic = await target.topic();
  await target.produce(topic, [{ value: 'x'.repeat(100_000) }]);
  const segment = (await plan(topic, '?offset=0')).json.segments[0];
  const status = async (url: string, headers: Record<string, string>) => (await fetch(url, { headers })).status;
  const url = segment?.url ?? '';
  expect(await status(url, { range: 'bytes=0-10' })).toBe(403);
  expect(await status(url, {})).toBe(403);
  const { origin, pathname, search } = new URL(url);
  const forged = search.replace(
    /([?&](?:signature|X-Amz-Signature)=)(.)/,
    (_, name: string, first: string) => name + (first === 'a' ? 'b' : 'a'),
  );
  expect(forged).not.toBe(search);
  expect(await status(origin + pathname + forged, segment?.headers ?? {})).toBe(403);
});

test('takes an offset or an end, and is empty at the end', async () => {
  const topic = await target.topic();
  await target.produce(topic, [{ value: 'a' }, { value: 'b' }]);
  expect((await plan(topic, '?offset=earliest')).json.next_offset).toBe(2);
  for (const query of ['?offset=2', '?offset=latest']) {
    expect((await plan(topic, query)).json).toEqual({ segments: [], next_offset: 2, expires_at: null });
  }
  expect(await plan(topic, '?offset=3')).toMatchObject({ status: 416, json: { high_watermark: 2 } });
  for (const query of ['', '?offset=-1', '?offset=x', '?offset=0&limit=1'])
    expect((await plan(topic, query)).status).toBe(400);
  expect((await plan(target.freshName(), '?offset=0')).status).toBe(404);
});
