import { describe, expect, it } from 'vitest';
import { DeserializationError } from '../../../lib/client/consumer/record.ts';
import { json } from '../../../lib/client/producer/serializers.ts';
import { idle } from '../../support/manual-clock.ts';
import { consumerWorld, take } from './consumer-world.ts';

const UNAVAILABLE = { status: 503, code: 'KAFKA_STORAGE_ERROR', retriable: true, retryAfter: 2 };
const FORBIDDEN = { status: 403, code: 'FORBIDDEN', retriable: false };

describe('records', () => {
  it('come in the order of their partitions, those that are written later too', async () => {
    const { fake, consumer, settled } = consumerWorld({}, ['orders/0', 'orders/1']);
    fake.write('orders/0', 'a', 'b');
    fake.write('orders/1', 'c');
    const records = consumer.records();
    const values: unknown[] = [];
    for (let n = 0; n < 3; n++) values.push((await settled(records.next())).value?.value);
    expect(values).toEqual(['a', 'b', 'c']);
    const next = records.next();
    await idle();
    fake.write('orders/1', 'd');
    expect((await settled(next)).value).toMatchObject({ topic: 'orders', partition: 1, offset: 1, value: 'd' });
    await settled(consumer.close());
    expect(await records.next()).toEqual({ done: true, value: undefined });
  });

  it('are deserialized, and the iteration stops at one that cannot be until it is passed by', async () => {
    const { fake, consumer, settled } = consumerWorld({ valueDeserializer: json<{ n: number }>() });
    fake.write('orders/0', '{"n":1}', 'not json', '{"n":3}');
    const failure = await settled(take(consumer, 3).catch((error: unknown) => error));
    expect(failure).toBeInstanceOf(DeserializationError);
    expect(failure).toMatchObject({ code: 'DESERIALIZATION_FAILED', topic: 'orders', partition: 0, offset: 1 });
    expect(await settled(take(consumer, 1).catch((error: unknown) => error))).toMatchObject({ offset: 1 });
    consumer.seek({ topic: 'orders', partition: 0, offset: 2 });
    for await (const { value } of consumer.records()) {
      expect(value).toEqual({ n: 3 });
      break;
    }
    await settled(consumer.close());
  });

  it('that are passed over do not make it ask without a pause', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ waitMs: 0 });
    const next = consumer.records().next();
    await clock.advance(10_000);
    expect(fake.polls().length).toBeLessThan(20);
    fake.write('orders/0', null, null, 'a');
    expect((await settled(next)).value).toMatchObject({ offset: 2, value: 'a' });
    await settled(consumer.close());
  });

  it('are asked for one answer in advance, by one request at a time, and no more', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ maxRecords: 2 });
    fake.write('orders/0', ...'abcdefgh'.split(''));
    await settled(take(consumer, 1));
    await clock.advance(14_000);
    expect(fake.polls()).toHaveLength(2);
    expect(await settled(take(consumer, 7))).toHaveLength(7);
    expect(fake.inFlightMost).toBe(1);
    await settled(consumer.close());
  });

  it('of an answer that was lost come again', async () => {
    const { fake, consumer, settled } = consumerWorld({ maxRecords: 2 });
    fake.write('orders/0', ...'abcdef'.split(''));
    fake.fault = (_call, index) => (index % 2 === 1 ? 'lost-answer' : undefined);
    const taken = await settled(take(consumer, 6));
    expect(taken.map((text) => text.at(-1))).toEqual('abcdef'.split(''));
    await settled(consumer.close());
  });

  it('come in batches of one partition', async () => {
    const { fake, consumer, settled } = consumerWorld({ commit: 'manual' }, ['orders/0', 'orders/1']);
    fake.write('orders/0', 'a', 'b');
    fake.write('orders/1', 'c');
    const batches = consumer.batches();
    const { value: first } = await settled(batches.next());
    expect(first).toMatchObject({ partition: 0, offsets: [{ topic: 'orders', partition: 0, offset: 2 }] });
    await settled(first?.commit() ?? Promise.resolve());
    expect((await settled(batches.next())).value?.records.map(({ value }) => value)).toEqual(['c']);
    expect(fake.commits).toEqual(['orders/0@2']);
    await settled(consumer.close());
  });

  it('are iterated over once at a time', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', 'a');
    await settled(consumer.records().next());
    await expect(consumer.batches().next()).rejects.toThrow(TypeError);
    await settled(consumer.close());
  });
});

describe('automatic commits', () => {
  it('are of what was finished, and never of what is in hand', async () => {
    const { fake, consumer, clock, settled } = consumerWorld();
    fake.write('orders/0', 'a', 'b', 'c');
    const records = consumer.records();
    await settled(records.next());
    await settled(records.next());
    await clock.advance(20_000);
    expect(fake.commits).toEqual(['orders/0@1']);
    await settled(records.next());
    void records.next();
    await idle();
    await clock.advance(100);
    expect(fake.commits.at(-1)).toBe('orders/0@3');
    await settled(consumer.close());
  });

  it('leave out the record in hand when the consumer is closed', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', 'a', 'b', 'c');
    await settled(take(consumer, 2));
    await settled(consumer.close());
    expect(fake.committed.get('orders/0')).toBe(1);
    expect(fake.members.size).toBe(0);
  });

  it('hold where a group begins that has read nothing', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ autoOffsetReset: 'latest' });
    fake.write('orders/0', 'before');
    const next = consumer.records().next();
    await clock.advance(1_000);
    await settled(consumer.close());
    await next;
    expect(fake.committed.get('orders/0')).toBe(1);
  });
});

