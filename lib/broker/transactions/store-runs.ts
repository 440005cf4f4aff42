/**
 * The records of a part: stored now, unsequenced until the transaction's commit, and what the part's item says of them.
 */
import type { TransactionPart } from '../../coordination/transactions/part-item.ts';
import { packCommit } from '../../log/ledger/commit.ts';
import type { Broker } from '../broker.ts';
import { placesOf, topicsOfLedgers } from './make-receipt.ts';
import type { PreparedRun } from './prepare.ts';
import { uploadRuns } from './upload.ts';

/** At most one run of each partition. */
export async function storeRuns(
  broker: Broker,
  runs: readonly PreparedRun[],
  deadlineMs: number,
): Promise<Pick<TransactionPart, 'commits' | 'places'>> {
  const leave = broker.committer.admit(runs.reduce((sum, { run }) => sum + run.bytes, 0));
  try {
    const upload = await uploadRuns(broker, runs, deadlineMs);
    // Should other replicas need the bytes at the commit, they are copied: another process may commit.
    upload.leave();
    const stored = upload.ledgers;
    const topics = topicsOfLedgers(runs, stored);
    const commits = stored.flatMap(({ ledger, head, commits: own }, index) =>
      own.map(({ commit }) => {
        return { ledger, topic: topics[index] as string, seen: head.sealed, packed: packCommit(commit) };
      }),
    );
    return { commits, places: placesOf(runs, stored) };
  } finally {
    leave();
  }
}
