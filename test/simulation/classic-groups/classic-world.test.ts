import { describe, expect, it } from 'vitest';
import { stateKey } from '../../../lib/coordination/groups/group-item.ts';
import { OFFSETS_PREFIX } from '../../../lib/coordination/groups/offsets-item.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { withoutConditions } from '../rewritten-stores.ts';
import { delegating, type SharedTable, type TableAccess } from '../stores.ts';
import { GROUP } from './classic-member.ts';
import { simulateClassicGroup } from './classic-world.ts';

const HISTORIES = 40;
const SEEDS = Array.from({ length: HISTORIES }, (_, at) => at + 1);

describe('a classic group under faults', () => {
  it(`keeps its guarantees in ${HISTORIES} histories`, async () => {
    const counts = new Map<string, number>();
    const add = (what: string, count: number) => counts.set(what, (counts.get(what) ?? 0) + count);
    for (const seed of SEEDS) {
      const result = await simulateClassicGroup({ seed });
      expect(result.violations, `seed ${seed}`).toEqual([]);
      for (const [what, count] of result.counts) add(what, count);
      add('commits', result.commits);
      add('generations', result.generations);
    }
    // A history in which nobody comes or goes, or nothing is committed, would show nothing.
    const least = {
      commits: 40,
      generations: 3,
      assigned: 5,
      rebalances: 1,
      left: 0.3,
      'members crashed': 0.3,
      'members frozen': 0.3,
      'servers crashed': 0.3,
      'servers frozen': 0.3,
      'answers lost': 1,
      'told UNKNOWN_MEMBER_ID': 0.3,
    };
    for (const [what, each] of Object.entries(least)) expect(counts.get(what), what).toBeGreaterThan(HISTORIES * each);
  });

  it('gives the same history for the same seed', async () => {
    expect(await simulateClassicGroup({ seed: 7 })).toEqual(await simulateClassicGroup({ seed: 7 }));
  });
});

describe('the watch', () => {
  it.each([
    { bug: 'commits that are not fenced', plant: unfencedCommits },
    { bug: 'steps of a round that overwrite others', plant: roundsUnconditional },
  ])('finds $bug', async ({ plant }) => {
    for (const seed of SEEDS) if ((await simulateClassicGroup({ seed, plant })).violations.length > 0) return;
    expect.fail('no history shows it');
  });
});

const isOffsets = ({ key }: Write) => key.sk.startsWith(OFFSETS_PREFIX);

function unfencedCommits(table: SharedTable): TableAccess {
  return {
    ...delegating(table),
    write: async (writes) => {
      const result = await table.write(writes);
      if (result.outcome === 'applied' || !writes.some(isOffsets)) return result;
      return table.write(writes.filter(isOffsets).map((write) => withoutConditions(write)));
    },
  };
}

/** Whoever was late overwrites what others have decided since. */
function roundsUnconditional(table: SharedTable): TableAccess {
  const isState = ({ kind, key }: Write) => kind === 'put' && key.sk === stateKey(GROUP).sk;
  return {
    ...delegating(table),
    write: (writes) => table.write(writes.map((write) => (isState(write) ? withoutConditions(write) : write))),
  };
}
