/** What a consumer does when its partitions change, and when the application pauses and seeks. */
import { describe, expect, it } from 'vitest';
import type { TopicPartition } from '../../../lib/client/consumer/options.ts';
import { idle } from '../../support/manual-clock.ts';
import { consumerWorld, namesOf, take } from './consumer-world.ts';

const TWO = ['orders/0', 'orders/1'];

describe('an application that does not ask for the next record', () => {
  it('loses its partitions after a while, is told when it asks, and goes on as another member', async () => {
    const { fake, consumer, clock, told, settled } = consumerWorld({ maxPollIntervalMs: 60_000 }, TWO);
    fake.write('orders/1', 'a', 'b');
    const records = consumer.records();
    const { value: record } = await settled(records.next());
    await clock.advance(59_000);
    expect([...fake.members.keys()]).toEqual(['m-1']);
    await clock.advance(2_000);
    expect([...fake.members.keys()]).toEqual([]);
    const before = fake.polls().length;
    await clock.advance(300_000);
    expect(fake.polls()).toHaveLength(before);
    expect(told).toEqual(['assigned orders/0 orders/1']);
    await expect(record?.commit()).rejects.toMatchObject({ code: 'PARTITION_NOT_ASSIGNED' });
    expect(consumer.groupMetadata()).toBeUndefined();
    const next = records.next();
    await clock.advance(1_000);
    expect((await settled(next)).value).toMatchObject({ value: 'a' });
    expect(told.slice(1)).toEqual(['lost orders/0 orders/1', 'assigned orders/0 orders/1']);
    expect([...fake.members.keys()]).toEqual(['m-2']);
    await settled(consumer.close());
  });

  it('stays a member while it takes a record within that time, and while it waits for one', async () => {
    const { fake, consumer, clock, told, settled } = consumerWorld({ maxPollIntervalMs: 60_000 }, TWO);
    fake.write('orders/1', 'a', 'b', 'c');
    const records = consumer.records();
    for (const value of ['a', 'b', 'c']) {
      expect((await settled(records.next())).value).toMatchObject({ value });
      await clock.advance(50_000);
    }
    const next = records.next();
    await clock.advance(300_000);
    fake.write('orders/1', 'd');
    await clock.advance(15_000);
    expect((await settled(next)).value).toMatchObject({ value: 'd' });
    expect(told).toEqual(['assigned orders/0 orders/1']);
    expect([...fake.members.keys()]).toEqual(['m-1']);
    await settled(consumer.close());
  });

  it('falls silent as a static member, and is told of what it lost at its end too', async () => {
    const { fake, consumer, clock, told, settled } = consumerWorld({ maxPollIntervalMs: 60_000, instanceId: 'i' }, TWO);
    fake.write('orders/1', 'a');
    await settled(consumer.records().next());
    await clock.advance(61_000);
    const before = fake.polls().length;
    await clock.advance(120_000);
    expect(fake.polls()).toHaveLength(before);
    expect(fake.members.size).toBe(1);
    await settled(consumer.close());
    expect(told.slice(1)).toEqual(['lost orders/0 orders/1']);
  });
});

