import { describe, expect, test } from 'vitest';
import { createTopic } from '../../../lib/broker/create-topic.ts';
import { produceRecords } from '../../../lib/broker/produce.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { limits } from '../../../lib/kernel/limits.ts';
import { makeBroker, settled } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { makeReplicatedStores } from '../../support/replicas.ts';

/** A replicated topic with some pages; the names of its objects, as every replica has them. */
async function world() {
  const stores = makeReplicatedStores();
  const { broker } = makeBroker({ stores });
  await createTopic(broker, { name: 't', replicationFactor: 3 });
  for (let n = 0; n < 20; n++) {
    const records = [{ partition: 0, key: null, value: utf8(`${n}`), headers: [] }];
    const producing = produceRecords(broker, { topic: 't', records, acks: 'all' });
    await stores.clock.until(producing);
    await producing;
  }
  const settling = settled(broker);
  await stores.clock.until(settling);
  await stores.clock.advance(limits.checkGraceMs + 1);
  const names = ((await stores.replicas[0]?.list('segments/'))?.objects ?? []).map(({ name }) => name);
  return { stores, names };
}

describe('the check of a replicated topic', () => {
  test('reports nothing where all is well, nor while one replica still has what others lost', async () => {
    const { stores, names } = await world();
    expect(names.length).toBeGreaterThan(15);
    expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
    for (const replica of stores.replicas.slice(0, 2)) await replica.delete(names.slice(0, 1));
    expect((await checkEverything(stores)).findings).toEqual([]);
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
