import { assert, describe, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { Loan } from '../../../lib/broker/read/loan.ts';
import type { RunCache } from '../../../lib/broker/read/run-cache.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import type { LocatedRun } from '../../../lib/log/ledger/locate.ts';
import { batchHeaders, checkBatchChecksum } from '../../../lib/log/record-batch/header.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { batchOf, makeBroker, makeStores, makeTopic, type Process, runsOf, type Stores } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';

interface World {
  stores: Stores;
  writer: Process;
  /** Another process, which has nothing in memory. */
  reader: Process;
  ledger: LedgerId;
}

async function makeWorld(cacheBytes?: number): Promise<World> {
  const stores = makeStores();
  const { ledger, ...writer } = await makeTopic({ stores, partitions: 4 });
  return { stores, writer, reader: makeBroker({ stores, cacheBytes }), ledger };
}

/** One commit with these values in these slots, the first two appends apart so that the others share it. */
async function commit({ writer, ledger }: World, ...slots: [slot: number, ...values: string[]][]): Promise<void> {
  const deadlineMs = writer.broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  const gate = Promise.withResolvers<void>();
  writer.objects.onPut = async (proceed) => {
    await gate.promise;
    await proceed();
  };
  const append = (slot: number, values: string[]) =>
    writer.broker.appender.append({ ledger, slot, run: runOf([batchOf(...values)]), deadlineMs });
  const appends = [append(3, ['alone']), ...slots.map(([slot, ...values]) => append(slot, values))];
  gate.resolve();
  await Promise.all(appends);
}

async function newestRun({ stores, ledger }: World, slot: number): Promise<LocatedRun> {
  return (await runsOf(stores.metadata, ledger, slot)).at(-1) as LocatedRun;
}

/** The run's batches, which are there. */
async function readRun(runs: RunCache, ...request: Parameters<RunCache['read']>): Promise<readonly Uint8Array[]> {
  const chunks = await runs.read(...request);
  assert(chunks !== undefined, 'some replica has the run');
  return chunks;
}

/** The base offsets and epochs that the batches carry. */
const offsetsIn = (chunks: readonly Uint8Array[]) =>
  chunks.flatMap((chunk) => [...batchHeaders(chunk)].map(({ baseOffset, leaderEpoch }) => [baseOffset, leaderEpoch]));

describe('what the process wrote itself', () => {
  it('is served from memory, with its offsets', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b'], [0, 'c'], [1, 'd']);
    await commit(world, [0, 'e'], [0, 'f', 'g'], [0, 'h']);
    world.writer.objects.forget();
    const run = await newestRun(world, 0);
    expect(offsetsIn(await readRun(world.writer.broker.runs, run, 'tail'))).toEqual([
      [3, 0],
      [4, 0],
      [6, 0],
    ]);
    expect(world.writer.objects.calls).toEqual([]);
  });

  it('does not change in the store when its offsets are filled in', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a']);
    await commit(world, [0, 'b']);
    const run = await newestRun(world, 0);
    for (const process of [world.writer, world.reader]) {
      const [chunk] = await readRun(process.broker.runs, run, 'history');
      expect(offsetsIn([chunk as Uint8Array])).toEqual([[1, 0]]);
      const range = { start: run.position, end: run.position + run.bytes };
      const name = objectName(run.commit.tier, run.commit.object);
      const stored = (await world.stores.objects.getRange(name, range)) as Uint8Array;
      expect(crc32c(stored)).toBe(run.crc32c);
      expect(offsetsIn([stored])).toEqual([[0, -1]]);
    }
  });
});

