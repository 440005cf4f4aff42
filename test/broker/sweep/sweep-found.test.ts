/** What comes later than the sweep went by, and is found by the walk of the check. */
import { beforeEach, describe, expect, it } from 'vitest';
import { checkOnward } from '../../../lib/broker/check/check-onward.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { sweepOnward } from '../../../lib/broker/sweep/sweep-onward.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { type LedgerId, newObjectId } from '../../../lib/kernel/ids.ts';
import { checkLimits } from '../../../lib/kernel/limits/check.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { bundleOf, planBundle } from '../../../lib/log/ledger/bundle.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { headKey, ledgerKey } from '../../../lib/log/ledger/head.ts';
import { encodeSegmentFooter } from '../../../lib/log/merged/segment-footer.ts';
import { encodeFooter } from '../../../lib/log/segment/footer.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { topicKey } from '../../../lib/log/topic/topic-item.ts';
import {
  makeBroker,
  makeStores,
  makeTopic,
  objectNames,
  type Process,
  type Stores,
  settled,
} from '../../support/broker.ts';

const RUNS = [{ slot: 0, bytes: 1, records: 1, maxTimestamp: 1, crc32c: 1 }];
const random = seededRandom(1_000_000);

let stores: Stores;
let writer: Process;
let ledger: LedgerId;
/** When what is late was born. */
let bornMs: number;

/** A topic with some pages; sweeps have gone by the time of birth of what its writers still hold. */
beforeEach(async () => {
  stores = makeStores();
  ({ ledger, ...writer } = await makeTopic({ stores }));
  for (let n = 0; n < 20; n++) {
    const records = [{ partition: 0, key: null, value: utf8(`${n}`), headers: [] }];
    await produceRecords(writer.broker, { topic: 't', records, acks: 'all' });
  }
  await settled(writer.broker);
  bornMs = stores.clock.now();
  await stores.clock.advance(2 * sweeperLimits.orphanAgeMs);
  await sweepOnward(writer.broker);
});

async function lateFlush(tier: 'segments' | 'inline'): Promise<string> {
  const object = newObjectId(bornMs, random);
  const name = objectName(tier, object);
  await stores.objects.put(name, [encodeFooter({ object, parts: [{ ledger, part: 0, seen: 0, runs: RUNS }] })]);
  return name;
}

async function lateMerge(): Promise<string> {
  const object = newObjectId(bornMs, random);
  const place = { partition: 0, base: 0, end: 5, records: 5, level: 0, version: 0, blocks: [] };
  const footer = encodeSegmentFooter({ ...place, object, topicId: ledger.topicId, topic: 't' });
  await stores.objects.put(objectName('merged', object), [footer]);
  return objectName('merged', object);
}

/** Its items, which no entry names. */
async function strayBundle(births: number): Promise<string[]> {
  const commits = Array.from({ length: 12 }, (_, part): Commit => {
    return { tier: 'segments', object: newObjectId(births, random), part, position: 0, runs: RUNS };
  });
  const writes = planBundle(ledger, bundleOf(commits, random.bytes(8)));
  for (const write of writes) await stores.metadata.write([write]);
  return writes.map(({ key }) => key.sk);
}

const isThere = async (name: string) => (await stores.objects.getTail(name, 1)) !== undefined;
const all = async () => Promise.all(['segments/', 'merged/'].map((prefix) => stores.objects.list(prefix)));
const bundles = async () => {
  const query = { pk: ledgerKey(ledger), from: 'bundle#', to: 'bundle$', limit: 10, consistency: 'strong' as const };
  return (await stores.metadata.query(query)).items.map(({ key }) => key.sk);
};
async function walk() {
  const { broker } = makeBroker({ stores });
  const walking = checkOnward(broker, stores.metadata);
  await stores.clock.until(walking);
  return walking;
}

describe('what a frozen writer stores after the sweep has gone by', () => {
  it.each([
    ['an object of a flush', () => lateFlush('segments')],
    ['one in the table', () => lateFlush('inline')],
    ['a merged one', lateMerge],
  ])('%s is swept by the walk of the check, a day later, and is no finding', async (_, put) => {
    const name = await put();
    const others = (await objectNames(stores)).filter((other) => other !== name);
    await stores.clock.advance(sweeperLimits.orphanAgeMs);
    expect(await sweepOnward(writer.broker)).toMatchObject({ deleted: 0 });
    await stores.clock.advance(checkLimits.checkGraceMs);
    expect(await walk()).toMatchObject({ findings: 0, swept: 1 });
    expect(await isThere(name)).toBe(false);
    expect(await Promise.all(others.map(isThere))).toEqual(others.map(() => true));
  });

  it('stays while it is younger than a day', async () => {
    const name = await lateFlush('segments');
    expect(await walk()).toMatchObject({ findings: 0, swept: 0 });
    expect(await isThere(name)).toBe(true);
  });
});

describe('where the table has lost what says whose they are', () => {
  it.each([
    ['a head, objects of flushes', () => headKey(ledger), () => lateFlush('segments')],
    ['a topic, merged ones', () => topicKey('t'), lateMerge],
    ['a head, merged ones', () => headKey(ledger), lateMerge],
  ])('%s stay, and are reported', async (_, key, put) => {
    await put();
    const before = await all();
    await stores.clock.advance(checkLimits.checkGraceMs);
    await stores.metadata.write([{ kind: 'delete', key: key() }]);
    const { findings, swept } = await walk();
    expect(findings).toBeGreaterThan(1);
    expect(swept).toBe(0);
    expect(await all()).toEqual(before);
  });
});

describe('a bundle without an entry', () => {
  it('is deleted once it is a day old, and one that is named stays', async () => {
    const old = await strayBundle(bornMs);
    await stores.clock.advance(checkLimits.checkGraceMs);
    const young = await strayBundle(stores.clock.now());
    expect((await bundles()).toSorted()).toEqual([...old, ...young].toSorted());
    expect(await walk()).toMatchObject({ findings: 0, swept: old.length });
    expect(await bundles()).toEqual(young);
  });
});
