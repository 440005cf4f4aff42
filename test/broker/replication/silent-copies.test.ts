/** Copies to a replica that never answers, and what they keep from others. */
import { expect, it } from 'vitest';
import { coveredCommits, heldUpTo } from '../../../lib/coordination/replication/ledger-view.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import {
  append,
  LEDGER,
  makeProcess,
  makeReplicas,
  type ReplicaProcess,
  type ReplicaWorld,
  RULES,
  send,
  stateOf,
  viewOf,
} from '../../support/replica-world.ts';

/** Looks once a second for so long, and waits for nothing that a look begins. */
async function lookOn({ clock }: ReplicaWorld, { broker }: ReplicaProcess, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    void broker.keeper.look(LEDGER, RULES);
    await clock.advance(1_000);
  }
}

it('are given up after a while, so that other replicas have brought to them what they lack', async () => {
  const world = await makeReplicas();
  const process = makeProcess(world);
  for (let commit = 0; commit < 5; commit++) await append(world, [0, 1]);
  world.buckets[2].silent = true;
  void send(process, 2);
  await lookOn(world, process, 15);
  expect((await stateOf(world)).inSync).toEqual([0, 1]);
  await append(world, [0]);
  await process.broker.heads.strong(LEDGER);
  await lookOn(world, process, 60);
  const view = await viewOf(world);
  expect(heldUpTo(view, 1)).toBe(6);
  expect(coveredCommits(view)).toBe(6);
  expect((await stateOf(world)).inSync).toEqual([0, 1]);
});

it('end, so that who waits for the end of all work is not kept for ever', async () => {
  const world = await makeReplicas();
  const process = makeProcess(world);
  await append(world, [0, 1]);
  world.buckets[2].silent = true;
  await world.clock.advance(2_000);
  await process.broker.keeper.look(LEDGER, RULES);
  const tookMs = await world.clock.until(process.broker.keeper.settled());
  expect(tookMs).toBeLessThan(2 * replicationLimits.replicaCopyMsMax);
});