describe('a revocation', () => {
  it('is acknowledged when the application is done with what it has in hand, and its commit is taken before', async () => {
    const { fake, consumer, clock, told, settled } = consumerWorld({ sessionTimeoutMs: 9_000 }, TWO);
    fake.write('orders/1', 'a', 'b');
    const records = consumer.records();
    const { value: record } = await settled(records.next());
    expect(record).toMatchObject({ partition: 1, value: 'a' });
    fake.assign('m-1', 'orders/0');
    await clock.advance(10_000);
    expect(told).toEqual(['assigned orders/0 orders/1']);
    expect([...(fake.members.get('m-1')?.owned ?? [])]).toEqual(TWO);
    void records.next();
    await clock.advance(1_000);
    expect(told).toEqual(['assigned orders/0 orders/1', 'revoked orders/1']);
    expect(fake.committed.get('orders/1')).toBe(1);
    expect([...(fake.members.get('m-1')?.owned ?? [])]).toEqual(['orders/0']);
    expect(namesOf(consumer.assignment)).toBe('orders/0');
    await settled(consumer.close());
  });

  it('waits for what the callback returns, with the session kept and commits in it taken', async () => {
    const finish = Promise.withResolvers<void>();
    let commit: () => Promise<void> = async () => {};
    const onRevoked = async () => {
      await finish.promise;
      await commit();
    };
    const { fake, consumer, clock, settled } = consumerWorld(
      { sessionTimeoutMs: 9_000, commit: 'manual', onRevoked },
      TWO,
    );
    fake.write('orders/1', 'a', 'b');
    const records = consumer.records();
    const { value: record } = await settled(records.next());
    commit = () => record?.commit() ?? Promise.resolve();
    fake.assign('m-1', 'orders/0');
    await clock.advance(4_000);
    void records.next();
    const before = fake.polls().length;
    await clock.advance(60_000);
    expect(fake.polls().length - before).toBeGreaterThan(15);
    expect([...(fake.members.get('m-1')?.owned ?? [])]).toEqual(TWO);
    finish.resolve();
    await clock.advance(1_000);
    expect(fake.commits).toEqual(['orders/1@1']);
    expect([...(fake.members.get('m-1')?.owned ?? [])]).toEqual(['orders/0']);
    commit = async () => {};
    await settled(consumer.close());
  });

  it('takes away what was not handed out', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ sessionTimeoutMs: 9_000 }, TWO);
    fake.write('orders/0', 'x', 'y');
    fake.write('orders/1', 'a', 'b');
    const records = consumer.records();
    expect((await settled(records.next())).value).toMatchObject({ partition: 0, value: 'x' });
    fake.assign('m-1', 'orders/0');
    await clock.advance(4_000);
    expect((await settled(records.next())).value).toMatchObject({ partition: 0, value: 'y' });
    const next = records.next();
    await clock.advance(1_000);
    fake.write('orders/0', 'z');
    expect((await settled(next)).value).toMatchObject({ partition: 0, value: 'z' });
    expect(fake.committed.get('orders/1') ?? 0).toBe(0);
    await settled(consumer.close());
  });

  it('is acknowledged before anything else is handed out, so that what that is committed with has the new generation', async () => {
    const { fake, consumer, clock, settled } = consumerWorld(
      { sessionTimeoutMs: 9_000, commit: 'manual', maxRecords: 1 },
      TWO,
    );
    fake.write('orders/0', 'x', 'y');
    const batches = consumer.batches();
    expect((await settled(batches.next())).value).toMatchObject({ partition: 0 });
    await clock.advance(100);
    fake.assign('m-1', 'orders/0');
    await clock.advance(4_000);
    // Asked for at once: a moment later the answer would be there in any case.
    const offsets = await settled(batches.next().then(({ value: batch }) => batch?.groupOffsets()));
    expect(offsets).toEqual({
      group: 'billing',
      member: 'm-1',
      generation: fake.members.get('m-1')?.epoch,
      offsets: [{ topic: 'orders', partition: 0, offset: 2 }],
    });
    expect([...(fake.members.get('m-1')?.owned ?? [])]).toEqual(['orders/0']);
    await settled(consumer.close());
  });

  it('whose callback throws is acknowledged all the same, and ends the iteration', async () => {
    const onRevoked = () => Promise.reject(new Error('no'));
    const { fake, consumer, clock, settled } = consumerWorld({ onRevoked }, TWO);
    fake.write('orders/0', 'a');
    const records = consumer.records();
    await settled(records.next());
    fake.assign('m-1', 'orders/1');
    const next = records.next().catch((error: unknown) => error);
    expect(await settled(next)).toMatchObject({ message: 'no' });
    await clock.advance(1_000);
    expect([...(fake.members.get('m-1')?.owned ?? [])]).toEqual(['orders/1']);
    await settled(consumer.close().catch(() => {}));
  });
});

describe('partitions', () => {
  it('that are assigned are told before their first record', async () => {
    const seen: string[] = [];
    const onAssigned = async (partitions: TopicPartition[]) => {
      await idle();
      seen.push(`assigned ${namesOf(partitions)}`);
    };
    const { fake, consumer, settled } = consumerWorld({ onAssigned }, TWO);
    fake.assign('m-1', 'orders/0');
    fake.write('orders/0', 'a');
    fake.write('orders/1', 'b');
    const records = consumer.records();
    seen.push(String((await settled(records.next())).value?.value));
    const next = records.next();
    await idle();
    fake.assign('m-1', ...TWO);
    seen.push(String((await settled(next)).value?.value));
    expect(seen).toEqual(['assigned orders/0', 'a', 'assigned orders/1', 'b']);
    await settled(consumer.close());
  });

  it('are those of one member, however often the answer to its joining is lost', async () => {
    const { fake, consumer, told, settled } = consumerWorld();
    fake.write('orders/0', 'a');
    fake.fault = (_call, index) => (index < 3 ? 'lost-answer' : undefined);
    expect((await settled(consumer.records().next())).value).toMatchObject({ value: 'a' });
    expect([...fake.members.keys()]).toEqual(['m-1']);
    expect(told).toEqual(['assigned orders/0']);
    await settled(consumer.close());
  });

  it('of a member that was fenced are lost, and it joins again by itself', async () => {
    const { fake, consumer, clock, told, settled } = consumerWorld();
    fake.write('orders/0', 'a', 'b');
    const records = consumer.records();
    await settled(records.next());
    fake.expire('m-1');
    fake.committed.set('orders/0', 1);
    await clock.advance(20_000);
    expect((await settled(records.next())).value).toMatchObject({ value: 'b' });
    expect(told).toEqual(['assigned orders/0', 'lost orders/0', 'assigned orders/0']);
    expect(consumer.groupMetadata()).toMatchObject({ group: 'billing', member: 'm-2' });
    await settled(consumer.close());
  });

  it('of a static member are lost for good to a newer one with its id', async () => {
    const { fake, consumer, told, settled } = consumerWorld({ instanceId: 'worker-1' });
    fake.write('orders/0', 'a');
    const records = consumer.records();
    await settled(records.next());
    fake.fault = () => ({ status: 409, code: 'FENCED_INSTANCE_ID', retriable: false });
    expect(await settled(records.next().catch((error: unknown) => error))).toMatchObject({
      code: 'FENCED_INSTANCE_ID',
    });
    await settled(consumer.close());
    expect(told).toEqual(['assigned orders/0', 'lost orders/0']);
  });

  it('are given up when the consumer is closed', async () => {
    const { fake, consumer, told, settled } = consumerWorld({}, TWO);
    fake.write('orders/0', 'a');
    await settled(take(consumer, 1));
    await settled(consumer.close());
    expect(told).toEqual(['assigned orders/0 orders/1', 'revoked orders/0 orders/1']);
    expect(() => consumer.pause([{ topic: 'orders', partition: 0 }])).toThrow('not, or no longer, assigned');
  });

  it('of a deleted topic keep the others from nothing', async () => {
    const { fake, consumer, clock, told, settled } = consumerWorld({ sessionTimeoutMs: 9_000 }, ['gone/0', 'orders/0']);
    fake.write('gone/0', 'a', 'b');
    fake.write('orders/0', 'c');
    const records = consumer.records();
    await settled(records.next());
    await settled(records.next());
    fake.fault = ({ body }) => {
      const named = Array.isArray(body.commit) && body.commit.some(({ topic }) => topic === 'gone');
      return named ? { status: 404, code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true } : undefined;
    };
    await clock.advance(4_000);
    fake.logs.delete('gone/0');
    fake.members.get('m-1')?.owned.delete('gone/0');
    fake.assign('m-1', 'orders/0');
    expect((await settled(records.next())).value).toMatchObject({ value: 'c' });
    const next = records.next();
    await clock.advance(1_000);
    fake.write('orders/0', 'd');
    expect((await settled(next)).value).toMatchObject({ value: 'd' });
    expect(told).toEqual(['assigned gone/0 orders/0', 'lost gone/0']);
    await settled(consumer.close());
  });
});

