import { describe, expect, it } from 'vitest';
import { archiveTopics } from '../../../lib/broker/lifecycle/archive-topics.ts';
import { mergePages } from '../../../lib/broker/lifecycle/merge-pages.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { archiveLimits } from '../../../lib/kernel/limits/archive.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { batchOf, makeBroker, type Process, settled, throttled } from '../../support/broker.ts';
import { AT_ONCE, segmentsOf } from '../../support/merging.ts';

const HOUR_MS = 60 * 60 * 1_000;

/** Each topic with a segment that is large enough, and an hour old. */
async function world(topics: Record<string, string>): Promise<Process> {
  const process = makeBroker();
  const { broker } = process;
  for (const [name, storageClass] of Object.entries(topics)) {
    const config = { 'archive.storage.class': storageClass, 'archive.after.ms': HOUR_MS / 2 };
    await createTopic(broker, { name, config });
    const value = 'x'.repeat(1_000_000);
    for (let bytes = 0; bytes < archiveLimits.archiveBytesMin; bytes += value.length) {
      await produceBatches(broker, { topic: name, partition: 0, batches: batchOf(value), acks: 'all' });
    }
    await settled(broker);
    const topic = await broker.topics.get(name);
    const { ledger } = ledgerOf(topic, 0);
    await broker.sealer.seal(ledger);
    expect(await mergePages(broker, { topic, ledger, policy: AT_ONCE })).toMatchObject({ outcome: 'merged' });
  }
  await process.clock.advance(HOUR_MS);
  return process;
}

async function classesOf({ broker }: Process, name: string): Promise<(string | undefined)[]> {
  const { ledger } = ledgerOf(await broker.topics.get(name), 0);
  return (await segmentsOf(broker, ledger, 0)).map(({ storageClass }) => storageClass);
}

describe('archiving of all topics', () => {
  it('moves what is old to the class that its topic names, where one does', async () => {
    const process = await world({ a: 'STANDARD_IA', b: '', c: 'GLACIER_IR' });
    expect(await archiveTopics(process.broker)).toMatchObject({ ledgers: 2, segments: 2, missing: 0, failed: 0 });
    expect(await classesOf(process, 'a')).toEqual(['STANDARD_IA']);
    expect(await classesOf(process, 'b')).toEqual([undefined]);
    expect(await classesOf(process, 'c')).toEqual(['GLACIER_IR']);
    expect(await archiveTopics(process.broker)).toMatchObject({ ledgers: 2, segments: 0, failed: 0 });
  });

  it('goes on in the next round where it was stopped', async () => {
    const process = await world({ a: 'STANDARD_IA' });
    expect(await archiveTopics(process.broker, { signal: AbortSignal.abort() })).toMatchObject({ ledgers: 0 });
    expect(await archiveTopics(process.broker)).toMatchObject({ ledgers: 1, segments: 1 });
  });

  it('passes by a ledger that storage fails for', async () => {
    const process = await world({ a: 'STANDARD_IA', b: 'STANDARD_IA' });
    let asked = 0;
    const proceed = process.objects.archive.bind(process.objects);
    process.objects.archive = (name, storageClass) =>
      ++asked === 1 ? Promise.reject(throttled()) : proceed(name, storageClass);
    expect(await archiveTopics(process.broker)).toMatchObject({ ledgers: 2, segments: 1, failed: 1 });
    expect(await archiveTopics(process.broker)).toMatchObject({ ledgers: 2, segments: 1, failed: 0 });
  });
});
