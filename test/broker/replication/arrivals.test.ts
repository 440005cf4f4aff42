import { describe, expect, it } from 'vitest';
import { coveredCommits } from '../../../lib/coordination/replication/ledger-view.ts';
import { idOf } from '../../../lib/log/ledger/commit.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { lost } from '../../support/broker.ts';
import {
  type Appended,
  append,
  LEDGER,
  makeProcess,
  makeReplicas,
  type ReplicaWorld,
  viewOf,
} from '../../support/replica-world.ts';

/** Commits that the leader alone holds by their own word, and a process that knows of them. */
async function makeGaps(count: number) {
  const world = await makeReplicas();
  const process = makeProcess(world);
  const commits: Appended[] = [];
  for (let commit = 0; commit < count; commit++) commits.push(await append(world, [0]));
  await process.broker.heads.strong(LEDGER);
  process.metadata.forget();
  const { keeper } = process.broker;
  const arrive = (number: number, ...replicas: number[]) => {
    const { commit } = commits[number] as Appended;
    for (const replica of replicas) keeper.arrived(LEDGER, idOf(commit), replica);
  };
  return { world, process, keeper, arrive };
}

const cursorsOf = async (world: ReplicaWorld) => (await viewOf(world)).cursors.slice(0, 3);

describe('late arrivals', () => {
  it('of many commits at several replicas are noted with one write, and nothing is read', async () => {
    const { world, process, keeper, arrive } = await makeGaps(10);
    for (let number = 0; number < 10; number++) arrive(number, 1, 2);
    await keeper.settled();
    expect(process.metadata.calls).toEqual(['write head']);
    expect(await cursorsOf(world)).toEqual([0, 10, 10]);
    expect(coveredCommits(await viewOf(world))).toBe(10);
  });

  it('are gathered while a write is under way', async () => {
    const { world, process, keeper, arrive } = await makeGaps(10);
    let writing = 0;
    process.metadata.onWrite = async (proceed) => {
      expect(++writing).toBe(1);
      const result = await proceed();
      for (let number = 1; number < 10; number++) arrive(number, 1, 2);
      writing--;
      process.metadata.onWrite = undefined;
      return result;
    };
    arrive(0, 1);
    await keeper.settled();
    expect(process.metadata.calls).toEqual(['write head', 'write head']);
    expect(await cursorsOf(world)).toEqual([0, 10, 0]);
  });

  it('above a gap are kept until it is closed', async () => {
    const { world, process, keeper, arrive } = await makeGaps(3);
    arrive(1, 1);
    arrive(2, 1);
    await keeper.settled();
    expect(process.metadata.calls).toEqual([]);
    arrive(0, 1);
    await keeper.settled();
    expect(await cursorsOf(world)).toEqual([0, 3, 0]);
  });

  it('of what is in the tail no more are forgotten', async () => {
    const { process, keeper } = await makeGaps(2);
    keeper.arrived(LEDGER, new Uint8Array(9).fill(9), 1);
    await keeper.settled();
    expect(process.metadata.calls).toEqual([]);
  });

  it('count after an election, which may have kept their commits', async () => {
    const { world, keeper, arrive } = await makeGaps(2);
    await world.metadata.write([{ kind: 'update', key: headKey(LEDGER), changes: { add: { e: 1, i: 1, v: 1 } } }]);
    arrive(0, 1);
    await keeper.settled();
    expect(await cursorsOf(world)).toEqual([0, 1, 0]);
  });

  it('that others have noted are not written again', async () => {
    const { world, process, keeper, arrive } = await makeGaps(4);
    const other = makeProcess(world);
    await other.broker.heads.strong(LEDGER);
    for (let number = 0; number < 4; number++) arrive(number, 1);
    await keeper.settled();
    const head = process.broker.heads.peek(LEDGER);
    for (const { id } of (await viewOf(world)).tail.slice(0, 2)) other.broker.keeper.arrived(LEDGER, id, 1);
    await other.broker.keeper.settled();
    expect(other.metadata.calls.filter((call) => call.startsWith('write'))).toEqual(['write head']);
    expect(await cursorsOf(world)).toEqual([0, 4, 0]);
    expect(other.broker.heads.peek(LEDGER)?.version).toBe(head?.version);
  });

  it('whose write fails are noted with the next ones', async () => {
    const { world, process, keeper, arrive } = await makeGaps(3);
    process.metadata.onWrite = () => Promise.reject(lost());
    arrive(0, 1);
    arrive(1, 1);
    await keeper.settled();
    expect(process.logged.map(({ message }) => message)).toEqual(['The place of a replica could not be noted']);
    process.metadata.onWrite = undefined;
    arrive(2, 1);
    await keeper.settled();
    expect(await cursorsOf(world)).toEqual([0, 3, 0]);
  });

  it('are noted also where the write failed during which they came', async () => {
    const { world, process, keeper, arrive } = await makeGaps(2);
    process.metadata.onWrite = () => {
      process.metadata.onWrite = undefined;
      arrive(1, 1);
      return Promise.reject(lost());
    };
    arrive(0, 1);
    await keeper.settled();
    expect(await cursorsOf(world)).toEqual([0, 2, 0]);
  });
});
