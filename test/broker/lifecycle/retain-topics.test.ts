import { describe, expect, it } from 'vitest';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { retainTopics } from '../../../lib/broker/lifecycle/retain-topics.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import type { TopicConfigInput } from '../../../lib/log/topic/config.ts';
import { batchOf, makeBroker, type Process, throttled } from '../../support/broker.ts';

const HOUR_MS = 60 * 60 * 1_000;

/** Topics with one record in each of their partitions, which is old in an hour. */
async function world(topics: Record<string, { partitions?: number; config?: TopicConfigInput }>): Promise<Process> {
  const process = makeBroker();
  for (const [name, { partitions = 1, config = {} }] of Object.entries(topics)) {
    const configs = { 'retention.ms': HOUR_MS / 2, 'ledger.partitions': 1, ...config };
    await createTopic(process.broker, { name, partitions, config: configs });
    for (let partition = 0; partition < partitions; partition++) {
      await produceBatches(process.broker, { topic: name, partition, batches: batchOf('x'), acks: 'all' });
    }
  }
  await process.clock.advance(HOUR_MS);
  return process;
}

async function starts({ broker }: Process, topic: string, partitions = 1): Promise<(number | null)[]> {
  const at = { at: 'earliest' } as const;
  const found = Array.from({ length: partitions }, (_, partition) => listOffsets(broker, { topic, partition, at }));
  return (await Promise.all(found)).map(({ offset }) => offset);
}

/** Aborts when so many ledgers were looked at, counted by the heads that were read. */
function stopAfter(process: Process, ledgers: number): AbortSignal {
  const stop = new AbortController();
  let heads = 0;
  process.metadata.onGet = (proceed, { sk }) => {
    if (sk === 'head' && ++heads === ledgers) stop.abort();
    return proceed();
  };
  return stop.signal;
}

describe('retention of all topics', () => {
  it('looks at every ledger from which something may go', async () => {
    const process = await world({
      a: { partitions: 3 },
      compacted: { config: { 'cleanup.policy': '' } },
      kept: { config: { 'retention.ms': -1 } },
      z: {},
    });
    expect(await retainTopics(process.broker)).toEqual({ ledgers: 4, moved: 4, failed: 0 });
    expect(await starts(process, 'a', 3)).toEqual([1, 1, 1]);
    expect(await starts(process, 'compacted')).toEqual([0]);
    expect(await starts(process, 'kept')).toEqual([0]);
    expect(await starts(process, 'z')).toEqual([1]);
    expect(await retainTopics(process.broker)).toEqual({ ledgers: 4, moved: 0, failed: 0 });
  });

  it('goes on in the next round where it was stopped, within a topic too, and then begins anew', async () => {
    const process = await world({ a: { partitions: 20 }, b: { partitions: 3 } });
    const first = await retainTopics(process.broker, { signal: stopAfter(process, 3) });
    expect(first.ledgers).toBe(8);
    process.metadata.onGet = undefined;
    expect(await retainTopics(process.broker, { signal: AbortSignal.abort() })).toMatchObject({ ledgers: 0 });
    expect(await retainTopics(process.broker)).toMatchObject({ ledgers: 15, moved: 15 });
    expect(await starts(process, 'a', 20)).toEqual(Array<number>(20).fill(1));
    expect(await retainTopics(process.broker)).toMatchObject({ ledgers: 23, moved: 0 });
  });

  it('passes by a ledger that storage fails for, and by a topic that is deleted meanwhile', async () => {
    const process = await world({ a: {}, b: {}, c: {} });
    process.metadata.onGet = (proceed, { pk, sk }) => (pk === 'topic#a' && sk === 'config' ? undefined : proceed());
    let writes = 0;
    process.metadata.onWrite = (proceed) => (++writes === 1 ? Promise.reject(throttled()) : proceed());
    expect(await retainTopics(process.broker)).toEqual({ ledgers: 2, moved: 1, failed: 1 });
    process.metadata.onGet = undefined;
    expect(await retainTopics(process.broker)).toEqual({ ledgers: 3, moved: 2, failed: 0 });
  });
});
