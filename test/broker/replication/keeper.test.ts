import { describe, expect, it } from 'vitest';
import { packProducer, unpackProducer } from '../../../lib/coordination/producers/producer-state.ts';
import { decodeEpoch, epochKey } from '../../../lib/coordination/replication/epoch-item.ts';
import { commitsEnd } from '../../../lib/coordination/replication/ledger-view.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { idOf } from '../../../lib/log/ledger/commit.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { headOf, lost, throttled } from '../../support/broker.ts';
import {
  append,
  fail,
  LEDGER,
  lookFor,
  makeProcess,
  makeReplicas,
  type ReplicaProcess,
  type ReplicaWorld,
  RULES,
  send,
  stateOf,
  UNCLEAN,
  viewOf,
} from '../../support/replica-world.ts';

async function makeOne() {
  const world = await makeReplicas();
  const process = makeProcess(world);
  return { world, process, keeper: process.broker.keeper };
}

/** Without waiting for what is not answered. */
async function lookEverySecond(world: ReplicaWorld, { broker }: ReplicaProcess, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await broker.keeper.look(LEDGER, RULES);
    await world.clock.advance(1_000);
  }
}

describe('a look where all is well', () => {
  it('reads and writes nothing and sends nothing to a bucket', async () => {
    const { world, process } = await makeOne();
    await append(world, [0, 1, 2]);
    await process.broker.heads.strong(LEDGER);
    process.metadata.forget();
    await lookFor(world, process, 60);
    expect(process.metadata.calls).toEqual([]);
    expect(process.calls).toEqual([]);
  });

  it('reads the head once where none is known', async () => {
    const { world, process } = await makeOne();
    await lookFor(world, process, 5);
    expect(process.metadata.calls).toEqual(['get head strong']);
  });

  it('does nothing for a ledger that does not exist', async () => {
    const { process, keeper } = await makeOne();
    await keeper.look({ ...LEDGER, index: 7 }, RULES);
    expect(process.metadata.count('write')).toBe(0);
  });
});

describe('a follower that fails', () => {
  it('leaves after 5 failures that took 2 seconds, and not before', async () => {
    const { world, process, keeper } = await makeOne();
    await append(world, [0, 1, 2]);
    world.buckets[2].down = true;
    await send(process, 2, 9);
    await keeper.look(LEDGER, RULES);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
    await world.clock.advance(replicationLimits.replicaFailingMsMin);
    await send(process, 2);
    await keeper.look(LEDGER, RULES);
    expect(await stateOf(world)).toEqual({ leader: 0, inSync: [0, 1], joining: [], epoch: 0 });
    expect(process.logged.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'Replicas left the in-sync set'],
    ]);
  });

  it('keeps the cursor of what it certainly held', async () => {
    const { world, process } = await makeOne();
    await append(world, [0, 1, 2]);
    await append(world, [0, 1]);
    world.buckets[2].down = true;
    await lookFor(world, process, 4, { traffic: [2] });
    expect((await viewOf(world)).cursors[2]).toBe(1);
  });

  it('is probed once a second while it is out, and once only by many looks', async () => {
    const { world, process, keeper } = await makeOne();
    world.buckets[2].down = true;
    await lookFor(world, process, 4, { traffic: [2] });
    process.calls.length = 0;
    for (let look = 0; look < 10; look++) await keeper.look(LEDGER, RULES);
    await lookFor(world, process, 3);
    expect(process.calls).toEqual(Array(3).fill('put 2 segments/probe-2'));
  });

  it('starts joining after 5 successes over 5 seconds, and joins where nothing is to be copied', async () => {
    const { world, process } = await makeOne();
    const bucket = world.buckets[2];
    bucket.down = true;
    await lookFor(world, process, 4, { traffic: [2] });
    bucket.down = false;
    await lookFor(world, process, 5);
    expect((await stateOf(world)).inSync).toEqual([0, 1]);
    await lookFor(world, process, 3);
    expect(await stateOf(world)).toEqual({ leader: 0, inSync: [0, 1, 2], joining: [], epoch: 0 });
  });
});

