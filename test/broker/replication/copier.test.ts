import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEpoch, epochKey } from '../../../lib/coordination/replication/epoch-item.ts';
import { commitsEnd, coveredCommits } from '../../../lib/coordination/replication/ledger-view.ts';
import { newObjectId } from '../../../lib/kernel/ids.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { pageKey } from '../../../lib/log/ledger/page.ts';
import {
  type Appended,
  append,
  LEDGER,
  lookFor,
  makeProcess,
  makeReplicas,
  type ReplicaProcess,
  type ReplicaWorld,
  stateOf,
  viewOf,
} from '../../support/replica-world.ts';

async function makeOne() {
  const world = await makeReplicas();
  return { world, process: makeProcess(world) };
}

async function isThere({ buckets }: ReplicaWorld, replica: 0 | 1 | 2, { name }: Appended): Promise<boolean> {
  return (await buckets[replica].store.getRange(name)) !== undefined;
}

/** Replica 2 leaves for a process that sees it fail, and is well again at once. */
async function leave(world: ReplicaWorld, process: ReplicaProcess): Promise<void> {
  world.buckets[2].down = true;
  await lookFor(world, process, 6, { traffic: [2] });
  world.buckets[2].down = false;
  expect((await stateOf(world)).inSync).toEqual([0, 1]);
}

async function seal({ broker }: ReplicaProcess): Promise<void> {
  await broker.heads.strong(LEDGER);
  await broker.sealer.seal(LEDGER);
}

describe('what acks=leader left out', () => {
  it('is copied once its writer had the time to upload it, and the high watermark goes on', async () => {
    const { world, process } = await makeOne();
    const first = await append(world, [0, 2]);
    const second = await append(world, [0]);
    await lookFor(world, process, 1);
    expect(coveredCommits(await viewOf(world))).toBe(0);
    expect(process.calls).toEqual([]);
    await lookFor(world, process, 1);
    expect(await Promise.all(([1, 2] as const).map((replica) => isThere(world, replica, second)))).toEqual([
      true,
      true,
    ]);
    expect(await isThere(world, 1, first)).toBe(true);
    expect(coveredCommits(await viewOf(world))).toBe(2);
  });

  it('is noted with one write for many commits', async () => {
    const { world, process } = await makeOne();
    for (let commit = 0; commit < 40; commit++) await append(world, [0, 1]);
    await world.clock.advance(replicationLimits.replicaCopyAfterMs);
    await process.broker.heads.strong(LEDGER);
    process.metadata.forget();
    await lookFor(world, process, 1);
    expect(process.metadata.calls).toEqual(['get head strong', 'write head']);
    expect((await viewOf(world)).cursors).toEqual([0, 0, 40, 0, 0, 0, 0, 0]);
  });

  it('is not copied where it is there already, nor where it is inline', async () => {
    const { world, process } = await makeOne();
    const there = await append(world, [0, 1], { at: [0, 1, 2] });
    await append(world, [], { inline: true });
    await world.clock.advance(replicationLimits.replicaCopyAfterMs);
    await lookFor(world, process, 1);
    expect(process.calls).toEqual([`getTail 2 ${there.name}`]);
    expect(coveredCommits(await viewOf(world))).toBe(2);
  });

  it('is looked for once where several commits are to one object', async () => {
    const { world, process } = await makeOne();
    const object = newObjectId(world.clock.now(), seededRandom(3));
    for (let part = 0; part < 5; part++) await append(world, [0, 1], { object, part });
    await world.clock.advance(replicationLimits.replicaCopyAfterMs);
    await lookFor(world, process, 1);
    expect(process.calls.filter((call) => call.startsWith('put'))).toHaveLength(1);
    expect(coveredCommits(await viewOf(world))).toBe(5);
  });

  it('is brought by one of two processes and noted once', async () => {
    const { world, process } = await makeOne();
    const other = makeProcess(world);
    for (let commit = 0; commit < 10; commit++) await append(world, [0, 1]);
    await world.clock.advance(replicationLimits.replicaCopyAfterMs);
    await Promise.all([process, other].map((one) => lookFor(world, one, 1)));
    const { version, cursors } = await viewOf(world);
    expect([cursors[2], version]).toEqual([10, 11]);
  });
});