describe('manual commits', () => {
  it('are made only when asked for, and share requests', async () => {
    const { fake, consumer, settled } = consumerWorld({ commit: 'manual' });
    fake.write('orders/0', ...'abcd'.split(''));
    const commits: Promise<void>[] = [];
    for await (const record of consumer.records()) {
      commits.push(record.commit({ metadata: 'm' }));
      if (commits.length === 4) break;
    }
    await settled(Promise.all(commits));
    expect(fake.committed.get('orders/0')).toBe(4);
    const requests = fake.calls.filter(({ verb }) => verb === 'commit');
    expect(requests.length).toBeLessThanOrEqual(2);
    expect(requests.at(-1)?.body.offsets).toEqual([{ topic: 'orders', partition: 0, offset: 4, metadata: 'm' }]);
    expect(fake.polls().every(({ body }) => body.commit === 'none')).toBe(true);
    await settled(consumer.close());
  });

  it('are retried, also when the generation has moved on meanwhile', async () => {
    const { fake, consumer, settled } = consumerWorld({ commit: 'manual' });
    fake.write('orders/0', 'a');
    const { value: record } = await settled(consumer.records().next());
    const member = fake.members.get('m-1');
    if (member !== undefined) member.epoch = 99;
    fake.fault = ({ verb }, index) => (verb === 'commit' && index % 2 === 0 ? UNAVAILABLE : undefined);
    await settled(record?.commit() ?? Promise.resolve());
    expect(fake.commits).toEqual(['orders/0@1']);
    await settled(consumer.close());
  });

  it('of partitions that are gone are refused', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ commit: 'manual' });
    fake.write('orders/0', 'a');
    const records = consumer.records();
    const { value: record } = await settled(records.next());
    fake.expire('m-1');
    fake.assign('m-2');
    void records.next();
    await clock.advance(20_000);
    await expect(record?.commit()).rejects.toMatchObject({ code: 'PARTITION_NOT_ASSIGNED' });
    await expect(consumer.commit([{ topic: 'orders', partition: 0, offset: 1 }])).rejects.toMatchObject({
      code: 'PARTITION_NOT_ASSIGNED',
    });
    expect(fake.commits).toEqual([]);
    await settled(consumer.close());
  });
});

describe('the session', () => {
  it('is kept while the application works on a record', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ sessionTimeoutMs: 9_000 });
    fake.write('orders/0', 'a', 'b');
    await settled(take(consumer, 1));
    const before = fake.polls().length;
    await clock.advance(30_000);
    const beats = fake.polls().slice(before);
    expect(beats.length).toBeGreaterThanOrEqual(9);
    expect(beats.slice(1).every(({ body }) => body.max_records === 0)).toBe(true);
    await settled(consumer.close());
    expect(clock.sleeping).toBe(0);
  });

  it('leaves nothing behind when it is closed while it waits', async () => {
    const { fake, consumer, clock, settled } = consumerWorld();
    const next = consumer.records().next();
    await clock.advance(2_000);
    await settled(consumer.close());
    expect(await next).toEqual({ done: true, value: undefined });
    await idle();
    expect(clock.sleeping).toBe(0);
    expect(fake.inFlight).toBe(0);
    expect(fake.calls.at(-1)?.verb).toBe('leave');
  });

  it('makes requests again that failed, after what the server asks for', async () => {
    const retries: number[] = [];
    const { fake, consumer, clock, settled } = consumerWorld({ onRetry: (_error, ms) => retries.push(ms) });
    fake.write('orders/0', 'a');
    fake.fault = (_call, index) => (index < 3 ? UNAVAILABLE : undefined);
    const startMs = clock.monotonic();
    await settled(consumer.records().next());
    expect(clock.monotonic() - startMs).toBeGreaterThanOrEqual(6_000);
    expect(retries).toHaveLength(3);
    await settled(consumer.close());
  });

  it('ends the iteration with what will not get better, and can go on', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', 'a');
    fake.fault = (_call, index) => (index === 0 ? FORBIDDEN : undefined);
    expect(await settled(take(consumer, 1).catch((error: unknown) => error))).toMatchObject({ code: 'FORBIDDEN' });
    expect(await settled(take(consumer, 1))).toEqual(['orders/0@0=a']);
    await settled(consumer.close());
  });

  it('ends gracefully by a signal, when the record in hand is done', async () => {
    const ending = new AbortController();
    const { fake, consumer, settled } = consumerWorld({ signal: ending.signal });
    fake.write('orders/0', 'a', 'b', 'c');
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const { value } of consumer.records()) {
        seen.push(value);
        if (seen.length === 2) ending.abort();
      }
    })();
    await settled(loop);
    expect(seen).toEqual(['a', 'b']);
    expect(fake.committed.get('orders/0')).toBe(2);
    expect(fake.members.size).toBe(0);
  });

  it('says when it could not be ended in time', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', 'a');
    await settled(take(consumer, 1));
    fake.fault = () => 'lost-request';
    const failure = await settled(consumer.close({ timeoutMs: 1_000 }).catch((error: unknown) => error));
    expect(failure).toMatchObject({ code: 'CONSUMER_CLOSED' });
  });

  it('of a static member is kept for its return', async () => {
    const { fake, consumer, settled } = consumerWorld({ instanceId: 'worker-1' });
    fake.write('orders/0', 'a');
    await settled(take(consumer, 1));
    expect(fake.polls()[0]?.body.instance_id).toBe('worker-1');
    await settled(consumer.close());
    expect(fake.calls.at(-1)).toMatchObject({ verb: 'leave', body: { keep_seat: true } });
  });
});
