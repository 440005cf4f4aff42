import { describe, expect, test } from 'vitest';
import { commitOffsets } from '../../lib/broker/groups/commit-offsets.ts';
import { listGroups } from '../../lib/broker/groups/list-groups.ts';
import { maintain } from '../../lib/broker/maintain.ts';
import { produceBatches } from '../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { describePartition } from '../../lib/broker/topics/describe-topic.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { newObjectId } from '../../lib/kernel/ids.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { sweeperLimits } from '../../lib/kernel/limits/sweeper.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { encodeFooter } from '../../lib/log/segment/footer.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import { batchOf, record } from '../support/broker.ts';
import { groupWorld } from '../support/group-consumers.ts';
import { valuesIn } from '../support/transactions.ts';

/** A group whose offsets have expired, and an object that no ledger has. */
async function world() {
  const { stores, processes } = await groupWorld();
  const [{ broker, clock, metadata }] = processes;
  await commitOffsets(broker, { group: 'g', offsets: [{ topic: 't', partition: 0, offset: 0 }] });
  await clock.advance(2 * 60_000);
  const object = newObjectId(clock.now() - sweeperLimits.orphanAgeMs - 1, seededRandom(1));
  await broker.objects.put(objectName('segments', object), [encodeFooter({ object, parts: [] })]);
  const left = async () => ({
    groups: (await listGroups(broker)).groups.length,
    objects: (await broker.objects.list('segments/')).objects.length,
  });
  return { stores, broker, metadata, left };
}

describe('maintenance', () => {
  test('lets offsets expire and sweeps orphan objects', async () => {
    const { broker, left } = await world();
    expect(await left()).toEqual({ groups: 1, objects: 1 });
    expect(await maintain(broker, { offsetsRetentionMs: 60_000 })).toEqual([]);
    expect(await left()).toEqual({ groups: 0, objects: 0 });
  });

  test('lets old records go', async () => {
    const { broker } = await world();
    await createTopic(broker, { name: 'old', config: { 'retention.ms': 0 } });
    await produceBatches(broker, { topic: 'old', partition: 0, batches: batchOf('x'), acks: 'all' });
    expect(await maintain(broker)).toEqual([]);
    expect(await describePartition(broker, 'old', 0)).toMatchObject({ logStartOffset: 1, highWatermark: 1 });
  });

  test('merges what is old into segments', async () => {
    const { broker, stores } = await world();
    await createTopic(broker, { name: 'old' });
    await produceBatches(broker, { topic: 'old', partition: 0, batches: batchOf('x'), acks: 'all' });
    await stores.clock.advance(mergingLimits.mergeAgeMsMin);
    expect(await maintain(broker)).toEqual([]);
    expect((await broker.objects.list('merged/')).objects).toHaveLength(1);
  });

  test('compacts topics that are to be compacted', async () => {
    const { broker, stores } = await world();
    await createTopic(broker, { name: 'table', config: { 'cleanup.policy': 'compact' } });
    const batches = encodeBatch([record('old', { key: utf8('k') }), record('new', { key: utf8('k') })]);
    await produceBatches(broker, { topic: 'table', partition: 0, batches, acks: 'all' });
    await stores.clock.advance(mergingLimits.mergeAgeMsMin);
    await maintain(broker); // merges
    expect(await maintain(broker)).toEqual([]);
    expect(await valuesIn({ broker }, 'table', 0)).toEqual(['new']);
  });

  test('that is for merging alone says what it came to, and does nothing else', async () => {
    const { broker, left } = await world();
    const counted: unknown[] = [];
    const meter = { ...broker.meter, maintained: (counts: unknown) => void counted.push(counts) };
    expect(await maintain({ ...broker, meter }, { offsetsRetentionMs: 60_000, only: 'merging' })).toEqual([]);
    expect(await left()).toEqual({ groups: 1, objects: 1 });
    expect(counted).toEqual([{ mergedBytes: 0, backlogBytes: 0, backlogAge: 0, blocked: 0 }]);
  });

  test('keeps offsets for 7 days where nobody says otherwise', async () => {
    const { broker, left } = await world();
    expect(await maintain(broker)).toEqual([]);
    expect(await left()).toEqual({ groups: 1, objects: 0 });
  });

  test('that is to end at once leaves all of it to the next one', async () => {
    const { broker, left } = await world();
    const stop = new AbortController();
    stop.abort();
    expect(await maintain(broker, { offsetsRetentionMs: 60_000, signal: stop.signal })).toEqual([]);
    expect(await left()).toEqual({ groups: 1, objects: 1 });
    await maintain(broker, { offsetsRetentionMs: 60_000 });
    expect(await left()).toEqual({ groups: 0, objects: 0 });
  });

  test('says which of its chores have failed, and does the others', async () => {
    const { broker, left } = await world();
    const objects = Object.assign(Object.create(broker.objects) as typeof broker.objects, {
      list: () => Promise.reject(new MillraceError('KAFKA_STORAGE_ERROR', 'not now')),
    });
    const failed = await maintain({ ...broker, objects }, { offsetsRetentionMs: 60_000 });
    expect(failed).toEqual(['sweep of orphan objects']);
    expect(await left()).toEqual({ groups: 0, objects: 1 });
  });
});