describe('a replica that comes back', () => {
  it('gets what lies in pages and in the tail, and joins without waiting for another look', async () => {
    const { world, process } = await makeOne();
    for (let commit = 0; commit < 5; commit++) await append(world, [0, 1, 2]);
    await leave(world, process);
    const missed: Appended[] = [];
    for (let commit = 0; commit < 20; commit++) {
      missed.push(await append(world, [0, 1]));
      if (commit % 8 === 7) await seal(process);
    }
    await lookFor(world, process, 8);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
    for (const one of missed) expect(await isThere(world, 2, one)).toBe(true);
    expect(coveredCommits(await viewOf(world))).toBe(25);
  });

  it.each([0, 7])('gets what it lacks also where pages before are gone (cursor at %i)', async (cursor) => {
    const { world, process } = await makeOne();
    for (let commit = 0; commit < 10; commit++) {
      await append(world, [0, 1, 2]);
      await seal(process);
    }
    await leave(world, process);
    // All of them were in sync when the pages were merged; what was noted of a replica may be older than that.
    const { cursors } = await viewOf(world);
    expect(cursors[2]).toBe(10);
    await world.metadata.write([
      { kind: 'update', key: headKey(LEDGER), changes: { set: { m: 9, d: 8, k2: cursor }, add: { v: 1 } } },
    ]);
    for (let page = 0; page < 8; page++) await world.metadata.write([{ kind: 'delete', key: pageKey(LEDGER, page) }]);
    const missed: Appended[] = [];
    for (let commit = 0; commit < 20; commit++) {
      missed.push(await append(world, [0, 1]));
      if (commit % 8 === 7) await seal(process);
    }
    const fresh = makeProcess(world);
    await lookFor(world, fresh, 8);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
    for (const one of missed) expect(await isThere(world, 2, one)).toBe(true);
    expect(coveredCommits(await viewOf(world))).toBe(30);
  });

  it('gets a bounded number of objects for each look', async () => {
    const { world, process } = await makeOne();
    await leave(world, process);
    const total = replicationLimits.replicaCopiesPerRunMax + 40;
    for (let commit = 0; commit < total; commit++) {
      await append(world, [0, 1]);
      if (commit % 8 === 7) await seal(process);
    }
    const copies = () => process.calls.filter((call) => call.startsWith('put 2 segments/4')).length;
    for (let second = 0; second < 20 && copies() === 0; second++) await lookFor(world, process, 1);
    expect(copies()).toBe(replicationLimits.replicaCopiesPerRunMax);
    expect(await stateOf(world)).toMatchObject({ inSync: [0, 1], joining: [2] });
    await lookFor(world, process, 1);
    expect(copies()).toBe(total);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
  });

  it('fails again before it has everything, and goes on from where it was', async () => {
    const { world, process } = await makeOne();
    await leave(world, process);
    for (let commit = 0; commit < 40; commit++) {
      await append(world, [0, 1]);
      if (commit % 8 === 7) await seal(process);
    }
    world.buckets[2].callsLeft = 30;
    await lookFor(world, process, 15);
    const { cursors } = await viewOf(world);
    expect(cursors[2]).toBeGreaterThan(5);
    expect(await stateOf(world)).toMatchObject({ inSync: [0, 1], joining: [] });
    Object.assign(world.buckets[2], { callsLeft: undefined, down: false });
    process.calls.length = 0;
    await lookFor(world, process, 10);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
    const looked = process.calls.filter((call) => call.startsWith('getTail 2'));
    expect(looked).toHaveLength(40 - (cursors[2] as number));
  });
});

