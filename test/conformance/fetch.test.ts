import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();
const get = (topic: string, query: string, headers: Record<string, string> = {}, partition = 0) =>
  target.call('GET', `/v1/topics/${topic}/partitions/${partition}/records${query}`, { headers });
const filled = async (count: number, valueOf: (index: number) => unknown = String) => {
  const topic = await target.topic();
  await target.produce(
    topic,
    Array.from({ length: count }, (_, index) => ({ value: valueOf(index), timestamp: 1_000_000_000_000 + index })),
  );
  return topic;
};

describe('positions', () => {
  test('are offsets, the two ends, so many before the end, or a time', async () => {
    const topic = await filled(10);
    const offsets = async (query: string) => (await get(topic, query)).json.records.map(({ offset }) => offset);
    expect(await offsets('?offset=0')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await offsets('?offset=7')).toEqual([7, 8, 9]);
    expect(await offsets('?offset=earliest')).toHaveLength(10);
    expect(await offsets('?offset=latest')).toEqual([]);
    expect(await offsets('?offset=-3')).toEqual([7, 8, 9]);
    expect(await offsets('?offset=-999')).toHaveLength(10);
    expect(await offsets('?timestamp=1000000000005')).toEqual([5, 6, 7, 8, 9]);
    expect(await offsets('?timestamp=0')).toHaveLength(10);
    expect(await offsets('?timestamp=2000000000000')).toEqual([]);
  });

  test('come back as next_offset, with the ends of the partition', async () => {
    const topic = await filled(5);
    expect((await get(topic, '?offset=1&max_records=2')).json).toMatchObject({
      next_offset: 3,
      high_watermark: 5,
      log_start_offset: 0,
    });
    expect((await get(topic, '?offset=5')).json).toEqual({
      records: [],
      next_offset: 5,
      high_watermark: 5,
      log_start_offset: 0,
    });
    expect((await get(topic, '?offset=latest')).json.next_offset).toBe(5);
  });

  test.each([6, 1_000_000, Number.MAX_SAFE_INTEGER])(
    'beyond the end, as %d, are 416 with both ends',
    async (offset) => {
      const topic = await filled(5);
      for (const accept of [
        'application/json',
        'application/x-ndjson',
        'text/event-stream',
        'application/vnd.millrace.batches',
      ]) {
        expect(await get(topic, `?offset=${offset}`, { accept })).toMatchObject({
          status: 416,
          json: { code: 'OFFSET_OUT_OF_RANGE', kafka_code: 1, log_start_offset: 0, high_watermark: 5 },
        });
      }
    },
  );

  test('must be there, and once', async () => {
    const topic = await filled(1);
    for (const query of ['', '?max_records=1', '?offset=0&timestamp=0', '?offset=0&offset=1', '?offset=middle']) {
      expect(await get(topic, query)).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST' } });
    }
  });

  test('of a partition or topic that is not there are 404', async () => {
    const topic = await filled(1);
    const unknown = { status: 404, json: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } };
    expect(await get(topic, '?offset=0', {}, 1)).toMatchObject(unknown);
    expect(await get(target.freshName(), '?offset=0')).toMatchObject(unknown);
    expect((await target.call('GET', `/v1/topics/${topic}/partitions/-1/records?offset=0`)).status).toBe(400);
    expect((await target.call('GET', `/v1/topics/${topic}/partitions/x/records?offset=0`)).status).toBe(400);
  });
});

describe('a record', () => {
  test('comes back as it was sent', async () => {
    const topic = await target.topic();
    await target.produce(topic, [
      { key: 'k', value: 'väl\n"ue"', headers: { a: '1', b: '' }, timestamp: 1_700_000_000_000 },
      { value: null },
      {
        key: { id: 1 },
        value: [1, 'two', null],
        headers: [
          { key: 'h', value: 'x' },
          { key: 'h', value: null },
        ],
      },
      { key: 5, value: false },
      { value: '' },
    ]);
    const { json } = await get(topic, '?offset=0');
    expect(json.records).toEqual([
      {
        offset: 0,
        timestamp: 1_700_000_000_000,
        key: 'k',
        value: 'väl\n"ue"',
        headers: [
          { key: 'a', value: '1' },
          { key: 'b', value: '' },
        ],
      },
      expect.objectContaining({ offset: 1, key: null, value: null, headers: [] }) as object,
      expect.objectContaining({
        key: '{"id":1}',
        value: '[1,"two",null]',
        headers: [
          { key: 'h', value: 'x' },
          { key: 'h', value: null },
        ],
      }) as object,
      expect.objectContaining({ key: '5', value: 'false' }) as object,
      expect.objectContaining({ key: null, value: '' }) as object,
    ]);
  });
});