describe('a replica that does not answer', () => {
  it('fails by one request that waits and a probe beside it, and is back when later probes are answered', async () => {
    const { world, process } = await makeOne();
    world.buckets[2].silent = true;
    process.replicas.putTo(0b100, 'segments/1/traffic', [Uint8Array.of(0)]);
    await lookEverySecond(world, process, 8);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
    await lookEverySecond(world, process, 3);
    expect((await stateOf(world)).inSync).toEqual([0, 1]);
    // The request, a probe after a second, and one more when that had no answer for 8 seconds.
    expect(process.calls.filter((call) => call.startsWith('put 2'))).toHaveLength(3);
    await lookEverySecond(world, process, 30);
    world.buckets[2].silent = false;
    await lookEverySecond(world, process, 20);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
  });
});

describe('a process that has just begun', () => {
  it('takes a replica that is out for alive only once a probe has succeeded', async () => {
    const { world, process } = await makeOne();
    const bucket = world.buckets[2];
    bucket.down = true;
    await lookFor(world, process, 4, { traffic: [2] });
    const other = makeProcess(world);
    await lookFor(world, other, 3);
    expect(other.metadata.count('write')).toBe(0);
    bucket.down = false;
    await lookFor(world, other, 3);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
  });
});

describe('a process that sends nothing', () => {
  it('does not go by what it knew of a replica before others saw it leave', async () => {
    const { world, process } = await makeOne();
    const idle = makeProcess(world);
    const bucket = world.buckets[2];
    bucket.down = true;
    await lookFor(world, process, 4, { traffic: [2] });
    bucket.down = false;
    await idle.broker.keeper.look(LEDGER, RULES);
    await idle.broker.keeper.settled();
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
    await world.clock.advance(60_000);
    bucket.down = true;
    await lookFor(world, process, 4, { traffic: [2] });
    await idle.broker.heads.strong(LEDGER);
    idle.metadata.forget();
    await lookFor(world, idle, 5);
    expect(idle.metadata.count('write')).toBe(0);
  });
});

describe('a leader that fails', () => {
  it('is followed by the replica in sync that holds most, and what that one lacks is cut off', async () => {
    const { world, process } = await makeOne();
    await append(world, [0, 1, 2]);
    await append(world, [0, 2]);
    await append(world, [0]);
    world.buckets[0].down = true;
    await fail(world, process, 0);
    await process.broker.keeper.look(LEDGER, RULES);
    expect(await stateOf(world)).toEqual({ leader: 2, inSync: [1, 2], joining: [], epoch: 1 });
    const view = await viewOf(world);
    expect([commitsEnd(view), view.next[0]]).toEqual([2, 2]);
    const epoch = decodeEpoch(1, (await world.metadata.get(epochKey(headKey(LEDGER), 1), 'strong')) ?? {});
    expect(epoch).toMatchObject({ leader: 2, starts: [2, ...Array(15).fill(0)] });
    expect(epoch.lost).toBeUndefined();
    expect(process.logged.at(-1)).toMatchObject({
      level: 'warn',
      facts: { from: 0, to: 2, epoch: 1, cut: 2, cutOff: 1 },
    });
  });

  it('is known by the process itself under its new epoch at once', async () => {
    const { world, process } = await makeOne();
    world.buckets[0].down = true;
    await lookFor(world, process, 4, { traffic: [0] });
    expect(process.broker.heads.peek(LEDGER)?.epoch).toBe(1);
  });

  it('takes the sequences of the batches that were cut off with it', async () => {
    const { world, process } = await makeOne();
    const key = 'producer____';
    const first = await append(world, [0, 1, 2]);
    const second = await append(world, [0]);
    const batches = [first, second].map(({ commit }) => ({
      records: 1,
      place: { at: 'commit' as const, id: idOf(commit), seen: 0, before: 0 },
    }));
    const packed = packProducer({ lastMs: 5, slots: new Map([[0, { epoch: 0, firstSequence: 0, batches }]]) });
    await world.metadata.write([
      { kind: 'update', key: headKey(LEDGER), changes: { set: { [`p${key}`]: packed }, add: { v: 1 } } },
    ]);
    world.buckets[0].down = true;
    await lookFor(world, process, 4, { traffic: [0] });
    const after = (await headOf(world.metadata, LEDGER)).producers.get(key) as Uint8Array;
    expect(unpackProducer(after).slots.get(0)).toEqual({ epoch: 0, firstSequence: 0, batches: batches.slice(0, 1) });
  });

  it('leads again when it is back and holds everything', async () => {
    const { world, process } = await makeOne();
    await append(world, [0, 1, 2]);
    const bucket = world.buckets[0];
    bucket.down = true;
    await lookFor(world, process, 4, { traffic: [0] });
    expect((await stateOf(world)).leader).toBe(1);
    bucket.down = false;
    await lookFor(world, process, 9);
    expect(await stateOf(world)).toEqual({ leader: 0, inSync: [0, 1, 2], joining: [], epoch: 2 });
  });
});

