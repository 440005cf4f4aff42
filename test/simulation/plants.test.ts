import { describe, expect, it } from 'vitest';
import { type PlantName, plants } from './plants.ts';
import { runHistories } from './runner.ts';

const HISTORIES = 1_000;

/**
 * Bugs that no early history shows begin at one that does. Which it is changes with what a history draws: where it no
 * longer shows the bug, the search goes on from there, which only takes longer. `npm run simulate -- --plant BUG` finds
 * the first one.
 */
const BEGIN_AT: Partial<Record<PlantName, number>> = {
  'group-members-read-late': 20663,
  'group-removal-unconditional': 2999,
  'group-cursor-of-any-epoch': 119,
  'trigger-release-blindly': 1147,
  'retire-forgets-producers': 3438,
  'merge-without-grace': 1390,
  'merge-resurrects-what-was-erased': 5022,
  'seal-count-ignored': 86,
  'cursor-of-older-set': 117,
  'sweep-without-fence': 21,
  'trigger-disabling-unnoticed': 179,
  'transaction-without-member': 399,
  'unclean-election-always': 37,
  'sequences-outlive-cut': 165,
};

describe('the simulation', () => {
  it.each(Object.keys(plants) as PlantName[])('catches a program that has the planted bug %s', async (plant) => {
    const firstSeed = BEGIN_AT[plant] ?? 1;
    const summary = await runHistories({ histories: HISTORIES, firstSeed, plant, stopAtFirst: true });
    expect(summary.failed.length, `${plant} within ${HISTORIES} histories from ${firstSeed} on`).toBe(1);
  });
});
