import { describe, expect, test } from 'vitest';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { checkLimits } from '../../../lib/kernel/limits/check.ts';
import type { ObjectStore as Store } from '../../../lib/storage/objects/port.ts';
import { makeBroker, settled } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { makeReplicatedStores } from '../../support/replicas.ts';

/** A replicated topic with some pages; the names of its objects, as every replica has them. */
async function world() {
  const stores = makeReplicatedStores();
  const { broker } = makeBroker({ stores });
  await createTopic(broker, { name: 't', replicationFactor: 3 });
  for (let n = 0; n < 20; n++) {
    await stores.clock.advance(1_000);
    const records = [{ partition: 0, key: null, value: utf8(`${n}`), headers: [] }];
    const producing = produceRecords(broker, { topic: 't', records, acks: 'all' });
    await stores.clock.until(producing);
    await producing;
  }
  const settling = settled(broker);
  await stores.clock.until(settling);
  await stores.clock.advance(checkLimits.checkGraceMs + 1);
  const names = ((await stores.replicas[0]?.list('segments/'))?.objects ?? []).map(({ name }) => name);
  return { stores, names };
}

describe('the check of a replicated topic', () => {
  test('reports nothing where all is well', async () => {
    const { stores, names } = await world();
    expect(names.length).toBeGreaterThan(15);
    expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
  });

  test('finds what single replicas have lost, in pages and in the tail, while others still have it', async () => {
    const { stores, names } = await world();
    const [first = '', second = ''] = names.toSorted();
    const last = names.toSorted().at(-1) ?? '';
    const [one, two] = stores.replicas as unknown as [Store, Store];
    await one.delete([first, last]);
    await two.delete([first]);
    await two.put(second, [new Uint8Array(3)]);
    const { findings, counts } = await checkEverything(stores);
    const place = { severity: 'conflict', topic: 't' };
    expect(findings.toSorted((a, b) => (a.affected?.[0]?.from ?? 0) - (b.affected?.[0]?.from ?? 0))).toMatchObject([
      { ...place, kind: 'copy-missing', object: first, replica: 'r0', affected: [{ partition: 0, from: 0, to: 1 }] },
      { ...place, kind: 'copy-missing', object: first, replica: 'r1', affected: [{ partition: 0, from: 0, to: 1 }] },
      { ...place, kind: 'copy-short', object: second, replica: 'r1', affected: [{ partition: 0, from: 1, to: 2 }] },
      { ...place, kind: 'copy-missing', object: last, replica: 'r0', affected: [{ partition: 0, from: 19, to: 20 }] },
    ]);
    expect(counts.unjudged).toBe(0);
  });

  test('finds a copy that is damaged, where it reads all bytes', async () => {
    const { stores, names } = await world();
    const [name = ''] = names;
    const bytes = (await stores.objects.getRange(name)) as Uint8Array;
    const changed = new Uint8Array(bytes);
    changed[10] = (changed[10] as number) ^ 1;
    await stores.replicas[2]?.put(name, [changed]);
    expect((await checkEverything(stores)).findings).toEqual([]);
    expect((await checkEverything(stores, { deep: true })).findings).toMatchObject([
      { kind: 'copy-corrupt', severity: 'conflict', object: name, replica: 'r2' },
    ]);
  });

  test('asks a replica no more that does not answer, and says that it could not judge the rest', async () => {
    const { stores } = await world();
    const process = makeBroker({ stores });
    const replica = stores.objects.replicas?.replicas[1];
    if (replica === undefined) throw new Error('there are three');
    let asked = 0;
    const getTail = replica.store.getTail.bind(replica.store);
    replica.store.getTail = () => {
      asked++;
      return Promise.reject(new MillraceError('KAFKA_STORAGE_ERROR', 'it is down'));
    };
    const { findings, counts } = await checkEverything(stores, { broker: process.broker });
    replica.store.getTail = getTail;
    expect(findings).toEqual([]);
    expect(counts.unjudged).toBeGreaterThan(15);
    expect(asked).toBeLessThanOrEqual(checkLimits.checkLooksInFlightMax);
  });

  test('finds what no replica has, and once what several have that is none', async () => {
    const { stores, names } = await world();
    const [name = ''] = names;
    const stray = name.replace(/.{16}$/, 'ab'.repeat(8));
    const bytes = (await stores.objects.getRange(names[1] as string)) as Uint8Array;
    for (const replica of stores.replicas) {
      await replica.delete([name]);
      await replica.put(stray, [bytes]);
    }
    expect((await checkEverything(stores)).findings).toMatchObject([
      { kind: 'object-missing', object: name },
      { kind: 'object-misnamed', object: stray },
    ]);
  });
});
