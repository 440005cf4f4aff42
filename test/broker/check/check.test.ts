import { beforeEach, describe, expect, test } from 'vitest';
import { finishDeletions } from '../../../lib/broker/lifecycle/finish-deletions.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { type LedgerId, newObjectId, newTopicId } from '../../../lib/kernel/ids.ts';
import type { Attributes, Changes, ItemKey } from '../../../lib/kernel/items.ts';
import { checkLimits } from '../../../lib/kernel/limits/check.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { offsetsInPage } from '../../../lib/log/ledger/append.ts';
import { isBundle } from '../../../lib/log/ledger/bundle.ts';
import { type Commit, idOf } from '../../../lib/log/ledger/commit.ts';
import { headKey, ledgerKey } from '../../../lib/log/ledger/head.ts';
import { decodePage, encodePage, type Page, pageKey } from '../../../lib/log/ledger/page.ts';
import { encodeFooter } from '../../../lib/log/segment/footer.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { directoryKey, topicKey } from '../../../lib/log/topic/topic-item.ts';
import { headOf, makeBroker, makeStores, type Process, type Stores, settled } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { to } from '../../support/transactions.ts';

const NAME = 'a.topic';

interface World {
  stores: Stores;
  process: Process;
  /** Of the partitions 0 and 1 of `a.topic`. */
  ledger: LedgerId;
}

const produce = ({ broker }: Process, topic: string, value: string, partitions: readonly number[]) => {
  const records = partitions.map((partition) => ({ partition, key: null, value: utf8(value), headers: [] }));
  return produceRecords(broker, { topic, records, acks: 'all' });
};

/**
 * A store after much use: many pages, a bundle of a transaction in parts, a topic that was deleted; old enough to be
 * judged.
 */
async function used({ inlineBytesMax = 0 } = {}): Promise<World> {
  const stores = makeStores({ inlineBytesMax });
  const process = makeBroker({ stores });
  const { broker } = process;
  for (const name of [NAME, 'b', 'gone']) {
    await createTopic(broker, { name, partitions: 4, config: { 'ledger.partitions': 2 } });
  }
  for (let round = 0; round < 30; round++) {
    await stores.clock.advance(60_000);
    await produce(process, NAME, `${round}`, round % 3 === 0 ? [0, 1, 3] : [1]);
    await produce(process, 'gone', `${round}`, [0, 2]);
  }
  await transactInParts(process);
  await deleteTopic(broker, 'gone');
  for (let round = 0; round < 10; round++) await produce(process, NAME, `later ${round}`, [0, 2]);
  await settled(broker);
  await tidy(process);
  const { ledger } = ledgerOf(await broker.topics.get(NAME), 0);
  return { stores, process, ledger };
}

async function transactInParts({ broker, clock }: Process): Promise<void> {
  const { epoch } = await initializeTransactions(broker, { transactionalId: 'id' });
  const caller = { epoch, number: 0 };
  for (let part = 0; part < transactionLimits.commitsPerAppendMax + 3; part++) {
    const records = [to(NAME, 0, `${part}`), to('b', 3, `${part}`)];
    const adding = addToTransaction(broker, { transactionalId: 'id', caller, part, records });
    await clock.until(adding);
    await adding;
  }
  const committing = commitTransaction(broker, { transactionalId: 'id', caller });
  await clock.until(committing);
  await committing;
}

/**
 * Until there is nothing left of what was deleted. Nothing is merged: these tests are about pages and what they name.
 */
async function tidy({ broker, clock }: Process): Promise<void> {
  for (let day = 0; day < 3; day++) {
    await clock.advance(checkLimits.checkGraceMs + 1);
    expect(await finishDeletions(broker)).toMatchObject({ failed: 0 });
  }
}

const found = async ({ stores }: World, options: { deep?: boolean } = {}) =>
  (await checkEverything(stores, options)).findings;