describe('a leader that fails where nobody in sync is left', () => {
  async function alone() {
    const made = await makeOne();
    const { world, process } = made;
    for (let commit = 0; commit < 3; commit++) await append(world, [0, 1, 2]);
    for (const replica of [1, 2] as const) world.buckets[replica].down = true;
    await lookFor(world, process, 4, { traffic: [1, 2] });
    expect((await stateOf(world)).inSync).toEqual([0]);
    await append(world, [0]);
    await append(world, [0]);
    return made;
  }

  it('is waited for', async () => {
    const { world, process } = await alone();
    for (const replica of [1, 2] as const) world.buckets[replica].down = false;
    world.buckets[0].down = true;
    process.metadata.forget();
    await send(process, 0, 9);
    await lookFor(world, process, 20, { traffic: [0] });
    expect(await stateOf(world)).toMatchObject({ leader: 0, inSync: [0], epoch: 0 });
    expect(process.metadata.count('get')).toBeLessThanOrEqual(20);
    process.metadata.forget();
    for (let look = 0; look < 10; look++) await process.broker.keeper.look(LEDGER, RULES);
    expect(process.metadata.count('get')).toBe(1);
  });

  it('is followed by one out of sync where the topic allows it, and the epoch names what may be lost', async () => {
    const { world, process } = await alone();
    for (const replica of [1, 2] as const) world.buckets[replica].down = false;
    world.buckets[0].down = true;
    await lookFor(world, process, 12, { rules: UNCLEAN, traffic: [0] });
    const { epoch, leader } = await stateOf(world);
    expect([epoch, leader]).toEqual([1, 1]);
    expect((await viewOf(world)).next[0]).toBe(5); // all of it was below the high watermark
    const item = decodeEpoch(1, (await world.metadata.get(epochKey(headKey(LEDGER), 1), 'strong')) ?? {});
    expect(item.lost?.[0]).toEqual({ from: 3, to: 5 });
  });

  it('names what may be lost from within the pages', async () => {
    const { world, process } = await alone();
    for (let commit = 0; commit < 3; commit++) await append(world, [0]);
    await process.broker.heads.strong(LEDGER);
    await process.broker.sealer.seal(LEDGER);
    expect((await viewOf(world)).paged).toBe(8);
    await append(world, [0]);
    for (const replica of [1, 2] as const) world.buckets[replica].down = false;
    world.buckets[0].down = true;
    await lookFor(world, process, 12, { rules: UNCLEAN, traffic: [0] });
    const item = decodeEpoch(1, (await world.metadata.get(epochKey(headKey(LEDGER), 1), 'strong')) ?? {});
    expect(item.lost?.[0]).toEqual({ from: 3, to: 9 });
  });
});

describe('two processes', () => {
  it('elect one leader when both see the old one fail', async () => {
    const { world, process } = await makeOne();
    const other = makeProcess(world);
    await append(world, [0, 1, 2]);
    for (const one of [process, other]) await one.broker.heads.strong(LEDGER);
    world.buckets[0].down = true;
    await fail(world, process, 0);
    await fail(world, other, 0);
    await Promise.all([process, other].map((one) => one.broker.keeper.look(LEDGER, RULES)));
    expect(await stateOf(world)).toEqual({ leader: 1, inSync: [1, 2], joining: [], epoch: 1 });
    const elections = [process, other].flatMap(({ logged }) => logged.filter(({ message }) => /elected/.test(message)));
    expect(elections).toHaveLength(1);
    expect(other.broker.heads.peek(LEDGER)?.epoch).toBe(1);
  });

  it('keep a replica that only one of them does not reach, for as long as the other writes to it', async () => {
    const { world, process } = await makeOne();
    await append(world, [0, 1, 2]);
    process.blind.add(0).add(2);
    for (let second = 0; second < 20; second++) {
      await append(world, [0, 1, 2]);
      if (second % 5 === 4) {
        const sealing = makeProcess(world);
        await sealing.broker.sealer.seal(LEDGER);
      }
      await lookFor(world, process, 1, { traffic: [0, 2] });
    }
    expect(process.replicas.health.failed()).toBe(0b101);
    expect(await stateOf(world)).toEqual({ leader: 0, inSync: [0, 1, 2], joining: [], epoch: 0 });
    await lookFor(world, process, 5, { traffic: [0, 2] });
    expect(await stateOf(world)).toEqual({ leader: 1, inSync: [1], joining: [], epoch: 1 });
  });
});

