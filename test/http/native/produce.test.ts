import { describe, expect, test } from 'vitest';
import type { RecordOutcome } from '../../../lib/broker/produce/produce.ts';
import { statusOf } from '../../../lib/http/native/produce-answer.ts';
import { type ErrorCode, MillraceError } from '../../../lib/kernel/errors.ts';
import { httpWorld } from '../../support/http-world.ts';

const written: RecordOutcome = { outcome: 'written', partition: 0, offset: 0, timestamp: 0 };
const failed = (code: ErrorCode, effect: 'none' | 'unknown' = 'none'): RecordOutcome => ({
  outcome: 'failed',
  error: new MillraceError(code, 'why', { effect }),
});

describe('the status of a request', () => {
  test('sums up its records', () => {
    expect(statusOf([written, written])).toBe(200);
    expect(statusOf([{ outcome: 'accepted', partition: 0 }])).toBe(202);
    expect(statusOf([written, failed('MESSAGE_TOO_LARGE')])).toBe(207);
    expect(statusOf([failed('INVALID_RECORD'), failed('MESSAGE_TOO_LARGE')])).toBe(207);
  });

  test('is that of the error where all failed for one reason', () => {
    expect(() => statusOf([failed('MESSAGE_TOO_LARGE'), failed('MESSAGE_TOO_LARGE')])).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE', effect: 'none' }),
    );
  });

  test('promises no effect only where no record had one', () => {
    expect(() => statusOf([failed('KAFKA_STORAGE_ERROR'), failed('KAFKA_STORAGE_ERROR', 'unknown')])).toThrow(
      expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR', effect: 'unknown' }),
    );
  });
});

describe('produce', () => {
  const world = async () => {
    const opened = httpWorld();
    await opened.call('POST', '/v1/topics', { name: 't', partitions: 3, config: { 'max.message.bytes': 1_000 } });
    const post = async (path: string, body: unknown, headers?: Record<string, string>) => {
      const answer = await opened.call('POST', `/v1/topics/t${path}`, body, headers);
      const text = await answer.text();
      return { status: answer.status, body: JSON.parse(text) as Record<string, unknown> };
    };
    return { ...opened, post };
  };

  test.each(['Producer-Id', 'Producer-Epoch', 'Producer-Seq'])('refuses the header %s alone', async (header) => {
    const { post } = await world();
    for (const path of ['/records', '/partitions/0/records']) {
      expect(await post(path, { records: [{}] }, { [header]: '1' })).toMatchObject({
        status: 400,
        body: { code: 'INVALID_REQUEST', field: header },
      });
    }
  });

  test('puts all records into the partition that the path names, and refuses one that names another', async () => {
    const { post } = await world();
    const good = await post('/partitions/2/records', { records: [{ key: 'a' }, { partition: 2 }, {}] });
    expect(good.body['records']).toMatchObject([{ partition: 2 }, { partition: 2 }, { partition: 2 }]);
    expect(await post('/partitions/2/records', { records: [{}, { partition: 1 }] })).toMatchObject({
      status: 400,
      body: { field: 'records[1].partition' },
    });
  });

  test('takes acks and expected_offset from the body or the query string, but not two of them', async () => {
    const { post } = await world();
    expect((await post('/records?acks=none', { records: [{}] })).status).toBe(202);
    expect((await post('/records?acks=0', { records: [{}], acks: 'none' })).status).toBe(202);
    expect(await post('/records?acks=all', { records: [{}], acks: 0 })).toMatchObject({
      status: 400,
      body: { field: 'acks' },
    });
    expect((await post('/partitions/0/records?expected_offset=0', { records: [{}, {}] })).status).toBe(200);
    expect(await post('/partitions/0/records', { records: [{}], expected_offset: 0 })).toMatchObject({
      status: 412,
      body: { code: 'OFFSET_MISMATCH', next_offset: 2, effect: 'none' },
    });
    expect(await post('/partitions/0/records?expected_offset=1', { records: [{}], expected_offset: 2 })).toMatchObject({
      status: 400,
      body: { field: 'expected_offset' },
    });
  });

  test('gives every record its own outcome, in order', async () => {
    const { post } = await world();
    const records = [
      { value: 'a', partition: 0 },
      { value: 'x'.repeat(2_000), partition: 0 },
      { value: 'c', partition: 7 },
      { value: 'd', partition: 0 },
    ];
    const { status, body } = await post('/records', { records });
    expect(status).toBe(207);
    expect(body['records']).toEqual([
      { partition: 0, offset: 0, timestamp: expect.any(Number) as number },
      { error: expect.objectContaining({ code: 'MESSAGE_TOO_LARGE', status: 413 }) as object },
      { error: expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PARTITION', status: 404 }) as object },
      { partition: 0, offset: 1, timestamp: expect.any(Number) as number },
    ]);
  });

  test('takes record batches for a partition only', async () => {
    const { post } = await world();
    const headers = { 'content-type': 'application/vnd.millrace.batches' };
    expect((await post('/records', 'x', headers)).status).toBe(415);
    expect(await post('/partitions/0/records', 'nonsense', headers)).toMatchObject({
      status: 422,
      body: { code: 'CORRUPT_MESSAGE' },
    });
  });
});
