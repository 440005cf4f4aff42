/** What is left of a deleted topic: nothing, in the table or in the bucket, whatever came between. */
import { describe, expect, it } from 'vitest';
import { finishDeletions } from '../../../lib/broker/lifecycle/finish-deletions.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { type LedgerId, newObjectId } from '../../../lib/kernel/ids.ts';
import { deletionLimits } from '../../../lib/kernel/limits/deletion.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { bundleOf, planBundle } from '../../../lib/log/ledger/bundle.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { encodePage, pageKey } from '../../../lib/log/ledger/page.ts';
import { condemnedKey, encodeCondemned } from '../../../lib/log/merged/condemned-item.ts';
import { encodeSegmentItem, segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import type { TableScan } from '../../../lib/storage/metadata/port.ts';
import {
  headOf,
  lost,
  makeBroker,
  makeStores,
  makeTopic,
  objectNames,
  type Process,
  type Stores,
} from '../../support/broker.ts';

const GRACE = deletionLimits.deletionGraceMs;

async function write({ broker }: Process, topic: string, partitions: number[], value = 'v'): Promise<void> {
  const records = partitions.map((partition) => ({
    partition,
    key: null,
    value: utf8(value),
    headers: [],
  }));
  const outcomes = await produceRecords(broker, { topic, records, acks: 'all' });
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(partitions.map(() => 'written'));
}

/** What the table has but for counts of deletions and for these names. */
async function itemsBut({ metadata }: Stores, ...parts: string[]): Promise<string[]> {
  const { keys } = await (metadata as unknown as TableScan).scanKeys();
  return keys
    .map(({ pk, sk }) => `${pk} ${sk}`)
    .filter((name) => !name.startsWith('deletions#') && !parts.some((part) => name.includes(part)));
}

/** Two rounds of the maintenance, the second when nothing can be on its way any more. */
async function maintain({ stores, process }: { stores: Stores; process: Process }): Promise<void> {
  await finishDeletions(process.broker);
  await stores.clock.advance(GRACE);
  await finishDeletions(process.broker);
}

/** What is written to both topics at once goes into one object from now on: neither has to be looked up. */
async function sharedFlushes({ broker }: Process): Promise<void> {
  await Promise.all(['t', 'other'].map((name) => broker.topics.get(name)));
}

async function world(partitions = 3) {
  const stores = makeStores();
  const { ledger, ...process } = await makeTopic({ stores, partitions, config: { 'ledger.partitions': 1 } });
  return { stores, process, ledger };
}

/** An object of a ledger's partition that only an item names. */
async function mergedObject({ objects, clock }: Stores, seed: number) {
  const object = newObjectId(clock.now(), seededRandom(seed));
  await objects.put(objectName('merged', object), [utf8('merged')]);
  return object;
}

async function mergedNames({ objects, clock }: Stores): Promise<string[]> {
  const { objects: found } = await objects.list(`merged/${Math.floor(clock.now() / 3_600_000)}/`);
  return found.map(({ name }) => name);
}

describe('a deleted topic', () => {
  it('leaves nothing behind: objects of the tail, of pages and of bundles, merged and condemned ones, items', async () => {
    const { stores, process, ledger } = await world();
    for (let i = 0; i < 5; i++) await write(process, 't', [0, 1]);
    await process.broker.sealer.seal(ledger);
    await write(process, 't', [0, 2]);
    const { tail } = await headOf(stores.metadata, ledger);
    const bundled = { ...(tail[0] as Commit), object: newObjectId(stores.clock.now(), seededRandom(5)), alone: true };
    await stores.objects.put(objectName('segments', bundled.object), [utf8('of a bundle')]);
    for (const one of planBundle(ledger, bundleOf([bundled], seededRandom(6).bytes(8))))
      await stores.metadata.write([one]);
    const segment = { partition: 1, base: 0, end: 5, bytes: 5, footerBytes: 1, records: 5, level: 0 };
    const attributes = encodeSegmentItem({ ...segment, object: await mergedObject(stores, 1) });
    await stores.metadata.write([{ kind: 'put', key: segmentKey(ledger.topicId, segment), attributes }]);
    const condemned = encodeCondemned([{ tier: 'merged', object: await mergedObject(stores, 2) }]);
    const key = condemnedKey(ledger, { ms: 1, random: '00000000' });
    await stores.metadata.write([{ kind: 'put', key, attributes: condemned }]);
    expect(await objectNames(stores)).toHaveLength(7);

    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    expect(await objectNames(stores)).toEqual([]);
    expect(await mergedNames(stores)).toEqual([]);
    expect(await itemsBut(stores)).toEqual([`deleted-topics ${ledger.topicId}`]);
    await maintain({ stores, process });
    expect(await itemsBut(stores)).toEqual([]);
  });

  it('takes nothing from others: an object goes with the last of the topics that are in it', async () => {
    const { stores, process } = await world();
    await createTopic(process.broker, { name: 'other' });
    await sharedFlushes(process);
    await Promise.all([write(process, 't', [0, 1]), write(process, 'other', [0])]);
    await write(process, 'other', [0]);
    expect(await objectNames(stores)).toHaveLength(2);
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    expect(await objectNames(stores)).toHaveLength(2);
    await deleteTopic(process.broker, 'other');
    await process.broker.background.settled();
    expect(await objectNames(stores)).toEqual([]);
  });

  it('takes an object that another topic was to have and can get no more', async () => {
    const { stores, process } = await world();
    const other = (await createTopic(process.broker, { name: 'other' })).topicId;
    await sharedFlushes(process);
    process.metadata.onWrite = (proceed, [first]) => {
      if (first?.key.pk === `ledger#${other}#0`) throw new Error('the process dies before it is committed');
      return proceed();
    };
    const writes = await Promise.allSettled([write(process, 't', [0]), write(process, 'other', [0])]);
    expect(writes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    process.metadata.onWrite = undefined;
    const [born] = (
      await headOf(stores.metadata, { topicId: (await process.broker.topics.get('t')).topicId, index: 0 })
    ).tail;
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    expect(await objectNames(stores)).toEqual([]);
    expect((await headOf(stores.metadata, { topicId: other, index: 0 })).swept).toBe(born?.object.birthMs);
  });

  it('is gone for readers and writers before anything of it is deleted, and whoever wants its name need not wait', async () => {
    const { stores, process, ledger } = await world(1);
    await write(process, 't', [0]);
    const gate = Promise.withResolvers<void>();
    process.objects.delete = async (names) => {
      await gate.promise;
      return stores.objects.delete(names);
    };
    await deleteTopic(process.broker, 't');
    expect(await stores.metadata.get(headKey(ledger), 'strong')).toBeUndefined();
    await createTopic(makeBroker({ stores }).broker, { name: 't' });
    expect(await objectNames(stores)).toHaveLength(1);
    gate.resolve();
    await process.broker.background.settled();
    expect(await objectNames(stores)).toEqual([]);
  });

  it('is emptied for a while in the background of who deletes it, and the rest is for the maintenance, in bounded steps', async () => {
    const { stores, process, ledger } = await world(40);
    await write(
      process,
      't',
      Array.from({ length: 40 }, (_, partition) => partition),
    );
    process.metadata.onWrite = async (proceed, [first]) => {
      if (first?.kind === 'delete' && first.key.sk === 'grave')
        await stores.clock.advance(deletionLimits.deletionMsMax / 3);
      return proceed();
    };
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    const left = async () => (await itemsBut(stores)).filter((name) => name.endsWith('grave')).length;
    const before = await left();
    expect(before).toBeGreaterThan(20);
    expect(before).toBeLessThan(40);
    process.metadata.onWrite = undefined;
    const aborted = AbortSignal.abort();
    expect(await finishDeletions(process.broker, { signal: aborted })).toMatchObject({ topics: 0 });
    expect(await left()).toBe(before);
    expect(await finishDeletions(process.broker)).toMatchObject({ topics: 1, finished: 0, failed: 0 });
    expect(await itemsBut(stores)).toEqual([`deleted-topics ${ledger.topicId}`]);
  });

  it('is looked through once more for what was on its way, and not before its time', async () => {
    const { stores, process, ledger } = await world(1);
    await write(process, 't', [0]);
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    // Somebody who was about to seal.
    const page = { sequence: 0, epoch: 0, bases: Array(16).fill(0), maxTimestamps: Array(16).fill(-1), commits: [] };
    await stores.metadata.write([{ kind: 'put', key: pageKey(ledger, 0), attributes: encodePage(page) }]);
    await stores.clock.advance(GRACE - 1);
    expect(await finishDeletions(process.broker)).toEqual({ topics: 1, finished: 0, objects: 0, items: 0, failed: 0 });
    await stores.clock.advance(1);
    expect(await finishDeletions(process.broker)).toEqual({ topics: 1, finished: 1, objects: 0, items: 1, failed: 0 });
    expect(await itemsBut(stores)).toEqual([]);
  });
});

describe('a deletion that is cut off', () => {
  it('anywhere is finished by the maintenance, and leaves nothing', async () => {
    for (let at = 0; ; at++) {
      const { stores, process, ledger } = await world(2);
      await write(process, 't', [0, 1]);
      await process.broker.sealer.seal(ledger);
      await write(process, 't', [0]);
      await write(process, 't', [1]);
      let calls = 0;
      process.metadata.onWrite = (proceed) => {
        if (calls++ >= at) throw lost();
        return proceed();
      };
      const failed = await deleteTopic(process.broker, 't').then(
        () => false,
        () => true,
      );
      await process.broker.background.settled();
      process.metadata.onWrite = undefined;
      if (failed && at === 0) await deleteTopic(process.broker, 't');
      await maintain({ stores, process: makeBroker({ stores }) });
      expect([await itemsBut(stores), await objectNames(stores)], `cut off at write ${at}`).toEqual([[], []]);
      if (calls <= at) return;
    }
  });

  it('by a replica or a store that fails is not finished, and says so', async () => {
    const { stores, process } = await world(1);
    await write(process, 't', [0]);
    process.objects.delete = () => Promise.reject(lost());
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    expect(process.logged.map(({ message }) => message)).toEqual([
      'The deletion of a topic is left to the maintenance',
    ]);
    expect(await finishDeletions(process.broker)).toMatchObject({ topics: 1, failed: 1, objects: 0 });
    const healthy = makeBroker({ stores });
    expect(await finishDeletions(healthy.broker)).toMatchObject({ topics: 1, failed: 0, objects: 1 });
    expect(await objectNames(stores)).toEqual([]);
  });
});

describe('a ledger that is being appended to', () => {
  it('ends all the same, with the tail that was there last', async () => {
    const { stores, process, ledger } = await world(1);
    const writer = makeBroker({ stores });
    await write(writer, 't', [0]);
    let appends = 0;
    process.metadata.onWrite = async (proceed, [first]) => {
      if (isHead(first?.key, ledger) && appends++ < 2) await write(writer, 't', [0]);
      return proceed();
    };
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    expect(appends).toBe(3);
    expect(await objectNames(stores)).toEqual([]);
  });
});

function isHead(key: { pk: string; sk: string } | undefined, ledger: LedgerId): boolean {
  return key?.sk === 'head' && key.pk === headKey(ledger).pk;
}
