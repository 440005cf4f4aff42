import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  target.call('POST', `/v1/topics/${path}`, { body, headers });
const highWatermarks = async (topic: string) =>
  (await target.call('GET', `/v1/topics/${topic}`)).json.partition_details.map(({ high_watermark }) => high_watermark);

describe('records as JSON', () => {
  test('are answered in request order with partition, offset and timestamp', async () => {
    const topic = await target.topic({ partitions: 3 });
    const before = Date.now() - 60_000;
    const records = await target.produce(topic, [
      { value: 'a', partition: 2 },
      { value: 'b', partition: 0 },
      { value: 'c', partition: 2, timestamp: before },
    ]);
    expect(records.map(({ partition, offset }) => [partition, offset])).toEqual([
      [2, 0],
      [0, 0],
      [2, 1],
    ]);
    expect(records[2]?.timestamp).toBe(before);
    expect(Math.abs((records[0]?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  /** murmur2 as org.apache.kafka.common.utils.Utils computes it, from the vectors of Kafka's own tests. */
  const KAFKA_HASHES = {
    '21': -973_932_308,
    foobar: -790_332_482,
    'a-little-bit-long-string': -985_981_536,
    'a-little-bit-longer-string': -1_486_304_829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58_897_971,
    abc: 479_470_107,
  };

  test('with a key go to the partition that a Java client would choose', async () => {
    const topic = await target.topic({ partitions: 12 });
    const records = await target.produce(
      topic,
      Object.keys(KAFKA_HASHES).map((key) => ({ key })),
    );
    const expected = Object.values(KAFKA_HASHES).map((hash) => (hash & 0x7f_ff_ff_ff) % 12);
    expect(records.map(({ partition }) => partition)).toEqual(expected);
  });

  test('without a key go to one partition, all of a request', async () => {
    const topic = await target.topic({ partitions: 16 });
    const records = await target.produce(
      topic,
      Array.from({ length: 50 }, (_, index) => ({ value: index })),
    );
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index));
  });

  test('keep their order and lose nothing, request after request', async () => {
    const topic = await target.topic();
    for (let request = 0; request < 5; request++) {
      await target.produce(
        topic,
        Array.from({ length: 20 }, (_, index) => ({ value: request * 20 + index })),
      );
    }
    const records = await target.fetchAll(topic);
    expect(records.map(({ offset, value }) => [offset, value])).toEqual(
      Array.from({ length: 100 }, (_, index) => [index, String(index)]),
    );
  });

  test('of many writers at once get offsets without a gap, each writer in its order', async () => {
    const topic = await target.topic();
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let request = 0; request < 5; request++) {
          await target.produce(topic, [
            { key: `${writer}`, value: `${request * 2}` },
            { key: `${writer}`, value: `${request * 2 + 1}` },
          ]);
        }
      }),
    );
    const records = await target.fetchAll(topic);
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 80 }, (_, index) => index));
    for (let writer = 0; writer < 8; writer++) {
      const own = records.filter(({ key }) => key === `${writer}`).map(({ value }) => Number(value));
      expect(own).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
  });
});

describe('acks', () => {
  test.each(['all', 'leader', -1, 1])('%j answers 200 with offsets', async (acks) => {
    const topic = await target.topic();
    expect(await post(`${topic}/records`, { records: [{}], acks })).toMatchObject({
      status: 200,
      json: { records: [{ offset: 0 }] },
    });
  });

  test.each(['none', 0])('%j answers 202 without offsets', async (acks) => {
    const topic = await target.topic();
    const answer = await post(`${topic}/records`, { records: [{ value: 'x' }, { value: 'y' }], acks });
    expect(answer.status).toBe(202);
    expect(answer.json).toEqual({ records: [{ partition: 0 }, { partition: 0 }] });
    await expect.poll(() => highWatermarks(topic), { timeout: 10_000 }).toEqual([2]);
  });

  test.each(['some', 2, true, null, '1'])('%j is refused', async (acks) => {
    const topic = await target.topic();
    expect(await post(`${topic}/records`, { records: [{}], acks })).toMatchObject({
      status: 400,
      json: { field: 'acks' },
    });
    expect((await post(`${topic}/records?acks=some`, { records: [{}] })).status).toBe(400);
    expect(await highWatermarks(topic)).toEqual([0]);
  });
});

