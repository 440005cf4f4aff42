/**
 * Bundles that no entry of their ledger names: a process wrote one, and died before it appended the entry, or before it
 * deleted what it could append no more. Their entry can be appended for as long as the ledger accepts the age of its
 * oldest commit, so they are deleted as orphans are (orphans.ts): behind the fence.
 */
import { toHex } from '../../kernel/bytes.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { planSweepFence } from '../../log/ledger/append.ts';
import { bundleIdIn, decodeBundleItem, isBundle } from '../../log/ledger/bundle.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import { decodeHead, type LedgerHead } from '../../log/ledger/head.ts';
import { discard } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';

/**
 * Those of the items of bundles whose entry is neither in the tail nor in a page that is not gone. One look at the
 * ledger for all of them; none are of a ledger that is gone, or whose pages are being cleared up, with their bundles.
 */
export async function strayBundlesAmong(
  broker: Broker,
  ledger: LedgerId,
  items: readonly ItemKey[],
): Promise<ItemKey[]> {
  const head = await broker.heads.strong(ledger);
  return head === undefined ? [] : unnamedAmong(broker, { ledger, head }, items);
}

/** Answers how many were deleted. */
export async function deleteStrayBundles(broker: Broker, ledger: LedgerId, items: readonly ItemKey[]): Promise<number> {
  const birthMs = await newestBirth(broker, items);
  if (birthMs === undefined) return 0;
  const { item } = await broker.metadata.write([planSweepFence(ledger, birthMs)]);
  if (item === undefined) return 0;
  const head = broker.heads.update(ledger, decodeHead(item));
  const stray = await unnamedAmong(broker, { ledger, head }, items);
  for (const key of stray) await writeRepeatedly(broker.metadata, [discard(key)]);
  return stray.length;
}

/** When the oldest commit of an item was born. The entry was born no later than any of its items. */
export function bundleBirth(attributes: Attributes): number {
  return Math.min(...decodeBundleItem(attributes).map(({ object }) => object.birthMs));
}

/** Of those that are there. */
async function newestBirth({ metadata }: Broker, items: readonly ItemKey[]): Promise<number | undefined> {
  const births: number[] = [];
  for (const item of items) {
    const attributes = await metadata.get(item, 'strong');
    if (attributes !== undefined) births.push(bundleBirth(attributes));
  }
  return births.length === 0 ? undefined : Math.max(...births);
}

async function unnamedAmong(
  broker: Broker,
  { ledger, head }: { ledger: LedgerId; head: LedgerHead },
  items: readonly ItemKey[],
): Promise<ItemKey[]> {
  const { deleted } = await lifecycleOf(broker, ledger);
  if (deleted < head.retired) return [];
  const named = new Set<string>();
  const note = (commits: readonly Commit[]) => {
    for (const commit of commits) if (isBundle(commit)) named.add(toHex(idOf(commit)));
  };
  note(head.tail);
  for await (const { commits } of broker.pages.walk(ledger, { from: head.retired, to: head.sealed })) note(commits);
  return items.filter(({ sk }) => !named.has(bundleIdIn(sk)));
}
