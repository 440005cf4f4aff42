/**
 * Objects of several ledgers, which the last one that is done with them deletes: what that costs, and who comes
 * between.
 */
import { describe, expect, it } from 'vitest';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { deleteObjects } from '../../../lib/broker/lifecycle/delete-objects.ts';
import { produceRecords, type RecordOutcome } from '../../../lib/broker/produce/produce.ts';
import { utf8, utf8Text } from '../../../lib/kernel/bytes.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { planMerge } from '../../../lib/log/merged/plans.ts';
import { planRetire } from '../../../lib/log/merged/retire.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { headOf, lost, makeBroker, makeStores, makeTopic, objectNames, type Process } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';

const LEDGERS = [0, 1, 2];
const SHARED_PAGES = 3;

type World = Awaited<ReturnType<typeof makeWorld>>;

/** A topic whose partition n is alone in its ledger n; what is written to all of them at once shares objects. */
async function makeWorld() {
  const stores = makeStores();
  const writer = await makeTopic({ stores, partitions: LEDGERS.length, config: { 'ledger.partitions': 1 } });
  const ledgers = LEDGERS.map((index): LedgerId => ({ ...writer.ledger, index }));
  return { stores, writer, ledgers };
}

function write({ broker }: Process, value: string, partitions: readonly number[]): Promise<RecordOutcome[]> {
  const records = partitions.map((partition) => ({ partition, key: null, value: utf8(value), headers: [] }));
  return produceRecords(broker, { topic: 't', records, acks: 'all' });
}

async function seal({ writer, ledgers }: World): Promise<void> {
  for (const ledger of ledgers) {
    await writer.broker.heads.strong(ledger); // what others have appended, too
    await writer.broker.sealer.seal(ledger);
  }
}

/** Pages that the ledgers have in common, and behind them so many that heads remember none of the first. */
async function fill(world: World): Promise<void> {
  for (let page = 0; page < SHARED_PAGES; page++) {
    for (const value of ['a', 'b']) {
      await write(world.writer, value, LEDGERS);
      await world.stores.clock.advance(1);
    }
    await seal(world);
  }
  await fillBehind(world);
}

async function fillBehind(world: World): Promise<void> {
  for (let page = 0; page < mergingLimits.pagesKept; page++) {
    for (const partition of LEDGERS) await write(world.writer, 'behind', [partition]);
    await seal(world);
  }
}

/** As merging and retiring do it, at once; answers what the pages name. */
async function retire({ stores: { metadata, clock }, writer }: World, ledger: LedgerId, to = SHARED_PAGES) {
  const head = await headOf(metadata, ledger);
  const lifecycle = decodeLifecycle(await metadata.get(lifecycleKey(ledger), 'strong'));
  await metadata.write(planMerge(ledger, head, lifecycle, { to, segments: [], nowMs: clock.now() }));
  await metadata.write([planRetire(ledger, await headOf(metadata, ledger), to)]);
  const commits: Commit[] = [];
  for (let page = 0; page < to; page++) commits.push(...(await writer.broker.pages.get(ledger, page)).commits);
  return commits;
}

/** A process with nothing in memory, and what it asks for. */
function makeCleaner({ stores }: World) {
  const cleaner = makeBroker({ stores });
  let queries = 0;
  cleaner.metadata.onQuery = (proceed) => {
    queries++;
    return proceed();
  };
  const asked = () => {
    const [heads, fences] = [cleaner.metadata.count('get head strong'), cleaner.metadata.count('write head')];
    const counts = {
      heads,
      fences,
      queries,
      gets: cleaner.metadata.count('get page'),
      footers: cleaner.objects.count('getTail'),
    };
    cleaner.metadata.forget();
    cleaner.objects.forget();
    queries = 0;
    return counts;
  };
  return { ...cleaner, asked };
}

const isFence = ([one]: readonly Write[]) => one?.kind === 'update' && one.changes.set?.['w'] !== undefined;

async function values({ stores }: World, partition: number): Promise<(string | undefined)[]> {
  const { records } = await fetchRecords(makeBroker({ stores }).broker, {
    topic: 't',
    partition,
    position: { at: 'earliest' },
    maxBytes: requestLimits.fetchBytesMax,
    maxRecords: requestLimits.fetchRecordsMax,
    minBytes: 1,
    waitMs: 0,
  });
  return records.map(({ value }) => (value === null ? undefined : utf8Text(value)));
}

