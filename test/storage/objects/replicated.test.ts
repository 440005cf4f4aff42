import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';
import { type PutOutcome, ReplicaSet } from '../../../lib/storage/objects/replicated.ts';
import { gatheredUpload } from '../../../lib/storage/objects/upload.ts';
import { ManualClock } from '../../support/manual-clock.ts';

type Behaviour = 'well' | 'read-only' | 'failing' | 'throttling' | 'silent';

const digits = Uint8Array.from({ length: 10 }, (_, index) => index);
const fault = () => new MillraceError('KAFKA_STORAGE_ERROR', 'a put to the disk failed: the disk is full');
const throttle = () => new MillraceError('THROTTLING_QUOTA_EXCEEDED', 'a put was throttled');

/** Three replicas in memory, in zones a, b and c, each of which does as it is told. */
function makeSet() {
  const clock = new ManualClock();
  const behaviour: Behaviour[] = ['well', 'well', 'well'];
  const calls: string[] = [];
  const stores = [0, 1, 2].map(() => createMemoryObjectStore());
  const replicas = stores.map((store, id) => {
    const call = async <T>(what: string, proceed: () => Promise<T>): Promise<T> => {
      calls.push(`${what} ${id}`);
      if (behaviour[id] === 'failing') throw fault();
      if (behaviour[id] === 'read-only' && (what === 'put' || what === 'delete')) throw fault();
      if (behaviour[id] === 'throttling') throw throttle();
      if (behaviour[id] === 'silent') return new Promise<T>(() => {});
      return proceed();
    };
    const told: ObjectStore = {
      put: (name, chunks) => call('put', () => store.put(name, chunks)),
      upload: (name) => gatheredUpload((chunks) => call('put', () => store.put(name, chunks))),
      archive: (name, storageClass) => call('archive', () => store.archive(name, storageClass)),
      getRange: (name, range) => call('get', () => store.getRange(name, range)),
      getTail: (name, length) => call('tail', () => store.getTail(name, length)),
      delete: (names) => call('delete', () => store.delete(names)),
      list: (prefix, cursor) => call('list', () => store.list(prefix, cursor)),
      presign: (name, range) =>
        Promise.resolve({ url: `${id}/${name}`, headers: { range: `${range.start}` }, expiresAtMs: 1 }),
    };
    return { id, name: `replica ${id}`, rack: 'abc'[id] as string, store: told };
  });
  return { clock, behaviour, calls, stores, set: new ReplicaSet({ replicas, clock }) };
}

type World = ReturnType<typeof makeSet>;

async function outcomes({ set }: World, targets: number): Promise<[number, PutOutcome['put']][]> {
  const puts = set.putTo(targets, 'a/b', [digits]);
  return Promise.all(puts.map(async ({ replica, outcome }) => [replica, (await outcome).put] as const)) as Promise<
    [number, PutOutcome['put']][]
  >;
}

/** Fails often enough, for long enough. */
async function makeFailed(world: World, replica: number) {
  world.behaviour[replica] = 'failing';
  for (let failure = 0; failure < replicationLimits.replicaFailuresMin; failure++) {
    await outcomes(world, 1 << replica);
    await world.clock.advance(replicationLimits.replicaFailingMsMin);
  }
}

