/** Merged pages go when readers have had their grace: with what they name, and nothing else. */
import { describe, expect, it } from 'vitest';
import { clearCondemned } from '../../../lib/broker/lifecycle/clear-condemned.ts';
import { clearLedgers } from '../../../lib/broker/lifecycle/clear-ledgers.ts';
import { retirePages } from '../../../lib/broker/lifecycle/retire-pages.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { type LedgerId, newObjectId } from '../../../lib/kernel/ids.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { ledgerKey } from '../../../lib/log/ledger/head.ts';
import { PAGES_END, PAGES_START } from '../../../lib/log/ledger/page.ts';
import { encodeProducerItem, PRODUCERS_START, producerItemKey } from '../../../lib/log/ledger/producer-item.ts';
import { condemnedKey, encodeCondemned } from '../../../lib/log/merged/condemned-item.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { planMerge } from '../../../lib/log/merged/plans.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { headOf, lost, makeBroker, makeStores, makeTopic, objectNames, type Stores } from '../../support/broker.ts';
import { keyOf, makeOther, plain, refusal, send } from '../../support/sequenced.ts';
import { finished, to } from '../../support/transactions.ts';

const PAGES = mergingLimits.pagesKept + 3;
const GRACE = mergingLimits.lifecycleGraceMs;

/** A ledger with a page for each of so many appends. */
async function world() {
  const stores = makeStores();
  const writer = await makeTopic({ stores });
  return { stores, writer, ledger: writer.ledger };
}

type World = Awaited<ReturnType<typeof world>>;

async function fill({ writer, ledger }: World, pages = PAGES): Promise<void> {
  for (let page = 0; page < pages; page++) {
    await plain(writer);
    await writer.broker.sealer.seal(ledger);
  }
}

/** As a merge does it: who reads is sent to segments from now on. */
async function merge({ stores: { metadata, clock }, ledger }: World, pages: number): Promise<void> {
  const head = await headOf(metadata, ledger);
  const lifecycle = decodeLifecycle(await metadata.get(lifecycleKey(ledger), 'strong'));
  const merged = await metadata.write(
    planMerge(ledger, head, lifecycle, { to: pages, segments: [], nowMs: clock.now() }),
  );
  expect(merged).toMatchObject({ outcome: 'applied' });
}

async function pagesOf({ metadata }: Stores, ledger: LedgerId): Promise<number[]> {
  const request = {
    pk: ledgerKey(ledger),
    from: PAGES_START,
    to: PAGES_END,
    limit: 100,
    consistency: 'strong',
  } as const;
  return (await metadata.query(request)).items.map(({ key }) => Number(key.sk.slice(PAGES_START.length)));
}

/** A process that is frozen when it is about to put the page of what it saw in the tail. */
async function sealerHeld(stores: Stores, ledger: LedgerId) {
  const { broker, metadata } = makeBroker({ stores });
  const [isHeld, wake] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  metadata.onWrite = async (proceed) => {
    isHeld.resolve();
    await wake.promise;
    return proceed();
  };
  const sealed = broker.sealer.seal(ledger);
  await isHeld.promise;
  return {
    wakeUp: () => {
      wake.resolve();
      return sealed;
    },
  };
}

const numbers = (from: number, end: number) => Array.from({ length: end - from }, (_, index) => from + index);

describe('merged pages', () => {
  it('go after a grace with their objects, but for the last ones', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await fill(all);
    await plain(writer);
    await merge(all, PAGES);
    const names = await objectNames(stores);
    expect(await retirePages(writer.broker, ledger)).toEqual({ pages: 0, objects: 0 });
    await stores.clock.advance(2 * GRACE);
    expect(await retirePages(writer.broker, ledger)).toEqual({ pages: 3, objects: 3 });
    expect(await pagesOf(stores, ledger)).toEqual(numbers(3, PAGES));
    expect(await objectNames(stores)).toHaveLength(names.length - 3);
    expect(await headOf(stores.metadata, ledger)).toMatchObject({ merged: PAGES, retired: 3 });
    expect(decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong'))).toMatchObject({ deleted: 3 });
    expect(await retirePages(writer.broker, ledger)).toEqual({ pages: 0, objects: 0 });
  });

  it('leave an object to those who still need it', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await createTopic(writer.broker, { name: 'other' });
    const other = ledgerOf(await writer.broker.topics.get('other'), 0).ledger;
    await Promise.all([plain(writer), plain({ ...writer, ledger: other })]);
    await writer.broker.sealer.seal(ledger);
    await fill(all, PAGES - 1);
    await merge(all, PAGES);
    const before = await objectNames(stores);
    await stores.clock.advance(2 * GRACE);
    expect(await retirePages(writer.broker, ledger)).toEqual({ pages: 3, objects: 2 });
    const named = (await headOf(stores.metadata, other)).tail.map(({ tier, object }) => objectName(tier, object));
    expect(before).toEqual(expect.arrayContaining(named));
    expect(await objectNames(stores)).toEqual(expect.arrayContaining(named));
  });

  it.each([0, 1, 2, 3, 4, 5, 6])('are gone in the end, wherever a step of it is cut off (%i)', async (at) => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await fill(all);
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    const doomed = makeBroker({ stores });
    let writes = 0;
    doomed.metadata.onWrite = (proceed) => {
      if (writes++ >= at) throw lost();
      return proceed();
    };
    await retirePages(doomed.broker, ledger).catch(() => undefined);
    await retirePages(writer.broker, ledger);
    expect(await pagesOf(stores, ledger)).toEqual(numbers(3, PAGES));
    expect(await objectNames(stores)).toHaveLength(PAGES - 3);
  });
});