describe('objects that several ledgers share', () => {
  it('are deleted by the last ledger, for a look at each, one fence in each, and one look at each footer', async () => {
    const world = await makeWorld();
    await fill(world);
    const names = await objectNames(world.stores);
    const cleaner = makeCleaner(world);
    const [first, second, third] = world.ledgers as [LedgerId, LedgerId, LedgerId];
    const commits = await retire(world, first);
    expect(await deleteObjects(cleaner.broker, commits)).toBe(0);
    // The second ledger names all of them, and so nothing is closed.
    expect(cleaner.asked()).toMatchObject({ fences: 0, gets: 0, footers: commits.length });
    expect(await deleteObjects(cleaner.broker, await retire(world, second))).toBe(0);
    expect(cleaner.asked()).toMatchObject({ fences: 0, gets: 0, footers: 0 });
    expect(await deleteObjects(cleaner.broker, await retire(world, third))).toBe(commits.length);
    // What the first ledgers have behind is known already where a look came so far.
    expect(cleaner.asked()).toMatchObject({ heads: LEDGERS.length, fences: LEDGERS.length, gets: 0, footers: 0 });
    expect(await objectNames(world.stores)).toHaveLength(names.length - commits.length);
  });

  it('cost the reading of pages once, by queries, however many objects there are', async () => {
    const world = await makeWorld();
    await fill(world);
    const commits = (await Promise.all(world.ledgers.map((ledger) => retire(world, ledger)))).flat();
    const cleaner = makeCleaner(world);
    expect(await deleteObjects(cleaner.broker, commits)).toBe(2 * SHARED_PAGES);
    // Six pages are left of each ledger: four by the first query.
    expect(cleaner.asked()).toEqual({ heads: 3, fences: 3, queries: 6, gets: 0, footers: 2 * SHARED_PAGES });
    // The fences are where the newest was born: what came after is not refused.
    const newestMs = Math.max(...commits.map(({ object }) => object.birthMs));
    for (const ledger of world.ledgers) {
      expect(await headOf(world.stores.metadata, ledger)).toMatchObject({ swept: newestMs });
    }
  });

  it('go when the topics of others are gone', async () => {
    const world = await makeWorld();
    await fill(world);
    const commits = await retire(world, world.ledgers[0] as LedgerId);
    for (const ledger of world.ledgers.slice(1)) {
      await world.stores.metadata.write([{ kind: 'delete', key: headKey(ledger) }]);
    }
    expect(await deleteObjects(makeBroker(world).broker, commits)).toBe(commits.length);
  });

  it('are left alone where their footers cannot be read, and the others go', async () => {
    const world = await makeWorld();
    await fill(world);
    const commits = (await Promise.all(world.ledgers.map((ledger) => retire(world, ledger)))).flat();
    const [broken] = commits as [Commit];
    const name = objectName(broken.tier, broken.object);
    await world.stores.objects.delete([name]);
    await world.stores.objects.put(name, [new Uint8Array(100).fill(1)]);
    const cleaner = makeBroker(world);
    expect(await deleteObjects(cleaner.broker, commits)).toBe(2 * SHARED_PAGES - 1);
    expect(await objectNames(world.stores)).toContain(name);
    expect(cleaner.logged).toMatchObject([{ message: 'An object cannot be read; it is left alone', facts: { name } }]);
  });

  it.each([0, 1, 2])('are gone in the end where the answer to a fence is lost (%i)', async (at) => {
    const world = await makeWorld();
    await fill(world);
    const commits = (await Promise.all(world.ledgers.map((ledger) => retire(world, ledger)))).flat();
    const cleaner = makeBroker(world);
    let fences = 0;
    cleaner.metadata.onWrite = async (proceed) => {
      const written = await proceed();
      if (fences++ === at) throw lost();
      return written;
    };
    await expect(deleteObjects(cleaner.broker, commits)).rejects.toMatchObject({ retriable: true });
    expect(await objectNames(world.stores)).toHaveLength(2 * SHARED_PAGES + mergingLimits.pagesKept * LEDGERS.length);
    expect(await deleteObjects(cleaner.broker, commits)).toBe(2 * SHARED_PAGES);
  });
});

describe('a part of an object that is still on its way to its ledger', () => {
  /** It was committed to the first ledger, which is done with it, and is held before the second one. */
  async function held() {
    const world = await makeWorld();
    await write(world.writer, 'known', LEDGERS);
    const late = makeBroker(world);
    await write(late, 'known', LEDGERS);
    await seal(world);
    const gate = Promise.withResolvers<void>();
    late.metadata.onWrite = async (proceed, [one]) => {
      if (one?.key.pk.endsWith('#1')) await gate.promise;
      return proceed();
    };
    const outcomes = write(late, 'late', [0, 1]);
    await idle();
    await seal(world);
    await fillBehind(world);
    const commits = await retire(world, world.ledgers[0] as LedgerId, 2);
    const letGo = async () => {
      gate.resolve();
      return (await outcomes).map(({ outcome }) => outcome);
    };
    return { world, late: commits.slice(-1), letGo };
  }

  it('keeps the object when it arrives between the look and the fence', async () => {
    const { world, late, letGo } = await held();
    const cleaner = makeBroker(world);
    let arrived: string[] = [];
    cleaner.metadata.onWrite = async (proceed, writes) => {
      if (isFence(writes) && writes[0]?.key.pk.endsWith('#1')) arrived = await letGo();
      return proceed();
    };
    expect(await deleteObjects(cleaner.broker, late)).toBe(0);
    expect(arrived).toEqual(['written', 'written']);
    expect((await values(world, 1)).at(-1)).toBe('late');
  });

  it('keeps the object also when it is in a page by the time of the fence', async () => {
    const { world, late, letGo } = await held();
    const cleaner = makeBroker(world);
    cleaner.metadata.onWrite = async (proceed, writes) => {
      if (isFence(writes) && writes[0]?.key.pk.endsWith('#1')) {
        await letGo();
        await seal(world);
        await fillBehind(world); // until the head does not remember it any more
      }
      return proceed();
    };
    expect(await deleteObjects(cleaner.broker, late)).toBe(0);
    expect(await values(world, 1)).toContain('late');
  });

  it('is uploaded anew when it comes behind the fence', async () => {
    const { world, late, letGo } = await held();
    expect(await deleteObjects(makeBroker(world).broker, late)).toBe(1);
    expect(await letGo()).toEqual(['written', 'written']);
    expect((await values(world, 1)).at(-1)).toBe('late');
  });
});
