import { describe, expect, it } from 'vitest';
import { mapRuns, type Run, type RunContent } from '../../../lib/coordination/share-groups/share-partition.ts';
import {
  decodeSharePartition,
  encodeSharePartition,
  SHARE_PREFIX,
} from '../../../lib/coordination/share-groups/share-partition-item.ts';
import type { Attributes, ItemKey, Write } from '../../../lib/kernel/items.ts';
import { withoutConditions } from '../rewritten-stores.ts';
import { delegating, type SharedTable, type TableAccess } from '../stores.ts';
import { simulateShareGroup } from './share-world.ts';

const HISTORIES = 40;
const SEEDS = Array.from({ length: HISTORIES }, (_, at) => at + 1);

describe('a share group under faults', () => {
  it(`keeps its guarantees in ${HISTORIES} histories`, async () => {
    const counts = new Map<string, number>();
    const add = (what: string, count: number) => counts.set(what, (counts.get(what) ?? 0) + count);
    for (const seed of SEEDS) {
      const result = await simulateShareGroup({ seed });
      expect(result.violations, `seed ${seed}`).toEqual([]);
      for (const [what, count] of result.counts) add(what, count);
      add('records', result.records);
    }
    // A history in which nothing is delivered, or nothing goes wrong, would show nothing.
    const least = {
      records: 20,
      delivered: 25,
      'delivered again': 5,
      taken: 10,
      archived: 0.05,
      'refused INVALID_RECORD_STATE': 0.5,
      'members crashed': 0.3,
      'members frozen': 0.3,
      'servers crashed': 0.3,
      'servers frozen': 0.3,
      'answers lost': 1,
      'asked again': 1,
    };
    for (const [what, each] of Object.entries(least)) expect(counts.get(what), what).toBeGreaterThan(HISTORIES * each);
  });

  it('gives the same history for the same seed', async () => {
    expect(await simulateShareGroup({ seed: 7 })).toEqual(await simulateShareGroup({ seed: 7 }));
  });
});

describe('the watch', () => {
  it.each([
    { bug: 'writes that overwrite what others have decided since', plant: overwriting },
    { bug: 'refused writes that are taken for applied', plant: takenForApplied },
    { bug: 'locks that end too early', plant: locksEndEarly },
    { bug: 'deliveries that are not counted', plant: deliveriesForgotten },
    { bug: 'records that come back after they were accepted', plant: acceptedComeBack },
  ])('finds $bug', async ({ plant }) => {
    for (const seed of SEEDS) if ((await simulateShareGroup({ seed, plant })).violations.length > 0) return;
    expect.fail('no history shows it');
  });
});

function isShared({ key }: { key: ItemKey }): boolean {
  return key.sk.startsWith(SHARE_PREFIX);
}

function overwriting(table: SharedTable): TableAccess {
  return {
    ...delegating(table),
    write: (writes) => table.write(writes.map((write) => (isShared(write) ? withoutConditions(write) : write))),
  };
}

function takenForApplied(table: SharedTable): TableAccess {
  return {
    ...delegating(table),
    write: async (writes) => {
      const result = await table.write(writes);
      return result.outcome === 'refused' && writes.every(isShared) ? { outcome: 'applied' } : result;
    },
  };
}

/** Who reads the item finds locks that are nearly over. */
function locksEndEarly(table: SharedTable): TableAccess {
  const early = ({ lock, ...run }: Run): RunContent =>
    lock === undefined ? run : { ...run, lock: { ...lock, untilMs: lock.untilMs - 12_000 } };
  return {
    ...delegating(table),
    get: async (key, consistency) => {
      const item = await table.get(key, consistency);
      return item === undefined || !isShared({ key }) ? item : changed(item, early);
    },
  };
}

function deliveriesForgotten(table: SharedTable): TableAccess {
  return written(table, (run) => ({ ...run, deliveries: Math.min(run.deliveries, 1) }));
}

function acceptedComeBack(table: SharedTable): TableAccess {
  return written(table, (run) => (run.state === 'acknowledged' ? { state: 'available', deliveries: 1 } : run));
}

function written(table: SharedTable, change: (run: Run) => RunContent): TableAccess {
  const planted = (write: Write): Write =>
    write.kind === 'put' && isShared(write) ? { ...write, attributes: changed(write.attributes, change) } : write;
  return { ...delegating(table), write: (writes) => table.write(writes.map(planted)) };
}

function changed(item: Attributes, change: (run: Run) => RunContent): Attributes {
  const stored = decodeSharePartition(item);
  return encodeSharePartition({ ...stored, partition: mapRuns(stored.partition, change) });
}