const kindsIn = async (world: World, options: { deep?: boolean } = {}) =>
  (await found(world, options)).map(({ kind, severity }) => `${severity}: ${kind}`);

async function itemAt({ stores }: World, key: ItemKey): Promise<Attributes> {
  const item = await stores.metadata.get(key, 'strong');
  if (item === undefined) throw new Error(`there is no ${key.pk} / ${key.sk}`);
  return item;
}

const change = ({ stores }: World, key: ItemKey, changes: Changes) =>
  stores.metadata.write([{ kind: 'update', key, changes }]);
const remove = ({ stores }: World, key: ItemKey) => stores.metadata.write([{ kind: 'delete', key }]);
const put = ({ stores }: World, key: ItemKey, attributes: Attributes) =>
  stores.metadata.write([{ kind: 'put', key, attributes }]);

const pageAt = async (world: World, number: number) =>
  decodePage(number, await itemAt(world, pageKey(world.ledger, number)));
const changePage = async (world: World, number: number, edit: (page: Page) => Partial<Page>) => {
  const page = await pageAt(world, number);
  await put(world, pageKey(world.ledger, number), encodePage({ ...page, ...edit(page) }));
};

/** A commit that is in this ledger only, with its object's name and the offsets that it has. */
async function someCommit(world: World): Promise<{ commit: Commit; object: string; affected: unknown[] }> {
  const page = await pageAt(world, 0);
  const commit = page.commits[1] as Commit;
  const offsets = offsetsInPage(page, idOf(commit));
  const affected = commit.runs.map(({ slot, records }) => {
    const from = offsets?.get(slot) as number;
    return { partition: slot, from, to: from + records };
  });
  return { commit, object: objectName(commit.tier, commit.object), affected };
}