describe('pausing', () => {
  it('holds back what has arrived, and asks for nothing more until it is resumed', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ maxRecords: 2 }, TWO);
    fake.write('orders/0', 'a', 'b', 'c');
    fake.write('orders/1', 'x');
    const records = consumer.records();
    expect((await settled(records.next())).value).toMatchObject({ value: 'a' });
    consumer.pause([{ topic: 'orders', partition: 0 }]);
    expect((await settled(records.next())).value).toMatchObject({ value: 'x' });
    const next = records.next();
    await clock.advance(30_000);
    expect(fake.polls().at(-1)?.body.paused).toEqual([{ topic: 'orders', partitions: [0] }]);
    consumer.resume([{ topic: 'orders', partition: 0 }]);
    expect((await settled(next)).value).toMatchObject({ value: 'b' });
    expect((await settled(records.next())).value).toMatchObject({ value: 'c' });
    await settled(consumer.close());
    expect(fake.committed.get('orders/0')).toBe(2);
  });

  it('of all partitions leaves the heartbeats alone', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({ sessionTimeoutMs: 9_000 });
    fake.write('orders/0', 'a');
    await settled(take(consumer, 1));
    consumer.pause(consumer.assignment);
    const before = fake.polls().length;
    void consumer.records().next();
    await clock.advance(30_000);
    const beats = fake.polls().slice(before);
    expect(beats.length).toBeGreaterThanOrEqual(9);
    expect(beats.every(({ body }) => body.max_records === 0)).toBe(true);
    await settled(consumer.close());
  });
});

describe('seeking', () => {
  it('goes back and forward with what is asked for next, whatever has arrived', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', ...'abcdef'.split(''));
    const records = consumer.records();
    const next = async () => (await settled(records.next())).value?.value;
    expect([await next(), await next()]).toEqual(['a', 'b']);
    consumer.seek({ topic: 'orders', partition: 0, offset: 4 });
    expect(await next()).toBe('e');
    consumer.seek({ topic: 'orders', partition: 0, offset: 1 });
    expect([await next(), await next()]).toEqual(['b', 'c']);
    await settled(consumer.close());
    expect(fake.committed.get('orders/0')).toBe(2);
  });

  it('is told again where the answer was lost', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', ...'abcdef'.split(''));
    const records = consumer.records();
    await settled(records.next());
    fake.fault = ({ body }, index) => (body.seek !== undefined && index % 3 !== 0 ? 'lost-answer' : undefined);
    consumer.seek({ topic: 'orders', partition: 0, offset: 5 });
    expect((await settled(records.next())).value).toMatchObject({ offset: 5 });
    await settled(consumer.close());
  });

  it('is refused of what is not assigned, and to what is no offset', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', 'a');
    await settled(take(consumer, 1));
    expect(() => consumer.seek({ topic: 'orders', partition: 1, offset: 0 })).toThrow('assigned');
    expect(() => consumer.seek({ topic: 'orders', partition: 0, offset: -1 })).toThrow(RangeError);
    await settled(consumer.close());
  });
});