describe('a page that a frozen sealer puts after it is gone', () => {
  it.each([0, 1, 2, 3, 4, 5])('takes nothing with it that pages behind it need (cut off at %i)', async (at) => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await plain(writer);
    const first = await sealerHeld(stores, ledger);
    await plain(writer);
    const frozen = await sealerHeld(stores, ledger);
    await first.wakeUp();
    expect((await headOf(stores.metadata, ledger)).tail).toHaveLength(1);
    await writer.broker.heads.strong(ledger);
    await fill(all);
    await merge(all, 1);
    await stores.clock.advance(2 * GRACE);
    const doomed = makeBroker({ stores });
    let writes = 0;
    doomed.metadata.onWrite = (proceed) => {
      if (writes++ >= at) throw lost();
      return proceed();
    };
    await retirePages(doomed.broker, ledger).catch(() => undefined);
    await frozen.wakeUp();
    await retirePages(makeBroker({ stores }).broker, ledger);
    expect(await pagesOf(stores, ledger)).toEqual(numbers(1, PAGES + 1));
    expect(await objectNames(stores)).toHaveLength(PAGES + 1);
  });

  it('is gone in the end', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await plain(writer);
    const frozen = await sealerHeld(stores, ledger);
    await writer.broker.sealer.seal(ledger);
    await fill(all);
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    await retirePages(writer.broker, ledger);
    const left = await pagesOf(stores, ledger);
    await frozen.wakeUp();
    expect(await pagesOf(stores, ledger)).toEqual([0, ...left]);
    await retirePages(writer.broker, ledger);
    expect(await pagesOf(stores, ledger)).toEqual(left);
  });
});

describe('a retry', () => {
  it('of records whose page is gone is answered with their offsets, wherever the producer is kept', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await plain(writer);
    await send(writer, { producer: 'head', seq: 0, count: 2 });
    await send(writer, { producer: 'item', seq: 0, count: 3 });
    await writer.broker.sealer.seal(ledger);
    // As it is moved out for others.
    const packed = (await headOf(stores.metadata, ledger)).producers.get(keyOf('item')) as Uint8Array;
    const itemKey = producerItemKey(ledger, keyOf('item'));
    const attribute = `p${keyOf('item')}`;
    await stores.metadata.write([
      { kind: 'update', key: { pk: ledgerKey(ledger), sk: 'head' }, changes: { remove: [attribute], add: { v: 1 } } },
      { kind: 'put', key: itemKey, attributes: encodeProducerItem(packed) },
    ]);
    await fill(all);
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    expect(await retirePages(writer.broker, ledger)).toMatchObject({ pages: 4 });
    const later = { ...makeBroker({ stores }), ledger };
    expect(await send(later, { producer: 'head', seq: 0, count: 2 })).toEqual({ baseOffset: 1, duplicate: true });
    expect(await send(later, { producer: 'item', seq: 0, count: 3 })).toEqual({ baseOffset: 3, duplicate: true });
    expect(await send(later, { producer: 'item', seq: 3 })).toMatchObject({ duplicate: false });
  });

  it('is answered with the offsets also where its producer moves out of the head after the items were looked at', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await send(writer, { seq: 0, count: 2 });
    await writer.broker.sealer.seal(ledger);
    await fill(all);
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    const [[key, packed]] = [...(await headOf(stores.metadata, ledger)).producers] as [[string, Uint8Array]];
    let moved = false;
    writer.metadata.onQuery = async (proceed, query) => {
      const page = await proceed();
      if (moved || query.from !== PRODUCERS_START) return page;
      moved = true;
      const head = { pk: ledgerKey(ledger), sk: 'head' };
      await stores.metadata.write([
        { kind: 'update', key: head, changes: { remove: [`p${key}`], add: { v: 1 } } },
        { kind: 'put', key: producerItemKey(ledger, key), attributes: encodeProducerItem(packed) },
      ]);
      return page;
    };
    expect(await retirePages(writer.broker, ledger)).toMatchObject({ pages: 4 });
    expect(moved).toBe(true);
    const later = { ...makeBroker({ stores }), ledger };
    expect(await send(later, { seq: 0, count: 2 })).toEqual({ baseOffset: 0, duplicate: true });
  });

  it('is answered with the offsets also by a process that knows the ledger from before', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await send(writer, { seq: 0, count: 2 });
    await writer.broker.sealer.seal(ledger);
    const old = makeOther(stores, writer);
    await old.broker.heads.strong(ledger);
    await fill(all);
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    expect(await retirePages(writer.broker, ledger)).toMatchObject({ pages: 4 });
    expect(await send(old, { seq: 0, count: 2 })).toEqual({ baseOffset: 0, duplicate: true });
  });

  it('of records that were missed is told that they are there, and that nobody knows where', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await send(writer, { seq: 0 });
    const before = (await headOf(stores.metadata, ledger)).producers.get(keyOf('p')) as Uint8Array;
    await writer.broker.sealer.seal(ledger);
    await fill(all);
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    await retirePages(makeBroker({ stores }).broker, ledger);
    const changes = { set: { [`p${keyOf('p')}`]: before }, add: { v: 1 } };
    await stores.metadata.write([{ kind: 'update', key: { pk: ledgerKey(ledger), sk: 'head' }, changes }]);
    const later = { ...makeBroker({ stores }), ledger };
    expect(await refusal(send(later, { seq: 0 }))).toMatchObject({ code: 'DUPLICATE_SEQUENCE_NUMBER' });
    expect(await send(later, { seq: 1 })).toMatchObject({ duplicate: false });
  });

  it('of a transaction whose pages are gone is told that it is committed', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    const { epoch } = await initializeTransactions(writer.broker, { transactionalId: 'id' });
    const request = { transactionalId: 'id', caller: { epoch, number: 0 }, records: [to('t', 0, 'v')] };
    const first = await finished(writer, transact(writer.broker, request));
    expect(first).toMatchObject({ repeated: false });
    await writer.broker.sealer.seal(ledger);
    await fill(all);
    expect(await finished(writer, transact(writer.broker, request))).toMatchObject({ repeated: true });
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    await retirePages(writer.broker, ledger);
    const repeated = finished(writer, transact(makeBroker({ stores }).broker, request));
    await expect(repeated).rejects.toMatchObject({ code: 'DUPLICATE_SEQUENCE_NUMBER', effect: 'unknown' });
  });
});

