/** A producer on a clock that the test moves, over an API that fails as the test says. */
import { createClient } from '../../../lib/client/client.ts';
import type { ProducerOptions } from '../../../lib/client/producer/options.ts';
import type { Producer } from '../../../lib/client/producer/producer.ts';
import type { Content } from '../../../lib/client/records.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { type FakeApiOptions, FakeRecordsApi } from '../../support/fake-records-api.ts';
import { ManualClock } from '../../support/manual-clock.ts';

export function producerWorld<Key = Content, Value = Content>(
  options: ProducerOptions<Key, Value> = {},
  api: Partial<FakeApiOptions> = {},
) {
  const clock = new ManualClock();
  const fake = new FakeRecordsApi({ clock, topics: { orders: { partitions: 1 }, wide: { partitions: 4 } }, ...api });
  const client = createClient({ url: 'http://api.test', fetch: fake.fetch, clock, random: seededRandom(1) });
  const producer = client.producer<Key, Value>(options);
  /** Lets time pass until the promise settles. */
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    await clock.until(promise);
    return promise;
  };
  const failure = (promise: Promise<unknown>): Promise<unknown> => settled(reasonOf(promise));
  return { clock, fake, client, producer, settled, failure };
}

/** What the promise rejects with; `undefined` where it does not. */
export function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
}

/** Each value as a record of the topic `orders`. */
export function sendValues(producer: Producer<Content, Content>, ...values: string[]) {
  return producer.send({ topic: 'orders', records: values.map((value) => ({ value })) });
}