describe('partial failure', () => {
  test('is 207 with an error in the place of each record that failed', async () => {
    const topic = await target.topic({ partitions: 2, config: { 'max.message.bytes': 1_000 } });
    const answer = await post(`${topic}/records`, {
      records: [
        { value: 'a', partition: 0 },
        { value: 'x'.repeat(2_000), partition: 0 },
        { value: 'b', partition: 1 },
        { partition: 2 },
      ],
    });
    expect(answer.status).toBe(207);
    expect(answer.json.records).toMatchObject([
      { partition: 0, offset: 0 },
      { error: { code: 'MESSAGE_TOO_LARGE', status: 413, kafka_code: 10, effect: 'none' } },
      { partition: 1, offset: 0 },
      { error: { code: 'UNKNOWN_TOPIC_OR_PARTITION', status: 404 } },
    ]);
    expect(await highWatermarks(topic)).toEqual([1, 1]);
  });

  test('of all records for one reason is that error', async () => {
    const topic = await target.topic({ config: { 'max.message.bytes': 1_000 } });
    const large = { value: 'x'.repeat(2_000) };
    expect(await post(`${topic}/records`, { records: [large, large] })).toMatchObject({
      status: 413,
      json: { code: 'MESSAGE_TOO_LARGE' },
    });
    expect(await post(`${topic}/records`, { records: [{ partition: 9 }] })).toMatchObject({ status: 404 });
    expect(await post(`${topic}/records`, { records: [{ timestamp: 2 ** 53 - 1 }] })).toMatchObject({
      status: 422,
      json: { code: 'INVALID_TIMESTAMP' },
    });
    expect(await highWatermarks(topic)).toEqual([0]);
  });

  test('a compacted topic wants keys', async () => {
    const topic = await target.topic({ config: { 'cleanup.policy': 'compact' } });
    expect(await post(`${topic}/records`, { records: [{ value: 'x' }] })).toMatchObject({
      status: 422,
      json: { code: 'INVALID_RECORD' },
    });
    expect((await post(`${topic}/records`, { records: [{ key: 'k' }] })).status).toBe(200);
  });
});

describe('expected_offset', () => {
  test('lets an append through only at that offset', async () => {
    const topic = await target.topic({ partitions: 2 });
    const path = `${topic}/partitions/1/records`;
    expect((await post(path, { records: [{}, {}], expected_offset: 0 })).status).toBe(200);
    const late = await post(path, { records: [{}], expected_offset: 0 });
    expect(late).toMatchObject({ status: 412, json: { code: 'OFFSET_MISMATCH', next_offset: 2, effect: 'none' } });
    expect((await post(path, { records: [{}], expected_offset: 3 })).json.next_offset).toBe(2);
    expect((await post(path, { records: [{}], expected_offset: 2 })).status).toBe(200);
    expect(
      (await post(`${topic}/records`, { records: [{ partition: 1 }, { partition: 1 }], expected_offset: 3 })).status,
    ).toBe(200);
    expect(await highWatermarks(topic)).toEqual([0, 5]);
  });

  test('lets one of many racing writers through', async () => {
    const topic = await target.topic();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post(`${topic}/partitions/0/records`, { records: [{}], expected_offset: 0 })),
    );
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 7 }, () => 412),
    ]);
    expect(await highWatermarks(topic)).toEqual([1]);
  });

  test('wants one partition, named by the path or by every record', async () => {
    const topic = await target.topic({ partitions: 2 });
    for (const records of [[{}], [{ partition: 0 }, {}], [{ partition: 0 }, { partition: 1 }], [{ key: 'k' }]]) {
      expect(await post(`${topic}/records`, { records, expected_offset: 0 })).toMatchObject({
        status: 400,
        json: { code: 'INVALID_REQUEST' },
      });
    }
    expect(await highWatermarks(topic)).toEqual([0, 0]);
  });
});

describe('lines of records', () => {
  const ndjson = { 'content-type': 'application/x-ndjson' };

  test('are answered by a line each', async () => {
    const topic = await target.topic();
    const answer = await post(`${topic}/records`, '{"value":"a"}\n{"value":{"b":1}}\n', ndjson);
    expect(answer).toMatchObject({ status: 200, contentType: 'application/x-ndjson' });
    const lines = answer.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([
      { partition: 0, offset: 0 },
      { partition: 0, offset: 1 },
    ]);
    expect((await target.fetchAll(topic)).map(({ value }) => value)).toEqual(['a', '{"b":1}']);
  });

  test('fail by themselves', async () => {
    const topic = await target.topic();
    const answer = await post(`${topic}/partitions/0/records`, '{"value":"a"}\nno\n{"value":"b"}', ndjson);
    expect(answer.status).toBe(207);
    const lines = answer.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([{ offset: 0 }, { error: { code: 'INVALID_REQUEST', status: 400 } }, { offset: 1 }]);
  });
});

test('HTTP never creates a topic by writing to it', async () => {
  const name = target.freshName();
  for (const path of [`${name}/records`, `${name}/partitions/0/records`]) {
    expect(await post(path, { records: [{ value: 'x' }] })).toMatchObject({
      status: 404,
      json: { code: 'UNKNOWN_TOPIC_OR_PARTITION', kafka_code: 3 },
    });
  }
  expect((await target.call('GET', `/v1/topics/${name}`)).status).toBe(404);
});

test.each(['Producer-Id', 'Producer-Epoch', 'Producer-Seq'])('the header %s is not passed over', async (header) => {
  const topic = await target.topic();
  expect(await post(`${topic}/records`, { records: [{}] }, { [header]: '0' })).toMatchObject({
    status: 400,
    json: { field: header },
  });
  expect(await highWatermarks(topic)).toEqual([0]);
});