describe('what another process wrote', () => {
  it('is read from the tail together with its neighbours of the commit, and patched once', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b'], [1, 'c'], [2, 'd'], [1, 'e']);
    const { broker, objects } = world.reader;
    const one = await readRun(broker.runs, await newestRun(world, 1), 'tail');
    expect(offsetsIn(one)).toEqual([
      [0, 0],
      [1, 0],
    ]);
    const two = await readRun(broker.runs, await newestRun(world, 2), 'tail');
    expect(offsetsIn(two)).toEqual([[0, 0]]);
    expect(objects.count('getRange')).toBe(1);
    const again = await readRun(broker.runs, await newestRun(world, 1), 'history');
    expect(again[0]).toBe(one[0]); // the same bytes, shared
    expect(objects.count('getRange')).toBe(1);
  });

  it('is read from history alone', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a'], [1, 'b'], [2, 'c']);
    const run = await newestRun(world, 1);
    await readRun(world.reader.broker.runs, run, 'history');
    const name = objectName(run.commit.tier, run.commit.object);
    expect(world.reader.objects.calls).toEqual([`getRange ${name} ${run.position}-${run.position + run.bytes}`]);
  });

  it('is read from history with those whose readers have yet to come to it', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a'], [1, 'b'], [2, 'c']);
    const { broker, objects } = world.reader;
    const { birthMs } = (await newestRun(world, 1)).commit.object;
    const beside = [
      { slot: 0, bornMs: birthMs - 1 },
      { slot: 2, bornMs: birthMs },
    ];
    await readRun(broker.runs, await newestRun(world, 1), 'history', { beside });
    await readRun(broker.runs, await newestRun(world, 0), 'history');
    expect(objects.count('getRange')).toBe(1);
    await readRun(broker.runs, await newestRun(world, 2), 'history');
    expect(objects.count('getRange')).toBe(2);
  });

  it('is read from history alone where what its neighbours want is large', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a'], [1, 'b'.repeat(600_000)], [2, 'c']);
    const { broker, objects } = world.reader;
    const run = await newestRun(world, 0);
    const beside = [{ slot: 2, bornMs: run.commit.object.birthMs - 1 }];
    await readRun(broker.runs, run, 'history', { beside });
    const name = objectName(run.commit.tier, run.commit.object);
    expect(objects.calls).toEqual([`getRange ${name} ${run.position}-${run.position + run.bytes}`]);
  });

  it('is waited for by who comes while a neighbour brings it', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a'], [1, 'b']);
    const { broker, objects } = world.reader;
    const gate = Promise.withResolvers<void>();
    objects.onGetRange = async (proceed) => {
      await gate.promise;
      return proceed();
    };
    const [one, other] = [await newestRun(world, 0), await newestRun(world, 1)];
    const beside = [{ slot: 1, bornMs: one.commit.object.birthMs - 1 }];
    const reads = [readRun(broker.runs, one, 'history', { beside }), readRun(broker.runs, other, 'history')];
    await idle();
    gate.resolve();
    await Promise.all(reads);
    expect(objects.count('getRange')).toBe(1);
  });

  it('is fetched once for all who ask meanwhile', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a'], [1, 'b'], [2, 'c']);
    const { broker, objects } = world.reader;
    const gate = Promise.withResolvers<void>();
    objects.onGetRange = async (proceed) => {
      await gate.promise;
      return proceed();
    };
    const runs = await Promise.all([0, 1, 2].map((slot) => newestRun(world, slot)));
    const reads = Array.from({ length: 30 }, (_, i) => readRun(broker.runs, runs[i % 3] as LocatedRun, 'tail'));
    await idle();
    gate.resolve();
    const chunks = await Promise.all(reads);
    expect(objects.count('getRange')).toBe(1);
    for (const [index, chunk] of chunks.entries()) expect(chunk[0]).toBe(chunks[index % 3]?.[0]);
  });

  it("keeps no neighbour's bytes alive", async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a'], [1, 'b'.repeat(100_000)]);
    const [small] = await readRun(world.reader.broker.runs, await newestRun(world, 0), 'tail');
    expect(small?.buffer.byteLength).toBeLessThan(1_000);
  });
});

