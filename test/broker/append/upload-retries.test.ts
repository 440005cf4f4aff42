/** How often an object is sent that cannot be stored, however many ledgers wait for it. */
import { expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { batchOf, makeBroker, makeStores, type Process, throttled } from '../../support/broker.ts';
import { makeReplicatedStores } from '../../support/replicas.ts';

const LEDGERS = 40;

/** One record to each of many ledgers, all in one object. */
async function produceToMany(
  { broker, clock }: Process,
  replicationFactor: number,
): Promise<PromiseSettledResult<number>[]> {
  const partitions = LEDGERS * 16;
  await createTopic(broker, { name: 't', partitions, replicationFactor });
  const topic = await broker.topics.get('t');
  const deadlineMs = clock.monotonic() + produceLimits.produceDeadlineMs;
  for (let n = 0; n < LEDGERS; n++) await broker.heads.known(ledgerOf(topic, n * 16).ledger);
  const appended = Promise.allSettled(
    Array.from({ length: LEDGERS }, (_, n) =>
      broker.appender.append({ ...ledgerOf(topic, n * 16), run: runOf([batchOf('v')]), deadlineMs }),
    ),
  );
  await clock.until(appended);
  return appended;
}

it('sends an object that a bucket refuses only so often, whatever the number of its ledgers', async () => {
  const stores = makeStores();
  const process = makeBroker({ stores });
  let puts = 0;
  process.objects.onPut = async () => {
    puts++;
    throw throttled();
  };
  const outcomes = await produceToMany(process, 1);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(LEDGERS);
  expect(puts).toBe(produceLimits.uploadAttemptsMax);
});

it('sends an object to a replica that fails at the pace of one writer, whatever the number of its ledgers', async () => {
  const stores = makeReplicatedStores();
  for (const replica of stores.replicas) replica.fault = 'down';
  const process = makeBroker({ stores });
  const calls = new Map<string, number>();
  for (const [id, replica] of stores.replicas.entries()) {
    const put = replica.put.bind(replica);
    replica.put = (name, chunks) => {
      if (!name.includes('probe')) calls.set(`${id}`, (calls.get(`${id}`) ?? 0) + 1);
      return put(name, chunks);
    };
  }
  await produceToMany(process, 3);
  const seconds = produceLimits.produceDeadlineMs / 1_000;
  for (const count of calls.values()) expect(count).toBeLessThan(10 * seconds);
});