describe('an object that no replica has', () => {
  it('counts as held where an unclean election may have lost it', async () => {
    const { world, process } = await makeOne();
    await append(world, [0, 1, 2]);
    await append(world, [0], { at: [] });
    const lost = [{ from: 1, to: 2 }, ...Array.from({ length: 15 }, () => ({ from: 0, to: 0 }))];
    const starts = Array<number>(16).fill(2);
    await world.metadata.write([
      {
        kind: 'put',
        key: epochKey(headKey(LEDGER), 1),
        attributes: encodeEpoch({ epoch: 1, leader: 0, starts, lost }),
      },
      { kind: 'update', key: headKey(LEDGER), changes: { add: { e: 1, i: 1, v: 1 } } },
    ]);
    await append(world, [0]);
    await lookFor(world, process, 3);
    expect(coveredCommits(await viewOf(world))).toBe(3);
  });

  it('stops the copier otherwise, and is told once', async () => {
    const { world, process } = await makeOne();
    await append(world, [0]);
    const missing = await append(world, [0], { at: [] });
    await append(world, [0]);
    await lookFor(world, process, 6);
    expect((await viewOf(world)).cursors.slice(0, 3)).toEqual([0, 1, 1]);
    const told = process.logged.filter(({ level }) => level === 'error');
    expect(told.map(({ facts }) => [facts['replica'], facts['name']])).toEqual([
      [1, missing.name],
      [2, missing.name],
    ]);
  });
});

describe('an election while objects are copied', () => {
  it('makes nothing of the run count, and nothing is deleted', async () => {
    const { world, process } = await makeOne();
    const first = await append(world, [0, 1]);
    await append(world, [0, 1]);
    await world.clock.advance(replicationLimits.replicaCopyAfterMs);
    const { store } = world.buckets[2];
    await process.broker.heads.strong(LEDGER);
    process.metadata.onWrite = async (proceed) => {
      process.metadata.onWrite = undefined;
      // As another process has it: all of the tail is cut off.
      await world.metadata.write([
        {
          kind: 'update',
          key: headKey(LEDGER),
          changes: { set: { t: [], r: [] }, add: { e: 1, i: 1, v: 1 }, remove: ['n0'] },
        },
        {
          kind: 'put',
          key: epochKey(headKey(LEDGER), 1),
          attributes: encodeEpoch({ epoch: 1, leader: 0, starts: Array<number>(16).fill(0) }),
        },
      ]);
      return proceed();
    };
    await lookFor(world, process, 3);
    expect(await store.getRange(first.name)).toBeDefined();
    expect((await viewOf(world)).cursors[2]).toBe(0);
    await append(world, [0, 1, 2]);
    expect(coveredCommits(await viewOf(world))).toBe(1);
  });
});

describe('one replica that cannot be copied to', () => {
  it('does not keep another one from what it lacks, and an outage is told once', async () => {
    const { world, process } = await makeOne();
    for (let commit = 0; commit < 3; commit++) await append(world, [0]);
    world.buckets[1].busy = true;
    await lookFor(world, process, 10);
    expect((await viewOf(world)).cursors.slice(0, 3)).toEqual([0, 0, 3]);
    world.buckets[1].busy = false;
    await lookFor(world, process, 1);
    expect(coveredCommits(await viewOf(world))).toBe(3);
    expect(process.logged.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(1);
  });
});

describe('any ledger', () => {
  const commit = fc.record({
    holders: fc.constantFrom([0], [0, 1], [0, 2], [0, 1, 2]),
    inline: fc.boolean(),
    seal: fc.boolean(),
  });

  it('is held by every replica in the end, whatever its commits said and whoever left meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(commit, { maxLength: 20 }),
        fc.array(commit, { maxLength: 20 }),
        async (before, after) => {
          const { world, process } = await makeOne();
          const appended: Appended[] = [];
          const appendAll = async (commits: typeof before, replicas: readonly number[]) => {
            for (const { holders, inline, seal: seals } of commits) {
              appended.push(
                await append(world, inline ? [] : holders.filter((one) => replicas.includes(one)), { inline }),
              );
              if (seals) await seal(process);
            }
          };
          await appendAll(before, [0, 1, 2]);
          await leave(world, process);
          await appendAll(after, [0, 1]);
          await lookFor(world, process, 10);
          expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
          const view = await viewOf(world);
          expect(coveredCommits(view)).toBe(commitsEnd(view));
          for (const one of appended.filter(({ commit: { tier } }) => tier !== 'inline')) {
            for (const replica of [0, 1, 2] as const) expect(await isThere(world, replica, one)).toBe(true);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
