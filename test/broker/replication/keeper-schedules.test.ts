/**
 * Several processes that look after one ledger while buckets go down and come back, for all or for one process, with
 * appends of any acks, seals and late arrivals in between. After every step what readers see must be in every replica
 * in sync, and must have stayed as it was; in the end every replica has everything.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitsEnd, coveredCommits } from '../../../lib/coordination/replication/ledger-view.ts';
import { has, members } from '../../../lib/coordination/replication/replica-state.ts';
import { toHex } from '../../../lib/kernel/bytes.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { type Commit, idOf } from '../../../lib/log/ledger/commit.ts';
import { decodePage, pageKey } from '../../../lib/log/ledger/page.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { headOf } from '../../support/broker.ts';
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

const replica = fc.constantFrom(0, 1, 2);
const who = fc.constantFrom(0, 1);

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ step: fc.constant('down' as const), replica }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('up' as const), replica }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('blind' as const), replica, who }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('seeing' as const), who }) },
  { weight: 5, arbitrary: fc.record({ step: fc.constant('all' as const), inline: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ step: fc.constant('leader' as const), late: fc.boolean(), who }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('seal' as const), who }) },
  {
    weight: 6,
    arbitrary: fc.record({ step: fc.constant('look' as const), who, seconds: fc.integer({ min: 1, max: 4 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Schedule {
  world: ReplicaWorld;
  processes: readonly ReplicaProcess[];
  /** The ids of what readers could see so far, in order. */
  visible: string[];
}

const isUp = ({ buckets }: ReplicaWorld, id: number) => !buckets[id as 0 | 1 | 2].down;

async function take({ world, processes }: Schedule, taken: Step): Promise<void> {
  const process = processes['who' in taken ? taken.who : 0] as ReplicaProcess;
  const view = await viewOf(world);
  const { state } = view;
  const hasRoom = view.tail.length < ledgerLimits.tailEntriesMax;
  switch (taken.step) {
    case 'down':
      world.buckets[taken.replica].down = true;
      return;
    case 'up':
      world.buckets[taken.replica].down = false;
      return;
    case 'blind':
      process.blind.add(taken.replica);
      return;
    case 'seeing':
      process.blind.clear();
      return;
    case 'all': {
      const holders = members(state.inSync | state.joining).filter((id) => isUp(world, id));
      const isHeld = members(state.inSync).every((id) => holders.includes(id));
      if (hasRoom && (taken.inline || isHeld)) await append(world, taken.inline ? [] : holders, taken);
      return;
    }
    case 'leader': {
      if (!hasRoom || !isUp(world, state.leader)) return;
      const others = members((state.inSync | state.joining) & ~(1 << state.leader)).filter((id) => isUp(world, id));
      const { commit, head } = await append(world, [state.leader], {
        at: taken.late ? [state.leader, ...others] : undefined,
      });
      process.broker.heads.update(LEDGER, head);
      if (taken.late) for (const id of others) process.broker.keeper.arrived(LEDGER, idOf(commit), id);
      await process.broker.keeper.settled();
      return;
    }
    case 'seal':
      await process.broker.heads.strong(LEDGER);
      await process.broker.sealer.seal(LEDGER);
      return;
    case 'look':
      for (let second = 0; second < taken.seconds; second++) await lookAll(world, [process], true);
  }
}

async function lookAll(world: ReplicaWorld, processes: readonly ReplicaProcess[], traffic: boolean): Promise<void> {
  for (const process of processes) {
    const { state } = await viewOf(world);
    if (traffic) for (const id of members(state.inSync | state.joining)) await send(process, id, 2);
    await process.broker.keeper.look(LEDGER, RULES);
    await process.broker.keeper.settled();
  }
  await world.clock.advance(replicationLimits.replicaLookMs);
}

/** Everything below the high watermark, oldest first. */
async function visibleCommits({ metadata }: ReplicaWorld): Promise<Commit[]> {
  const head = await headOf(metadata, LEDGER);
  const commits: Commit[] = [];
  for (let sequence = 0; sequence < head.sealed; sequence++) {
    const item = await metadata.get(pageKey(LEDGER, sequence), 'strong');
    commits.push(...decodePage(sequence, item ?? {}).commits);
  }
  return [...commits, ...head.tail].slice(0, coveredCommits(await viewOf({ metadata })));
}

async function check({ world, visible }: Schedule): Promise<void> {
  const commits = await visibleCommits(world);
  const ids = commits.map((commit) => toHex(idOf(commit)));
  expect(ids.slice(0, visible.length)).toEqual(visible);
  visible.splice(0, visible.length, ...ids);
  const { state } = await viewOf(world);
  for (const { tier, object } of commits.filter((commit) => commit.tier !== 'inline')) {
    for (const { store } of world.buckets.filter((_, id) => has(state.inSync, id))) {
      expect(await store.getTail(objectName(tier, object), 1)).toBeDefined();
    }
  }
}

describe('any schedule', () => {
  it('keeps what readers saw in every replica in sync, and ends with all replicas in sync', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const world = await makeReplicas();
        const processes = [makeProcess(world), makeProcess(world)];
        const schedule: Schedule = { world, processes, visible: [] };
        for (const one of steps) {
          await take(schedule, one);
          await check(schedule);
        }
        for (const bucket of world.buckets) bucket.down = false;
        for (const { blind } of processes) blind.clear();
        for (let second = 0; second < 40; second++) await lookAll(world, processes, false);
        await check(schedule);
        expect(await stateOf(world)).toMatchObject({ leader: 0, inSync: [0, 1, 2] });
        const view = await viewOf(world);
        expect(coveredCommits(view)).toBe(commitsEnd(view));
      }),
      { numRuns: 40 },
    );
  });
});