it('deletes what was condemned when its grace is over, and not before', async () => {
  const { stores, writer, ledger } = await world();
  const object = newObjectId(stores.clock.now(), seededRandom(1));
  const name = objectName('merged', object);
  await stores.objects.put(name, [Uint8Array.of(1)]);
  const key = condemnedKey(ledger, { ms: stores.clock.now(), random: '0123abcd' });
  const gone = newObjectId(stores.clock.now(), seededRandom(2));
  const attributes = encodeCondemned([gone, object].map((one) => ({ tier: 'merged' as const, object: one })));
  await stores.metadata.write([{ kind: 'put', key, attributes }]);
  await stores.clock.advance(GRACE);
  expect(await clearCondemned(writer.broker, ledger)).toEqual({ objects: 0, waiting: 2 });
  await stores.clock.advance(1);
  expect(await clearCondemned(writer.broker, ledger)).toEqual({ objects: 2, waiting: 0 });
  expect(await stores.objects.getTail(name, 1)).toBeUndefined();
  expect(await stores.metadata.get(key, 'strong')).toBeUndefined();
});

describe('a round through all ledgers', () => {
  it('clears each, and begins where the one before was stopped', async () => {
    const all = await world();
    const { stores, writer, ledger } = all;
    await fill(all);
    await merge(all, PAGES);
    await createTopic(writer.broker, { name: 'a' });
    await stores.clock.advance(2 * GRACE);
    expect(await clearLedgers(writer.broker, { signal: AbortSignal.abort() })).toMatchObject({ ledgers: 0 });
    expect(await stores.metadata.get({ pk: 'clearing', sk: 'progress' }, 'strong')).toEqual({ from: 'a', ledger: 0 });
    const report = { pages: 3, segments: 0, objects: 3, waiting: 0, failed: 0 };
    expect(await clearLedgers(writer.broker)).toEqual({ ledgers: 2, ...report });
    expect(await stores.metadata.get({ pk: 'clearing', sk: 'progress' }, 'strong')).toBeUndefined();
    expect(await pagesOf(stores, ledger)).toEqual(numbers(3, PAGES));
  });

  it('goes on behind one that storage fails for', async () => {
    const all = await world();
    const { stores, writer } = all;
    await fill(all);
    await merge(all, PAGES);
    await stores.clock.advance(2 * GRACE);
    writer.objects.delete = () => Promise.reject(lost());
    await createTopic(writer.broker, { name: 'z' });
    const report = { ledgers: 2, pages: 0, segments: 0, objects: 0, waiting: 0, failed: 1 };
    expect(await clearLedgers(writer.broker)).toEqual(report);
  });
});