describe('commits that others append and seal meanwhile', () => {
  /** What this process, to which replica 2 has failed, makes of it once there was nothing else for 2 seconds. */
  async function after(inline: boolean) {
    const { world, process } = await makeOne();
    const other = makeProcess(world);
    await process.broker.heads.strong(LEDGER);
    process.blind.add(2);
    await lookFor(world, process, 2, { traffic: [2] });
    for (let commit = 0; commit < 8; commit++) await append(world, [0, 1, 2], { inline });
    await other.broker.sealer.seal(LEDGER);
    await lookFor(world, process, 1, { traffic: [2] });
    expect(process.replicas.health.failed()).toBe(0b100);
    return (await stateOf(world)).inSync;
  }

  it('show that a replica is reached', async () => {
    expect(await after(false)).toEqual([0, 1, 2]);
  });

  it('show nothing where they are inline', async () => {
    expect(await after(true)).toEqual([0, 1]);
  });
});

describe('a write whose answer was lost', () => {
  it.each(['applied', 'not applied'])('is settled by the head, where it was %s', async (fate) => {
    const { world, process } = await makeOne();
    world.buckets[0].down = true;
    process.metadata.onWrite = async (proceed) => {
      process.metadata.onWrite = undefined;
      if (fate === 'applied') await proceed();
      throw lost();
    };
    await fail(world, process, 0);
    await process.broker.keeper.look(LEDGER, RULES);
    expect(process.logged.filter(({ message }) => /could not be looked after/.test(message))).toEqual([]);
    expect(await stateOf(world)).toEqual({ leader: 1, inSync: [1, 2], joining: [], epoch: 1 });
  });
});

describe('storage that fails', () => {
  it('ends a look with a warning, and the next one does what is due', async () => {
    const { world, process } = await makeOne();
    world.buckets[2].down = true;
    process.metadata.onWrite = () => Promise.reject(throttled());
    await lookFor(world, process, 4, { traffic: [2] });
    expect(process.logged.at(-1)?.message).toBe('The replicas of a ledger could not be looked after');
    process.metadata.onWrite = undefined;
    await lookFor(world, process, 1);
    expect((await stateOf(world)).inSync).toEqual([0, 1]);
  });
});

describe('a replica that lags', () => {
  const behind = async (seconds: number, held: (second: number) => readonly number[]) => {
    const { world, process } = await makeOne();
    world.buckets[2].busy = true;
    for (let second = 0; second < seconds; second++) {
      const { head } = await append(world, held(second));
      process.broker.heads.update(LEDGER, head);
      await lookFor(world, process, 1);
    }
    return stateOf(world);
  };

  it('leaves once it has not held everything for longer than replica.lag.time.max.ms', async () => {
    const lacksAll = () => [0, 1];
    expect((await behind(30, lacksAll)).inSync).toEqual([0, 1, 2]);
    expect((await behind(33, lacksAll)).inSync).toEqual([0, 1]);
  });

  it('stays while it lacks only the newest', async () => {
    expect((await behind(40, () => [0, 1, 2])).inSync).toEqual([0, 1, 2]);
  });

  it('stays where it was not looked at for long, and others have brought it on meanwhile', async () => {
    const { world, process } = await makeOne();
    world.buckets[2].busy = true;
    await append(world, [0, 1]);
    await lookFor(world, process, 1);
    const other = makeProcess(world);
    await other.broker.heads.strong(LEDGER);
    other.broker.keeper.arrived(LEDGER, idOf((await headOf(world.metadata, LEDGER)).tail[0] as never), 2);
    await other.broker.keeper.settled();
    await append(world, [0, 1]);
    await world.clock.advance(40_000);
    await lookFor(world, process, 2);
    expect((await stateOf(world)).inSync).toEqual([0, 1, 2]);
  });
});
