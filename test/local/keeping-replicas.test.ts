import { describe, expect, it } from 'vitest';
import { headView } from '../../lib/broker/ledger/replicated.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { members } from '../../lib/coordination/replication/replica-state.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import { replicationLimits } from '../../lib/kernel/limits/replication.ts';
import { keepReplicasUntil } from '../../lib/local/keeping-replicas.ts';
import { createLogger } from '../../lib/local/logger.ts';
import { headOf, throttled } from '../support/broker.ts';
import { makeProcess, makeReplicas, send } from '../support/replica-world.ts';

/** A local server's loop over a stack with a replicated topic of three ledgers and one with a single replica. */
async function makeLoop() {
  const world = await makeReplicas();
  const process = makeProcess(world);
  const { broker } = process;
  await createTopic(broker, { name: 'replicated', partitions: 40, replicationFactor: 3 });
  await createTopic(broker, { name: 'single', partitions: 1, replicationFactor: 1 });
  const { topicId } = await broker.topics.get('replicated');
  const ledgers: LedgerId[] = [0, 1, 2].map((index) => ({ topicId, index }));
  const lines: string[] = [];
  const stop = new AbortController();
  const ended = keepReplicasUntil(
    broker,
    stop.signal,
    createLogger(world.clock, (line) => lines.push(line)),
  );
  const inSync = async () => {
    const heads = await Promise.all(ledgers.map((ledger) => headOf(world.metadata, ledger)));
    return heads.map((head) => members(headView(head)?.state.inSync ?? 0));
  };
  const leaders = async () => {
    const heads = await Promise.all(ledgers.map((ledger) => headOf(world.metadata, ledger)));
    return heads.map((head) => headView(head)?.state.leader);
  };
  return { world, process, lines, stop, ended, inSync, leaders };
}

describe('a local server', () => {
  it('has a replica leave all ledgers, and join them again when it is back, without anyone writing', async () => {
    const { world, process, stop, ended, inSync, leaders } = await makeLoop();
    await world.clock.advance(1_000);
    const before = await leaders();
    expect(new Set(before).size).toBe(3);
    world.buckets[1].down = true;
    for (let second = 0; second < 4; second++) {
      await send(process, 1, 2);
      await world.clock.advance(1_000);
    }
    expect(await inSync()).toEqual([
      [0, 2],
      [0, 2],
      [0, 2],
    ]);
    world.buckets[1].down = false;
    await world.clock.advance(10_000);
    expect(await inSync()).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(await leaders()).toEqual(before);
    stop.abort();
    await ended;
  });

  it('reads no head of ledgers that are well, and sends nothing to a bucket', async () => {
    const { world, process, stop, ended } = await makeLoop();
    await world.clock.advance(2_000);
    process.metadata.forget();
    process.calls.length = 0;
    await world.clock.advance(60_000);
    expect(process.metadata.count('get head')).toBe(0);
    expect(process.metadata.count('write')).toBe(0);
    expect(process.metadata.calls.length).toBeLessThanOrEqual(60_000 / replicationLimits.replicaIdleLookMs);
    expect(process.calls).toEqual([]);
    stop.abort();
    await ended;
  });

  it('goes on after an outage of the table, which is told once', async () => {
    const { world, process, lines, stop, ended, inSync } = await makeLoop();
    await world.clock.advance(1_000);
    process.metadata.onGet = () => Promise.reject(throttled());
    await world.clock.advance(60_000);
    expect(lines.filter((line) => line.includes('could not be listed'))).toHaveLength(1);
    process.metadata.onGet = undefined;
    world.buckets[1].down = true;
    for (let second = 0; second < 15; second++) {
      await send(process, 1, 2);
      await world.clock.advance(1_000);
    }
    expect(await inSync()).toEqual([
      [0, 2],
      [0, 2],
      [0, 2],
    ]);
    stop.abort();
    await ended;
  });

  it('stops at once', async () => {
    const { world, stop, ended } = await makeLoop();
    await world.clock.advance(3_500);
    stop.abort();
    await ended;
    expect(world.clock.sleeping).toBe(0);
  });
});