describe('the consistency check', () => {
  describe.each([
    ['the bucket', 0],
    ['the table', 4_096],
  ])('of objects in %s', (_, inlineBytesMax) => {
    test('reports nothing of a store after much use, with all bytes read or not', { timeout: 60_000 }, async () => {
      const world = await used({ inlineBytesMax });
      expect((await headOf(world.stores.metadata, world.ledger)).sealed).toBeGreaterThan(2);
      const { findings, counts } = await checkEverything(world.stores);
      expect(findings).toEqual([]);
      expect(counts).toMatchObject({ ledgers: 4, unjudged: 0 });
      expect(counts.objects).toBeGreaterThan(40);
      expect(await found(world, { deep: true })).toEqual([]);
    });

    test('finds an object that is missing, with the offsets that cannot be read', async () => {
      const world = await used({ inlineBytesMax });
      const { object, affected } = await someCommit(world);
      await world.stores.objects.delete([object]);
      expect(await found(world)).toMatchObject([
        { kind: 'object-missing', severity: 'damage', topic: NAME, object, affected },
      ]);
    });

    test('finds an object that nothing refers to, once it is older than the grace', async () => {
      const world = await used({ inlineBytesMax });
      const { clock, objects } = world.stores;
      const object = newObjectId(clock.now(), seededRandom(1));
      const name = objectName(inlineBytesMax > 0 ? 'inline' : 'segments', object);
      const parts = [{ ledger: world.ledger, part: 0, seen: 0, runs: [] }];
      await objects.put(name, [encodeFooter({ object, parts })]);
      expect(await found(world)).toEqual([]);
      await clock.advance(checkLimits.checkGraceMs + 1);
      expect(await found(world)).toMatchObject([{ kind: 'object-unreferenced', severity: 'waste', object: name }]);
    });
  });

  describe('of the embedded stores', () => {
    let world: World;
    beforeEach(async () => {
      world = await used();
    });

    test('finds an object that is shorter than what is referred to', async () => {
      const { object, commit, affected } = await someCommit(world);
      await world.stores.objects.put(object, [new Uint8Array(commit.position + 1)]);
      const [short, ...others] = await found(world);
      expect(short).toMatchObject({ kind: 'object-short', severity: 'damage', topic: NAME, object, affected });
      // What is left of it has no footer either.
      expect(others).toMatchObject([{ kind: 'object-unreadable', object }]);
    });

    test('finds bytes that are not those that were committed, but only where it reads them', async () => {
      const { object, commit, affected } = await someCommit(world);
      const bytes = (await world.stores.objects.getRange(object)) as Uint8Array;
      const changed = new Uint8Array(bytes);
      const last = commit.position + (commit.runs[0]?.bytes ?? 0) - 1;
      changed[last] = (changed[last] as number) ^ 1;
      await world.stores.objects.put(object, [changed]);
      expect(await found(world)).toEqual([]);
      expect(await found(world, { deep: true })).toMatchObject([
        { kind: 'object-corrupt', topic: NAME, object, affected },
      ]);
    });

    test('finds a page that is missing, with the offsets that were in it', async () => {
      const page = await pageAt(world, 1);
      const after = await pageAt(world, 2);
      await remove(world, pageKey(world.ledger, 1));
      const affected = [0, 1].flatMap((slot) => {
        const [from, end] = [page.bases[slot] as number, after.bases[slot] as number];
        return from < end ? [{ partition: slot, from, to: end }] : [];
      });
      expect(await found(world)).toMatchObject([
        { kind: 'page-missing', severity: 'damage', topic: NAME, affected, item: pageKey(world.ledger, 1) },
      ]);
    });

    test('finds pages whose offsets do not follow each other, at both of their borders', async () => {
      await changePage(world, 1, ({ bases }) => ({ bases: bases.map((base, slot) => (slot === 1 ? base + 2 : base)) }));
      expect(await found(world)).toMatchObject([
        { kind: 'offsets-disagree', topic: NAME, affected: [{ partition: 1 }], item: pageKey(world.ledger, 1) },
        { kind: 'offsets-disagree', topic: NAME, affected: [{ partition: 1 }], item: pageKey(world.ledger, 2) },
      ]);
    });

    test('finds a next offset that does not agree with the pages and the tail', async () => {
      await change(world, headKey(world.ledger), { add: { n1: 5 } });
      expect(await kindsIn(world)).toEqual(['damage: offsets-disagree']);
    });

    test('finds a running timestamp that goes down', async () => {
      await changePage(world, 1, ({ maxTimestamps }) => ({
        maxTimestamps: maxTimestamps.map((ms) => (ms < 0 ? ms : 1)),
      }));
      expect(new Set(await kindsIn(world))).toEqual(new Set(['conflict: times-disagree']));
    });

    test('finds a log start above the next offset', async () => {
      await change(world, headKey(world.ledger), { set: { s1: 1_000_000 } });
      expect(await found(world)).toMatchObject([
        { kind: 'start-above-next', severity: 'conflict', affected: [{ partition: 1, to: 1_000_000 }] },
      ]);
    });

    test('finds a missing head', async () => {
      await remove(world, headKey({ ...world.ledger, index: 1 }));
      // Each of its objects has records of the other ledger, which still refers to it.
      expect(await found(world)).toMatchObject([{ kind: 'head-missing', severity: 'damage', topic: NAME }]);
    });

    test('finds a bundle that lacks an item', async () => {
      const pk = ledgerKey(world.ledger);
      const range = { pk, from: 'bundle#', to: 'bundle$', limit: 1, consistency: 'strong' as const };
      const key = (await world.stores.metadata.query(range)).items[0]?.key as ItemKey;
      await remove(world, key);
      const { findings, counts } = await checkEverything(world.stores);
      expect(findings).toMatchObject([{ kind: 'bundle-missing', severity: 'damage', topic: NAME, item: key }]);
      // Which objects the bundle has named, nobody knows.
      expect(counts.unjudged).toBeGreaterThan(0);
    });

    test('finds an object that is missing behind a bundle, with the offsets of its own records only', async () => {
      const { sealed } = await headOf(world.stores.metadata, world.ledger);
      const pages = await Promise.all(Array.from({ length: sealed }, (_, number) => pageAt(world, number)));
      const entry = pages.flatMap(({ commits }) => commits).find(isBundle);
      if (entry === undefined) throw new Error('a page has the bundle');
      const commits = await world.process.broker.pages.bundle(world.ledger, entry);
      const { tier, object } = commits[2] as Commit;
      await world.stores.objects.delete([objectName(tier, object)]);
      const missing = await found(world);
      // The part had a record for each of the two topics.
      expect(missing).toMatchObject([
        { kind: 'object-missing', topic: NAME },
        { kind: 'object-missing', topic: 'b' },
      ]);
      for (const { affected = [] } of missing) {
        expect(affected.map(({ from, to: end }) => end - from)).toEqual([1]);
      }
    });

    test('finds items that cannot be read', async () => {
      await change(world, pageKey(world.ledger, 1), { set: { c: new Uint8Array([200]) } });
      const kinds = await found(world);
      expect(kinds[0]).toMatchObject({ kind: 'item-unreadable', item: pageKey(world.ledger, 1) });
      expect(kinds).toHaveLength(1);
    });

    test('finds entries and claims that do not agree with their topic', async () => {
      await change(world, directoryKey('b'), { set: { partitions: 9 } });
      await remove(world, { pk: 'topic#a_topic', sk: 'claim' });
      await put(world, { pk: 'topic#c_d', sk: 'claim' }, { name: 'c.d' });
      await put(world, directoryKey('nothing'), { topicId: 'x', partitions: 1, replicationFactor: 1 });
      expect(new Set(await kindsIn(world))).toEqual(
        new Set([
          'conflict: topic-entry-disagrees',
          'conflict: claim-missing',
          'conflict: claim-stray',
          'conflict: topic-entry-stray',
        ]),
      );
    });

    test('finds a topic that is not listed, with what nobody then finds to be its own', async () => {
      await remove(world, directoryKey('b'));
      const kinds = await found(world);
      expect(kinds.filter(({ kind }) => kind === 'topic-unlisted')).toMatchObject([
        { topic: 'b', severity: 'conflict' },
      ]);
      expect(await itemAt(world, topicKey('b'))).toBeDefined();
    });

    test('finds ledgers, pages and leases that belong to no topic', async () => {
      const topicId = newTopicId(seededRandom(9));
      const stray = { pk: `ledger#${topicId}#0`, sk: 'producer#x' };
      await put(world, stray, { s: new Uint8Array(1) });
      await put(world, { pk: 'lease#g', sk: `${topicId}#00000` }, { t: 'gone' });
      const { sealed } = await headOf(world.stores.metadata, world.ledger);
      const page = { ...(await pageAt(world, 0)), sequence: sealed + 1 };
      await put(world, pageKey(world.ledger, sealed + 1), encodePage(page));
      const items = (await found(world)).map(({ kind, item }) => [kind, item]);
      expect(new Set(items)).toEqual(
        new Set([
          ['item-stray', { pk: 'lease#g', sk: `${topicId}#00000` }],
          ['item-stray', pageKey(world.ledger, sealed + 1)],
          ['item-stray', stray],
        ]),
      );
    });

    test('finds an object under a name that no object gets', async () => {
      await world.stores.objects.put('segments/7/abc', [utf8('x')]);
      expect(await found(world)).toMatchObject([{ kind: 'object-misnamed', object: 'segments/7/abc' }]);
    });

    test('takes the seal under way for none that nobody reads, and what is being created for no waste', async () => {
      const { sealed } = await headOf(world.stores.metadata, world.ledger);
      await put(world, pageKey(world.ledger, sealed), encodePage({ ...(await pageAt(world, 0)), sequence: sealed }));
      expect(await found(world)).toEqual([]);
    });
  });
});