describe('bytes that are not what they should be', () => {
  const flipped = (at: number) => (bytes: Uint8Array) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

  it.each([
    ['are damaged', flipped(30), 'checksum'],
    ['have another batch length', flipped(11), 'are damaged'],
    ['have another count of records', flipped(26), 'are damaged'],
    ['are cut short', (bytes: Uint8Array) => bytes.subarray(0, -1), 'are missing'],
  ])('and %s are refused, and not kept', async (_, damage, reason) => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b'], [1, 'c']);
    const { broker, objects } = world.reader;
    objects.onGetRange = async (proceed) => damage((await proceed()) as Uint8Array);
    for (const slot of [0, 1]) {
      const run = await newestRun(world, slot);
      await expect(readRun(broker.runs, run, 'history')).rejects.toMatchObject({
        code: 'KAFKA_STORAGE_ERROR',
        retriable: true,
        message: expect.stringContaining(reason),
      });
    }
    objects.onGetRange = undefined;
    expect(offsetsIn(await readRun(broker.runs, await newestRun(world, 0), 'tail'))).toEqual([[0, 0]]);
  });

  it('and of which the end is missing are read up to there', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b'], [1, 'c']);
    const { broker, objects } = world.reader;
    const [whole, short] = [await newestRun(world, 0), await newestRun(world, 1)];
    const end = short.position + short.bytes - 1;
    objects.onGetRange = async (proceed, _name, range) =>
      ((await proceed()) as Uint8Array).subarray(0, end - (range?.start ?? 0));
    expect(offsetsIn(await readRun(broker.runs, whole, 'tail'))).toEqual([[0, 0]]);
    await expect(readRun(broker.runs, short, 'tail')).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      message: expect.stringContaining('are missing'),
    });
  });

  it('and are missing are told so, which is not kept', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b'], [1, 'c']);
    const { broker, objects } = world.reader;
    objects.onGetRange = () => undefined;
    const run = await newestRun(world, 0);
    await expect(broker.runs.read(run, 'tail')).resolves.toBeUndefined();
    await expect(broker.runs.read(run, 'history', { use: 'pass-on' })).resolves.toBeUndefined();
    objects.onGetRange = undefined;
    expect(offsetsIn(await readRun(broker.runs, run, 'tail'))).toEqual([[0, 0]]);
  });

  it('do not keep their neighbours from being read', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b'], [1, 'c']);
    const { broker, objects } = world.reader;
    objects.onGetRange = async (proceed) => flipped(30)((await proceed()) as Uint8Array);
    await expect(readRun(broker.runs, await newestRun(world, 0), 'tail')).rejects.toMatchObject({ retriable: true });
    await expect(readRun(broker.runs, await newestRun(world, 1), 'tail')).resolves.toHaveLength(1);
    expect(objects.count('getRange')).toBe(1);
  });

  it('are passed on with the checksum that shows it, and refused to who would decode them', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b']);
    const { broker, objects } = world.reader;
    objects.onGetRange = async (proceed) => flipped(30)((await proceed()) as Uint8Array);
    const run = await newestRun(world, 0);
    const [passed] = await readRun(broker.runs, run, 'history', { use: 'pass-on' });
    expect(() => checkBatchChecksum(passed as Uint8Array)).toThrow('checksum');
    await expect(readRun(broker.runs, run, 'history', { use: 'decode' })).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    objects.onGetRange = undefined;
    await expect(readRun(broker.runs, run, 'history', { use: 'decode' })).resolves.toHaveLength(1);
  });

  it.each([
    ['have another batch length', 11],
    ['have another count of records', 26],
  ])('and %s are not even passed on', async (_, at) => {
    const world = await makeWorld();
    await commit(world, [0, 'a', 'b']);
    const { broker, objects } = world.reader;
    objects.onGetRange = async (proceed) => flipped(at)((await proceed()) as Uint8Array);
    const read = readRun(broker.runs, await newestRun(world, 0), 'history', { use: 'pass-on' });
    await expect(read).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
  });

  it('fail all who share the read, and the next one reads again', async () => {
    const world = await makeWorld();
    await commit(world, [0, 'a'], [1, 'b']);
    const { broker, objects } = world.reader;
    const run = await newestRun(world, 0);
    objects.onGetRange = () => Promise.reject(new Error('no answer'));
    const failed = await Promise.allSettled([readRun(broker.runs, run, 'tail'), readRun(broker.runs, run, 'tail')]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(objects.count('getRange')).toBe(1);
    objects.onGetRange = undefined;
    await expect(readRun(broker.runs, run, 'tail')).resolves.toHaveLength(1);
  });
});

