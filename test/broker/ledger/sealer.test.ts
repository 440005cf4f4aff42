import { describe, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { pageKey } from '../../../lib/log/ledger/page.ts';
import { pageOf, planPage } from '../../../lib/log/ledger/seal.ts';
import {
  batchOf,
  headOf,
  lost,
  makeBroker,
  makeStores,
  makeTopic,
  type Process,
  runsOf,
  type Stores,
  settled,
  throttled,
} from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';

interface World {
  stores: Stores;
  one: Process;
  two: Process;
  ledger: LedgerId;
}

/** Two processes, and a ledger with this many commits of one record each. */
async function makeWorld(commits: number): Promise<World> {
  const stores = makeStores();
  const { ledger, ...one } = await makeTopic({ stores });
  for (let i = 0; i < commits; i++) await append(one, ledger);
  return { stores, one, two: makeBroker({ stores }), ledger };
}

function append({ broker }: Process, ledger: LedgerId): Promise<number> {
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  return broker.appender.append({ ledger, slot: 0, run: runOf([batchOf('v')]), deadlineMs });
}

/** Seals, tail entries and the records that a reader finds. */
async function shape({ stores, ledger }: World): Promise<[number, number, number]> {
  const head = await headOf(stores.metadata, ledger);
  const runs = await runsOf(stores.metadata, ledger, 0);
  expect(runs.map(({ baseOffset }) => baseOffset)).toEqual(runs.map((_, index) => index));
  return [head.sealed, head.tail.length, runs.length];
}

describe('a seal', () => {
  it('moves the tail into a page with two writes, and knows the head and the page from then on', async () => {
    const world = await makeWorld(3);
    const { broker, metadata } = world.one;
    metadata.forget();
    await broker.sealer.seal(world.ledger);
    expect(metadata.calls).toEqual(['write page#000000000000', 'write head']);
    expect(await shape(world)).toEqual([1, 0, 3]);
    metadata.forget();
    expect(broker.heads.peek(world.ledger)).toEqual(await headOf(world.stores.metadata, world.ledger));
    expect((await broker.pages.get(world.ledger, 0)).commits).toHaveLength(3);
    expect(metadata.calls).toEqual([]);
  });

  it('begins by itself at every eighth tail entry', async () => {
    const world = await makeWorld(0);
    for (let i = 1; i <= 20; i++) {
      await append(world.one, world.ledger);
      await settled(world.one.broker);
      expect(await shape(world)).toEqual([Math.floor(i / 8), i % 8, i]);
    }
  });

  it('is one for all who ask for it meanwhile', async () => {
    const world = await makeWorld(2);
    const { sealer } = world.one.broker;
    await Promise.all([sealer.seal(world.ledger), sealer.seal(world.ledger), sealer.seal(world.ledger)]);
    expect(await shape(world)).toEqual([1, 0, 2]);
  });

  it('does nothing where there is nothing to seal', async () => {
    const world = await makeWorld(0);
    world.one.metadata.forget();
    await world.one.broker.sealer.seal(world.ledger);
    await world.one.broker.sealer.seal({ ...world.ledger, index: 7 });
    expect(world.one.metadata.count('write')).toBe(0);
    expect(world.one.logged).toEqual([]);
  });

  it('lets appends pass between its two writes', async () => {
    const world = await makeWorld(3);
    world.one.metadata.onWrite = async (proceed, [write]) => {
      const result = await proceed();
      if (write?.key.sk.startsWith('page#')) await append(world.two, world.ledger);
      return result;
    };
    await world.one.broker.sealer.seal(world.ledger);
    expect(await shape(world)).toEqual([1, 1, 4]);
  });
});

describe('two sealers', () => {
  it('trim by the page that is there, whichever of their views it was made of', async () => {
    for (const [first, second] of [
      [2, 5],
      [5, 2],
    ] as const) {
      const world = await makeWorld(Math.min(first, second));
      const behind = await world.two.broker.heads.strong(world.ledger);
      for (let i = Math.min(first, second); i < 5; i++) await append(world.one, world.ledger);
      // `two` has the older view. Who is first puts the page and stops before the trim.
      const [putter, other] = first < second ? [world.two, world.one] : [world.one, world.two];
      const gate = Promise.withResolvers<void>();
      putter.metadata.onWrite = async (proceed, [write]) => {
        if (write?.key.sk === 'head') await gate.promise;
        return proceed();
      };
      const held = putter.broker.sealer.seal(world.ledger);
      await idle();
      expect(behind?.tail).toHaveLength(2);
      await other.broker.sealer.seal(world.ledger);
      expect(await shape(world)).toEqual([1, 5 - first, 5]);
      gate.resolve();
      await held;
      expect(await shape(world)).toEqual([1, 5 - first, 5]);
    }
  });

  it('do not seal again what is sealed, and learn the newer head', async () => {
    const world = await makeWorld(4);
    await world.two.broker.heads.strong(world.ledger);
    await world.one.broker.sealer.seal(world.ledger);
    await append(world.one, world.ledger);
    await world.two.broker.sealer.seal(world.ledger);
    expect(await shape(world)).toEqual([1, 1, 5]);
    expect(world.two.broker.heads.peek(world.ledger)?.sealed).toBe(1);
  });
});

describe('a seal that is interrupted', () => {
  it('after the page was put is finished by the next', async () => {
    const world = await makeWorld(3);
    const head = await headOf(world.stores.metadata, world.ledger);
    await world.stores.metadata.write([planPage(world.ledger, pageOf(head, undefined))]);
    expect(await shape(world)).toEqual([0, 3, 3]);
    await append(world.one, world.ledger);
    await world.one.broker.sealer.seal(world.ledger);
    expect(await shape(world)).toEqual([1, 1, 4]);
  });

  it.each([
    ['busy', throttled, false],
    ['silent before it wrote', lost, false],
    ['silent after it wrote', lost, true],
  ])('by a store that is %s is logged and left to a later one', async (_, fault, applied) => {
    for (const kind of ['page#', 'head']) {
      const world = await makeWorld(3);
      world.one.metadata.onWrite = async (proceed, [write]) => {
        if (!write?.key.sk.startsWith(kind)) return proceed();
        if (applied) await proceed();
        throw fault();
      };
      await world.one.broker.sealer.seal(world.ledger);
      expect(world.one.logged.map(({ message }) => message)).toEqual(['A seal failed and is left to a later one']);
      expect((await shape(world))[2]).toBe(3);
      world.one.metadata.onWrite = undefined;
      await append(world.one, world.ledger);
      await world.one.broker.sealer.seal(world.ledger);
      await world.one.broker.sealer.seal(world.ledger);
      expect((await shape(world)).slice(1)).toEqual([0, 4]);
    }
  });

  it('by the deletion of its topic leaves no head', async () => {
    const world = await makeWorld(3);
    world.one.metadata.onWrite = async (proceed, [write]) => {
      const result = await proceed();
      if (write?.key.sk.startsWith('page#')) {
        await world.stores.metadata.write([{ kind: 'delete', key: headKey(world.ledger) }]);
      }
      return result;
    };
    await world.one.broker.sealer.seal(world.ledger);
    expect(await world.stores.metadata.get(headKey(world.ledger), 'strong')).toBeUndefined();
    expect(await world.stores.metadata.get(pageKey(world.ledger, 0), 'strong')).toBeDefined(); // refers to nothing
  });
});
