/** What counts as done where an iteration ends early, fails, or commits by itself. */
import { describe, expect, it } from 'vitest';
import { DeserializationError } from '../../../lib/client/consumer/record.ts';
import { json } from '../../../lib/client/producer/serializers.ts';
import { consumerWorld, take } from './consumer-world.ts';

const GONE = { status: 404, code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true };

describe('an iteration that is left', () => {
  it('by an error is gone on with at the record that it was thrown at', async () => {
    const { fake, consumer, settled } = consumerWorld();
    fake.write('orders/0', 'a', 'b', 'c');
    const seen: unknown[] = [];
    const attempt = async () => {
      for await (const { value } of consumer.records()) {
        seen.push(value);
        if (value === 'b' && seen.length === 2) throw new Error('the database is away');
        if (value === 'c') return;
      }
    };
    await expect(settled(attempt())).rejects.toThrow('the database is away');
    await settled(attempt());
    expect(seen).toEqual(['a', 'b', 'b', 'c']);
    await settled(consumer.close());
    expect(fake.committed.get('orders/0')).toBe(2);
  });

  it('brings its last record again also where nothing else had arrived', async () => {
    const { fake, consumer, clock, settled } = consumerWorld();
    fake.write('orders/0', 'a');
    expect(await settled(take(consumer, 1))).toEqual(['orders/0@0=a']);
    await clock.advance(20_000);
    expect(await settled(take(consumer, 1))).toEqual(['orders/0@0=a']);
    fake.write('orders/0', 'b');
    expect(await settled(take(consumer, 2))).toEqual(['orders/0@0=a', 'orders/0@1=b']);
    await settled(consumer.close());
    expect(fake.committed.get('orders/0')).toBe(1);
  });

  it('goes on behind the record in hand where that was committed', async () => {
    const { fake, consumer, clock, settled } = consumerWorld();
    fake.write('orders/0', 'a', 'b', 'c');
    for await (const record of consumer.records()) {
      await record.commit();
      break;
    }
    await clock.advance(20_000);
    expect(fake.commits).toEqual(['orders/0@1']);
    expect(await settled(take(consumer, 1))).toEqual(['orders/0@1=b']);
    await settled(consumer.close());
  });

  it('goes on behind it with manual commits, and where the application has sought', async () => {
    const { fake, consumer, settled } = consumerWorld({ commit: 'manual' });
    fake.write('orders/0', 'a', 'b', 'c');
    await settled(take(consumer, 1));
    expect(await settled(take(consumer, 1))).toEqual(['orders/0@1=b']);
    await settled(consumer.close());
    const automatic = consumerWorld();
    automatic.fake.write('orders/0', 'a', 'b', 'c');
    await automatic.settled(take(automatic.consumer, 1));
    automatic.consumer.seek({ topic: 'orders', partition: 0, offset: 2 });
    expect(await automatic.settled(take(automatic.consumer, 1))).toEqual(['orders/0@2=c']);
    await automatic.settled(automatic.consumer.close());
  });

  it('brings a whole batch again, and of a partition that was taken away nothing', async () => {
    const { fake, consumer, clock, told, settled } = consumerWorld({ sessionTimeoutMs: 9_000 }, [
      'orders/0',
      'orders/1',
    ]);
    fake.write('orders/0', 'a', 'b');
    const batch = async () => {
      const values: unknown[] = [];
      for await (const { records } of consumer.batches()) {
        values.push(...records.map(({ value }) => value));
        break;
      }
      return values;
    };
    expect(await settled(batch())).toEqual(['a', 'b']);
    expect(await settled(batch())).toEqual(['a', 'b']);
    fake.assign('m-1', 'orders/1');
    await clock.advance(4_000);
    fake.write('orders/1', 'c');
    expect(await settled(batch())).toEqual(['c']);
    expect(told).toEqual(['assigned orders/0 orders/1', 'revoked orders/0']);
    await settled(consumer.close());
    expect(fake.committed.get('orders/0')).toBeUndefined();
  });
});

describe('a batch with a record that is not to be deserialized', () => {
  it('ends before it, so that to seek past it passes over no other', async () => {
    const { fake, consumer, settled } = consumerWorld({ valueDeserializer: json<number>() });
    fake.write('orders/0', '1', '2', 'three', '4');
    const seen: unknown[] = [];
    const run = async () => {
      for await (const { records } of consumer.batches()) {
        seen.push(records.map(({ value }) => value));
        if (seen.length === 2) return;
      }
    };
    const failure = await settled(run().catch((error: unknown) => error));
    expect(seen).toEqual([[1, 2]]);
    expect(failure).toBeInstanceOf(DeserializationError);
    expect(failure).toMatchObject({ offset: 2, record: { value: 'three' } });
    consumer.seek({ topic: 'orders', partition: 0, offset: 3 });
    await settled(run());
    expect(seen).toEqual([[1, 2], [4]]);
    await settled(consumer.close());
  });
});

describe('automatic commits', () => {
  it('do not go back behind what the application has committed of the record in hand', async () => {
    const { fake, consumer, clock, settled } = consumerWorld();
    fake.write('orders/0', 'a', 'b', 'c');
    const records = consumer.records();
    await settled(records.next());
    const { value: second } = await settled(records.next());
    await settled(second?.commit() ?? Promise.resolve());
    await clock.advance(30_000);
    expect(fake.commits).toEqual(['orders/0@2']);
    await settled(consumer.close());
    expect(fake.commits).toEqual(['orders/0@2']);
  });

  it('are made up for where a topic among them was gone', async () => {
    const { fake, consumer, clock, settled } = consumerWorld({}, ['orders/0', 'orders/1']);
    fake.write('orders/0', 'a', 'b');
    const records = consumer.records();
    await settled(records.next());
    await settled(records.next());
    let refused = false;
    fake.fault = ({ body }) => {
      if (refused || !Array.isArray(body.commit) || body.commit.length === 0) return undefined;
      refused = true;
      return GONE;
    };
    await clock.advance(20_000);
    expect(refused).toBe(true);
    await clock.advance(20_000);
    expect(fake.commits).toEqual(['orders/0@1']);
    await settled(consumer.close());
  });
});