describe('the budget', () => {
  it('counts what was read together until all of it is gone', async () => {
    const world = await makeWorld(25_000); // two commits
    for (let i = 0; i < 3; i++) await commit(world, [0, 'small'], [1, 'x'.repeat(10_000)]);
    const { broker, objects } = world.reader;
    const [small, large] = await Promise.all([0, 1].map((slot) => runsOf(world.stores.metadata, world.ledger, slot)));
    const read = async (run: LocatedRun | undefined) => {
      objects.forget();
      await readRun(broker.runs, run as LocatedRun, 'history', { beside: [{ slot: 1, bornMs: 0 }] });
      return objects.calls.length;
    };
    expect([await read(small?.[0]), await read(large?.[0])]).toEqual([1, 0]);
    expect([await read(small?.[1]), await read(large?.[1])]).toEqual([1, 0]);
    expect([await read(small?.[0]), await read(small?.[1])]).toEqual([0, 0]);
    expect(await read(small?.[2])).toBe(1);
    // There was no room before the first small one had gone too, which had kept the large one beside it in memory.
    expect([await read(small?.[1]), await read(large?.[2]), await read(small?.[0])]).toEqual([0, 0, 1]);
  });

  it('keeps what was used last', async () => {
    const value = 'x'.repeat(10_000);
    const world = await makeWorld(25_000); // two runs
    for (let i = 0; i < 3; i++) await commit(world, [0, value]);
    const runs = await runsOf(world.stores.metadata, world.ledger, 0);
    const { broker, objects } = world.reader;
    const read = async (index: number) => {
      objects.forget();
      await readRun(broker.runs, runs[index] as LocatedRun, 'history');
      return objects.calls.length;
    };
    expect([await read(0), await read(1), await read(0)]).toEqual([1, 1, 0]);
    expect(await read(2)).toBe(1); // and 1 goes, which was not used for longest
    expect([await read(0), await read(2), await read(1)]).toEqual([0, 0, 1]);
    expect(await read(0)).toBe(1);
  });

  it('counts what keeping small runs costs beside their bytes', async () => {
    const world = await makeWorld(10_000);
    for (let i = 0; i < 50; i++) await commit(world, [0, 'v']);
    const runs = await runsOf(world.stores.metadata, world.ledger, 0);
    const { broker, objects } = world.reader;
    for (const run of runs) await readRun(broker.runs, run, 'history');
    objects.forget();
    for (const run of runs.toReversed()) await readRun(broker.runs, run, 'history');
    const kept = runs.length - objects.count('getRange');
    expect(kept).toBeGreaterThan(5);
    expect(kept).toBeLessThan(20); // by their bytes alone it would be all 50
  });

  it('serves what is larger than it, with offsets, and keeps nothing', async () => {
    const world = await makeWorld(100);
    await commit(world, [0, 'a'], [1, 'b', 'c']);
    await commit(world, [0, 'a'], [1, 'd']);
    const { broker, objects } = world.reader;
    const run = await newestRun(world, 1);
    for (let i = 0; i < 2; i++) {
      objects.forget();
      expect(offsetsIn(await readRun(broker.runs, run, 'tail'))).toEqual([[2, 0]]);
      expect(objects.count('getRange')).toBeGreaterThan(0);
    }
  });

  it('gives back the memory of what leaves it unread, and leaves readers theirs', async () => {
    const stores = makeStores();
    const { ledger, ...writer } = await makeTopic({ stores, partitions: 4, cacheBytes: 2_000 });
    const { runs } = writer.broker;
    const kept: Uint8Array[][] = [];
    const keep = runs.keep.bind(runs);
    runs.keep = (commit, slot, chunks) => {
      kept.push(chunks);
      keep(commit, slot, chunks);
    };
    const world = { stores, writer, reader: writer, ledger };
    await commit(world, [0, 'read']);
    const read = await readRun(runs, await newestRun(world, 0), 'tail');
    for (let i = 0; i < 5; i++) await commit(world, [0, 'v'.repeat(100)]);
    const gone = kept.flat().filter((chunk) => chunk.length === 0);
    expect(gone.length).toBeGreaterThan(0);
    expect(gone.length).toBeLessThan(kept.flat().length);
    expect(offsetsIn(read)).toEqual([[0, 0]]);
  });

  it('gives back the memory of what a reader was lent when both are done with it', async () => {
    const world = await makeWorld(2_000);
    const { runs } = world.reader.broker;
    for (let i = 0; i < 6; i++) await commit(world, [0, 'v'.repeat(500)]);
    const [first, ...others] = await runsOf(world.stores.metadata, world.ledger, 0);
    const [loan, other] = [new Loan(), new Loan()];
    const lent = await readRun(runs, first as LocatedRun, 'history', { loan });
    await readRun(runs, first as LocatedRun, 'history', { loan: other });
    for (const run of others) await readRun(runs, run, 'history');
    other.end();
    expect(offsetsIn(lent)).toEqual([[0, 0]]);
    loan.end();
    expect(lent.map(({ length }) => length)).toEqual([0]);
  });

  it('holds for what the process wrote itself', async () => {
    const stores = makeStores();
    const { ledger, ...writer } = await makeTopic({ stores, partitions: 4, cacheBytes: 1_500 });
    const world = { stores, writer, reader: writer, ledger };
    for (let i = 0; i < 5; i++) await commit(world, [0, 'v'.repeat(100)]);
    writer.objects.forget();
    for (const run of await runsOf(stores.metadata, ledger, 0)) {
      expect(concatBytes(await readRun(writer.broker.runs, run, 'history'))).toHaveLength(run.bytes);
    }
    expect(writer.objects.count('getRange')).toBeGreaterThanOrEqual(3);
  });
});