describe('amounts', () => {
  test('max_records cuts, and reading on from next_offset misses nothing', async () => {
    const topic = await filled(25);
    const seen: number[] = [];
    for (let offset = 0; offset < 25; ) {
      const { json } = await get(topic, `?offset=${offset}&max_records=10`);
      expect(json.records.length).toBeLessThanOrEqual(10);
      seen.push(...json.records.map((record) => record.offset));
      offset = json.next_offset;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => index));
  });

  test('500 records are the default, and more than 10,000 are lowered', async () => {
    const topic = await filled(600);
    expect((await get(topic, '?offset=0')).json.records).toHaveLength(500);
    expect((await get(topic, '?offset=0&max_records=1000000')).json.records).toHaveLength(600);
  });

  test.each(['utf8', 'base64', 'json'])(
    'max_bytes is of the answer as %s, but one record is served in any case',
    async (encoding) => {
      const topic = await filled(40, (index) => '"\\\u0001'.repeat(50 + index));
      for (const maxBytes of [0, 1, 500, 2_000, 10_000]) {
        for (const accept of ['application/json', 'application/x-ndjson']) {
          const { text, bytes } = await get(topic, `?offset=0&max_bytes=${maxBytes}&encoding=${encoding}`, { accept });
          const count = text.split('"offset":').length - 1;
          expect(count).toBeGreaterThanOrEqual(1);
          expect(bytes.length <= maxBytes || count === 1, `${bytes.length} bytes of ${maxBytes}`).toBe(true);
        }
      }
      expect(await target.fetchAll(topic, 0, `&max_bytes=2000&encoding=${encoding}`)).toHaveLength(40);
    },
  );

  test('a record that is larger than max_bytes is served whole', async () => {
    const topic = await filled(2, () => 'x'.repeat(100_000));
    const { json } = await get(topic, '?offset=0&max_bytes=10');
    expect(json.records.map(({ value }) => String(value).length)).toEqual([100_000]);
    expect(json.next_offset).toBe(1);
  });
});

describe('a long poll', () => {
  test('waits for the first record, and is woken by it', async () => {
    const topic = await target.topic();
    const beganMs = performance.now();
    const polled = get(topic, '?offset=0&wait_ms=15000');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await target.produce(topic, [{ value: 'at last' }]);
    expect((await polled).json.records.map(({ value }) => value)).toEqual(['at last']);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  });

  test('ends empty when its time is over', async () => {
    const topic = await filled(2);
    const beganMs = performance.now();
    expect((await get(topic, '?offset=2&wait_ms=700')).json).toMatchObject({ records: [], next_offset: 2 });
    const tookMs = performance.now() - beganMs;
    expect(tookMs).toBeGreaterThan(600);
    expect(tookMs).toBeLessThan(8_000);
  });

  test('is answered at once where there is something', async () => {
    const topic = await filled(1);
    const beganMs = performance.now();
    expect((await get(topic, '?offset=0&wait_ms=20000')).json.records).toHaveLength(1);
    expect(performance.now() - beganMs).toBeLessThan(8_000);
  });

  test('waits for min_bytes', async () => {
    const topic = await filled(1);
    const beganMs = performance.now();
    expect((await get(topic, '?offset=0&min_bytes=100000&wait_ms=700')).json.records).toHaveLength(1);
    expect(performance.now() - beganMs).toBeGreaterThan(600);
  });
});

describe('forms', () => {
  test('lines: a record each, with the position in headers', async () => {
    const topic = await filled(3);
    const answer = await get(topic, '?offset=0', { accept: 'application/x-ndjson' });
    expect(answer.contentType).toBe('application/x-ndjson');
    const lines = answer.text.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual((await get(topic, '?offset=0')).json.records);
    expect(answer.headers.get('millrace-next-offset')).toBe('3');
    expect(answer.headers.get('millrace-high-watermark')).toBe('3');
    const empty = await get(topic, '?offset=3', { accept: 'application/x-ndjson' });
    expect(empty).toMatchObject({ status: 200, text: '' });
    expect(empty.headers.get('millrace-next-offset')).toBe('3');
  });

  test('JSON is what any client gets, and nothing else than the four is there', async () => {
    const topic = await filled(1);
    for (const accept of [
      '*/*',
      'application/*',
      'text/html, */*;q=0.1',
      'application/json;q=0.9, text/event-stream;q=0.1',
    ]) {
      expect((await get(topic, '?offset=0', { accept })).contentType).toBe('application/json');
    }
    expect(await get(topic, '?offset=0', { accept: 'text/html' })).toMatchObject({
      status: 406,
      json: { code: 'NOT_ACCEPTABLE' },
    });
  });
});
