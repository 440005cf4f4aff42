/**
 * Storing what a transaction brings to a ledger in more commits than one append takes: as a bundle, before the commit.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import { OBJECT_RANDOM_BYTES } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type BundleEntry, bundleKey, bundleOf, isBundle, planBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import type { StoredLedger } from './intent.ts';
import { withoutEffect } from './upload.ts';

/** Whether so many commits of one transaction are appended to their ledger as a bundle. */
export function makesBundle(commits: readonly Commit[]): boolean {
  return commits.length > transactionLimits.commitsPerAppendMax;
}

/**
 * The entry for a bundle of these commits, whose items are stored. Fails only with `effect: none`: without an entry in
 * the ledger they are nothing.
 */
export async function storeBundle(broker: Broker, ledger: LedgerId, commits: readonly Commit[]): Promise<BundleEntry> {
  const bundle = bundleOf(commits, broker.random.bytes(OBJECT_RANDOM_BYTES));
  try {
    for (const write of planBundle(ledger, bundle)) await writeRepeatedly(broker.metadata, [write]);
  } catch (error) {
    throw withoutEffect(error);
  }
  return bundle.entry;
}

/** Deletes bundles that can be appended no more, in the background: they are litter, and nothing depends on it. */
export function discardBundles(broker: Broker, stored: readonly StoredLedger[]): void {
  const keys = stored.flatMap(({ ledger, commits }) =>
    commits.flatMap(({ commit }) => {
      if (!isBundle(commit)) return [];
      return Array.from({ length: commit.bundle }, (_, number) => bundleKey(ledger, commit, number));
    }),
  );
  if (keys.length === 0) return;
  const deletion = mapBounded(keys, storageLimits.storageFanOutMax, (key) =>
    broker.metadata.write([{ kind: 'delete', key }]),
  );
  const logged = (error: unknown) => broker.log.warn('Bundles that nothing refers to are left behind', { error });
  broker.background.add(deletion.then(() => {}, logged));
}
