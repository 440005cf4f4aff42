/** A consumer on a clock that the test moves, over a group that does as the test says. */
import { createClient } from '../../../lib/client/client.ts';
import type { Consumer } from '../../../lib/client/consumer/consumer.ts';
import type { ConsumerOptions, TopicPartition } from '../../../lib/client/consumer/options.ts';
import type { ContentOf } from '../../../lib/client/records.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { FakeGroupsApi } from '../../support/fake-groups-api.ts';
import { ManualClock } from '../../support/manual-clock.ts';

type Text = ContentOf['text'];

export function consumerWorld<Value = Text>(
  options: Partial<ConsumerOptions<Text, Value>> = {},
  partitions: readonly string[] = ['orders/0'],
) {
  const clock = new ManualClock();
  const fake = new FakeGroupsApi({ clock, partitions });
  const client = createClient({ url: 'http://api.test', fetch: fake.fetch, clock, random: seededRandom(1) });
  const told: string[] = [];
  const note = (what: string) => (list: TopicPartition[]) => void told.push(`${what} ${namesOf(list)}`);
  const consumer = client.consumer<Text, Value>({
    group: 'billing',
    topics: ['orders'],
    autoOffsetReset: 'earliest',
    onAssigned: note('assigned'),
    onRevoked: note('revoked'),
    onLost: note('lost'),
    ...options,
  });
  /** Lets time pass until the promise settles. */
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    await clock.until(promise);
    return promise;
  };
  return { clock, fake, client, consumer, told, settled };
}

export function namesOf(list: readonly TopicPartition[]): string {
  return list.map(({ topic, partition }) => `${topic}/${partition}`).join(' ');
}

/** Takes so many records, each `topic/partition@offset=value`; leaves the last one in hand. */
export async function take(consumer: Consumer<Text, unknown>, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const { topic, partition, offset, value } of consumer.records()) {
    taken.push(`${topic}/${partition}@${offset}=${String(value)}`);
    if (taken.length === count) break;
  }
  return taken;
}