describe('a put to some replicas', () => {
  test('stores the object in these and no others, and tells of each', async () => {
    const world = makeSet();
    expect(await outcomes(world, 0b101)).toEqual([
      [0, 'held'],
      [2, 'held'],
    ]);
    const there = await Promise.all(world.stores.map((store) => store.getRange('a/b')));
    expect(there).toEqual([digits, undefined, digits]);
  });

  test('that fails in one does not fail in the others, and does not wait for one that is silent', async () => {
    const world = makeSet();
    world.behaviour.splice(0, 2, 'failing', 'silent');
    const [failing, , well] = world.set.putTo(0b111, 'a/b', [digits]);
    expect(await failing?.outcome).toMatchObject({ put: 'failed', error: { code: 'KAFKA_STORAGE_ERROR' } });
    expect(await well?.outcome).toEqual({ put: 'held' });
  });

  test('fails in one that is not configured, by its number', async () => {
    const [well, unknown] = makeSet().set.putTo(0b10_0001, 'a/b', [digits]);
    expect(await well?.outcome).toEqual({ put: 'held' });
    expect(unknown?.replica).toBe(5);
    expect(await unknown?.outcome).toMatchObject({
      put: 'failed',
      error: { code: 'KAFKA_STORAGE_ERROR', message: 'Replica 5 is not among those that are configured.' },
    });
  });

  test('of all fails where one does', async () => {
    const { set, behaviour } = makeSet();
    await set.put('a', [digits]);
    behaviour[2] = 'failing';
    await expect(set.put('b', [digits])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});

describe('a read', () => {
  test('asks one replica where that has the object', async () => {
    const { set, calls } = makeSet();
    await set.put('a', [digits]);
    calls.length = 0;
    expect(await set.getRange('a', { start: 2, end: 4 })).toEqual(digits.subarray(2, 4));
    expect(calls).toEqual(['get 0']);
  });

  test('prefers its rack, and before that who is in sync', async () => {
    const { set, calls } = makeSet();
    await set.put('a', [digits]);
    calls.length = 0;
    await set.reading({ rack: 'c' }).getRange('a');
    await set.reading({ rack: 'c', first: 0b010 }).getRange('a');
    await set.reading({ rack: 'c', first: 0b110 }).getTail('a', 2);
    expect(calls).toEqual(['get 2', 'get 1', 'tail 2']);
  });

  test('goes on to the next replica when one has no such object or fails', async () => {
    const { set, stores, behaviour } = makeSet();
    await stores[2]?.put('a', [digits]);
    expect(await set.getRange('a')).toEqual(digits);
    behaviour[0] = 'failing';
    expect(await set.getTail('a', 3)).toEqual({ bytes: digits.subarray(7), objectBytes: 10 });
  });

  test('asks the next replica as well when one is slow, and takes the first that has it', async () => {
    const { set, clock, behaviour, calls } = makeSet();
    await set.put('a', [digits]);
    behaviour[0] = 'silent';
    calls.length = 0;
    const reading = set.getRange('a');
    expect(await clock.until(reading)).toBe(replicationLimits.replicaReadPatienceMs);
    expect(await reading).toEqual(digits);
    expect(calls).toEqual(['get 0', 'get 1']);
    expect(clock.sleeping).toBe(0);
  });

  test('finds nothing only where every replica has said so', async () => {
    const { set, behaviour } = makeSet();
    expect(await set.getRange('a')).toBeUndefined();
    behaviour[1] = 'failing';
    await expect(set.getRange('a')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });

  test('by URL goes to the first in the same order', async () => {
    const { set } = makeSet();
    expect((await set.reading({ rack: 'b' }).presign('a', { start: 0, end: 1 }, 1_000)).url).toBe('1/a');
  });
});

describe('a copy', () => {
  test('brings an object from whoever has it', async () => {
    const { set, stores, behaviour } = makeSet();
    await stores[1]?.put('a', [digits]);
    behaviour[0] = 'failing';
    expect(await set.copy('a', 2)).toBe(true);
    expect(await stores[2]?.getRange('a')).toEqual(digits);
  });

  test('of what nobody has is none', async () => {
    expect(await makeSet().set.copy('a', 2)).toBe(false);
  });

  test('is not made from the replica itself', async () => {
    const { set, stores } = makeSet();
    await stores[2]?.put('a', [digits]);
    expect(await set.copy('a', 2)).toBe(false);
  });

  test('that could not ask everyone is a fault, not an absence', async () => {
    const { set, behaviour } = makeSet();
    behaviour[0] = 'failing';
    await expect(set.copy('a', 2)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});

describe('the health of a replica', () => {
  test('comes from its requests: who has failed is read last', async () => {
    const world = makeSet();
    await world.set.put('a', [digits]);
    await makeFailed(world, 0);
    expect([world.set.health.alive(), world.set.health.failed()]).toEqual([0b110, 0b001]);
    world.calls.length = 0;
    await world.set.getRange('a');
    expect(world.calls).toEqual(['get 1']);
  });

  test('is shared by all orders of reading', async () => {
    const world = makeSet();
    await makeFailed(world, 2);
    expect(world.set.reading({ rack: 'a' }).health.failed()).toBe(0b100);
  });

  test('does not suffer from throttles, from missing objects, or from our own mistakes', async () => {
    const world = makeSet();
    world.behaviour[0] = 'throttling';
    for (let round = 0; round < 20; round++) {
      await outcomes(world, 0b001);
      await world.set.getRange('missing').catch(() => undefined);
      await world.set.getRange('NO NAME').catch(() => undefined);
      await world.clock.advance(1_000);
    }
    expect(world.set.health.alive()).toBe(0b111);
  });

  test('is not saved by reads from a replica that takes no writes, and is good again once it does', async () => {
    const world = makeSet();
    await world.stores[0]?.put('a/b', [digits]);
    world.behaviour[0] = 'read-only';
    for (let failure = 0; failure < replicationLimits.replicaFailuresMin; failure++) {
      await outcomes(world, 0b001);
      await world.clock.advance(replicationLimits.replicaFailingMsMin);
      expect(await world.set.getRange('a/b')).toEqual(digits);
    }
    expect(world.set.health.failed()).toBe(0b001);
    expect(await world.set.getRange('a/b')).toEqual(digits);
    expect(world.set.health.failed()).toBe(0b001);
    world.behaviour[0] = 'well';
    for (let success = 0; success < replicationLimits.replicaSuccessesMin; success++) {
      await outcomes(world, 0b001);
      await world.clock.advance(replicationLimits.replicaRecoveringMsMin);
    }
    expect(world.set.health.alive()).toBe(0b111);
  });

  test('is good again when reads that failed succeed', async () => {
    const world = makeSet();
    for (const replica of [0, 1]) await world.stores[replica]?.put('a/b', [digits]);
    world.behaviour[0] = 'failing';
    await world.set.getRange('a/b');
    expect(world.set.health.healthOf(0).verdict).toBe('suspect');
    world.behaviour[0] = 'well';
    await world.set.getRange('a/b');
    expect(world.set.health.healthOf(0).verdict).toBe('healthy');
  });

  test('suffers from silence', async () => {
    const world = makeSet();
    world.behaviour[1] = 'silent';
    world.set.putTo(0b010, 'a', [digits]);
    world.set.putTo(0b010, 'b', [digits]);
    await world.clock.advance(replicationLimits.replicaSilentMsMax);
    expect(world.set.health.failed()).toBe(0b010);
  });

  test('is good again after enough successes', async () => {
    const world = makeSet();
    await makeFailed(world, 1);
    world.behaviour[1] = 'well';
    for (let success = 0; success < replicationLimits.replicaSuccessesMin; success++) {
      expect(world.set.health.alive()).toBe(0b101);
      await outcomes(world, 0b010);
      await world.clock.advance(replicationLimits.replicaRecoveringMsMin);
    }
    expect(world.set.health.alive()).toBe(0b111);
  });
});

describe('of all replicas', () => {
  test('objects are deleted, as far as they can be reached, and a failure is told', async () => {
    const { set, stores, behaviour } = makeSet();
    await set.put('a', [digits]);
    behaviour[1] = 'failing';
    await expect(set.delete(['a'])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(await stores[2]?.getRange('a')).toBeUndefined();
    behaviour[1] = 'well';
    await set.delete(['a']);
    expect(await set.getRange('a')).toBeUndefined();
  });

  test('a list names the objects of each, over as many pages as it takes', async () => {
    const { set, stores } = makeSet();
    const numbers = Array.from({ length: requestLimits.listPageMax + 5 }, (_, number) => `x/${10_000 + number}`);
    for (const name of numbers) await stores[0]?.put(name, [digits]);
    for (const name of ['x/10000', 'x/b', 'y/c']) await stores[2]?.put(name, [digits]);
    await stores[1]?.put('x/b', [digits]);
    const first = await set.list('x/');
    expect(first.objects).toHaveLength(requestLimits.listPageMax);
    const second = await set.list('x/', first.next);
    expect(second.objects.slice(5).map(({ name }) => name)).toEqual(['x/b', 'x/10000']);
    expect(second.next).toBeUndefined();
    expect((await set.list('y/')).objects).toEqual([{ name: 'y/c', bytes: 10 }]);
  });

  test('a list fails where one cannot be listed: what only that one has would be missing', async () => {
    const { set, behaviour } = makeSet();
    behaviour[2] = 'failing';
    await expect(set.list('x/')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});
