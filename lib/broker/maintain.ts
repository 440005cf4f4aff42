/**
 * What is to be done now and then, whoever calls: the local server does it every ten minutes, and in a stack on AWS a
 * function that a schedule wakes. Each chore goes on from where it last ended, in whichever process, and ends early
 * when told to; it may overlap with itself and be cut off anywhere.
 *
 * Deliberately not among them: the replicas of ledgers, which are looked after far more often (replication/keeper.ts).
 */
import type { TableScan } from '../storage/metadata/port.ts';
import type { Broker } from './broker.ts';
import { checkOnward } from './check/check-onward.ts';
import { carryOutErasures } from './erasures/carry-out-erasures.ts';
import { tidyGroups } from './groups/tidy-groups.ts';
import { archiveTopics } from './lifecycle/archive-topics.ts';
import { clearLedgers } from './lifecycle/clear-ledgers.ts';
import { compactTopics } from './lifecycle/compact-topics.ts';
import { finishDeletions } from './lifecycle/finish-deletions.ts';
import { mergeLedgers } from './lifecycle/merge-ledgers.ts';
import { retainTopics } from './lifecycle/retain-topics.ts';
import { sweepOnward } from './sweep/sweep-onward.ts';

export interface MaintenanceRequest {
  /** How long offsets of a group without members are kept (Kafka: `offsets.retention.minutes`). Default 7 days. */
  offsetsRetentionMs?: number;
  /** For the consistency check, which is left out without it. */
  table?: TableScan;
  /** Nothing but what must keep up with what is written. */
  only?: 'merging' | undefined;
  /** Ends it early: what is left is the next one's. */
  signal?: AbortSignal;
}

interface Chore {
  name: string;
  /** What it came to, by count. */
  run: (broker: Broker, request: MaintenanceRequest) => Promise<Record<string, number>>;
}

const MERGING: Chore = {
  name: 'merging of small objects',
  run: async (broker, { signal }) => {
    const report = await mergeLedgers(broker, { ...(signal !== undefined && { signal }) });
    const { bytes, remergedBytes, waitingBytes: backlogBytes, waitingMs: backlogAge, blocked } = report;
    broker.meter.maintained({ mergedBytes: bytes + remergedBytes, backlogBytes, backlogAge, blocked });
    return { ...report };
  },
};

const COMPACTION: Chore = {
  name: 'compaction of topics',
  run: async (broker, { signal }) => {
    const report = await compactTopics(broker, { ...(signal !== undefined && { signal }) });
    const { bytes: compactedBytes, dirtyBytes, dirtyPercent, blocked: compactionBlocked } = report;
    broker.meter.maintained({ compactedBytes, dirtyBytes, dirtyPercent, compactionBlocked });
    return { ...report };
  },
};

const CHORES: readonly Chore[] = [
  {
    name: 'tidying of groups',
    run: async (broker, { offsetsRetentionMs, signal }) => {
      const { groups, instances, items, dead, failed } = await tidyGroups(broker, {
        ...(offsetsRetentionMs !== undefined && { retentionMs: offsetsRetentionMs }),
        ...(signal !== undefined && { signal }),
      });
      return { groups, instances, items, dead, failed };
    },
  },
  {
    name: 'deletion of topics',
    run: async (broker, { signal }) => ({
      ...(await finishDeletions(broker, { ...(signal !== undefined && { signal }) })),
    }),
  },
  {
    name: 'retention of topics',
    run: async (broker, { signal }) => ({
      ...(await retainTopics(broker, { ...(signal !== undefined && { signal }) })),
    }),
  },
  MERGING,
  COMPACTION,
  {
    name: 'archiving of old segments',
    run: async (broker, { signal }) => ({
      ...(await archiveTopics(broker, { ...(signal !== undefined && { signal }) })),
    }),
  },
  {
    name: 'clearing of merged pages',
    run: async (broker, { signal }) => {
      const report = await clearLedgers(broker, { ...(signal !== undefined && { signal }) });
      const { pages: retiredPages, objects: clearedObjects, waiting: condemnedObjects } = report;
      broker.meter.maintained({ retiredPages, clearedObjects, condemnedObjects });
      return { ...report };
    },
  },
  {
    name: 'erasure of subjects',
    run: async (broker, { signal }) => {
      const report = await carryOutErasures(broker, { ...(signal !== undefined && { signal }) });
      broker.meter.maintained({ erasuresOpen: report.erasures - report.finished });
      return { ...report };
    },
  },
  {
    name: 'sweep of orphan objects',
    run: async (broker, { signal }) => {
      const { examined, deleted, unreadable } = await sweepOnward(broker, signal);
      broker.meter.maintained({ sweptObjects: deleted });
      return { examined, deleted, unreadable };
    },
  },
];

function checkOf(table: TableScan): Chore {
  return {
    name: 'check of what is stored',
    run: async (broker, { signal }) => ({ ...(await checkOnward(broker, table, signal)) }),
  };
}

function choresOf({ only, table }: MaintenanceRequest): readonly Chore[] {
  if (only === 'merging') return [MERGING];
  return table === undefined ? CHORES : [...CHORES, checkOf(table)];
}

/**
 * Does them at the same time, so that none waits for the time that another takes: one that would take all of it is
 * ended by the signal like the others. The names of those that failed.
 */
export async function maintain(broker: Broker, request: MaintenanceRequest = {}): Promise<string[]> {
  const failed: string[] = [];
  await Promise.all(
    choresOf(request).map(async ({ name, run }) => {
      try {
        broker.log.info(`The ${name} has ended`, await run(broker, request));
      } catch (error) {
        // The next one begins where the last complete one ended.
        broker.log.warn(`The ${name} has failed`, { error });
        failed.push(name);
      }
    }),
  );
  return failed;
}
