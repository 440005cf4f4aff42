/**
 * Lets pages go that are merged, when everybody who may still read them has had a grace to look again.
 *
 * The head's `d` is raised first; from then on nobody reads what is below. What the pages name is deleted after, then
 * `r` of the lifecycle item says so, and then the pages go: what is between `r` and `d` is gone through again after a
 * crash.
 *
 * No page is deleted before `r` is above it, because a sealer that was frozen meanwhile may put it once more: perhaps
 * with commits that it found in the tail behind those of the first one, which are in pages that are needed.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type BundleEntry, bundleKey, decodeBundleItem, isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import { decodeHead, type LedgerHead, ledgerKey } from '../../log/ledger/head.ts';
import { decodePage, PAGES_START, type Page, pageKey, pageSortKey } from '../../log/ledger/page.ts';
import type { Lifecycle } from '../../log/merged/lifecycle-item.ts';
import { planRetire, planRetired, retirableTo } from '../../log/merged/retire.ts';
import { discard } from '../../log/topic/topic-writes.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { deleteObjects } from './delete-objects.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { settleProducers } from './settle-producers.ts';

export interface Retired {
  pages: number;
  objects: number;
}

/** As much as one step takes on; the next one goes on from there. */
export async function retirePages(broker: Broker, ledger: LedgerId): Promise<Retired> {
  const lifecycle = await lifecycleOf(broker, ledger);
  const head = await broker.heads.strong(ledger);
  if (head === undefined) return { pages: 0, objects: 0 };
  const retired = await retire(broker, ledger, head, lifecycle);
  const cleared = await clear(broker, { ledger, lifecycle, to: retired });
  await deletePages(broker, ledger, await deletedOf(broker, ledger));
  return cleared;
}

/** Answers below which page pages are retired now. */
async function retire(broker: Broker, ledger: LedgerId, head: LedgerHead, lifecycle: Lifecycle): Promise<number> {
  const most = head.retired + retiringLimits.pagesRetiredPerStep;
  const to = Math.min(most, retirableTo(head, lifecycle, broker.clock.now()));
  if (to <= head.retired) return head.retired;
  const pages = await readPages(broker, ledger, head.retired, to);
  await settleProducers(broker, ledger, pages);
  const written = await broker.metadata.write([planRetire(ledger, head, to)]);
  const current = written.item && broker.heads.update(ledger, decodeHead(written.item));
  return current?.retired ?? head.retired;
}

async function clear(
  broker: Broker,
  { ledger, lifecycle, to }: { ledger: LedgerId; lifecycle: Lifecycle; to: number },
): Promise<Retired> {
  const end = Math.min(to, lifecycle.deleted + retiringLimits.pagesRetiredPerStep);
  if (end <= lifecycle.deleted) return { pages: 0, objects: 0 };
  const pages = await readPages(broker, ledger, lifecycle.deleted, end);
  // Else they may be other ones than those that were sealed.
  if ((await deletedOf(broker, ledger)) !== lifecycle.deleted) return { pages: 0, objects: 0 };
  const entries = pages.flatMap(({ commits }) => commits.filter(isBundle));
  const bundled: Commit[] = [];
  for (const entry of entries) bundled.push(...(await commitsOfBundle(broker, ledger, entry)));
  const objects = await deleteObjects(broker, [...pages.flatMap(({ commits }) => commits), ...bundled]);
  // Bundles before the pages that name them, and all of them after what they name.
  for (const entry of entries) {
    for (let number = 0; number < entry.bundle; number++) {
      await writeRepeatedly(broker.metadata, [discard(bundleKey(ledger, entry, number))]);
    }
  }
  await broker.metadata.write([planRetired(ledger, lifecycle, end)]);
  return { pages: pages.length, objects };
}

/** Pages that nothing depends on any more, also what was put late. */
async function deletePages({ metadata }: Broker, ledger: LedgerId, end: number): Promise<void> {
  if (end === 0) return;
  for (let from: string | undefined = PAGES_START; from !== undefined; ) {
    const query = { pk: ledgerKey(ledger), from, to: pageSortKey(end), limit: retiringLimits.pagesRetiredPerStep };
    const page: QueryPage = await metadata.query({ ...query, consistency: 'eventual' });
    await mapBounded(page.items, storageLimits.storageFanOutMax, ({ key }) =>
      writeRepeatedly(metadata, [discard(key)]),
    );
    from = page.next;
  }
}

async function deletedOf(broker: Broker, ledger: LedgerId): Promise<number> {
  return (await lifecycleOf(broker, ledger)).deleted;
}

/** Those that are there. */
async function readPages(broker: Broker, ledger: LedgerId, from: number, to: number): Promise<Page[]> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  const found = await mapBounded(numbers, storageLimits.storageFanOutMax, async (sequence) => {
    const item = await broker.metadata.get(pageKey(ledger, sequence), 'strong');
    return item && decodePage(sequence, item);
  });
  return found.filter((page) => page !== undefined);
}

/** Of those of its items that are there. */
async function commitsOfBundle(broker: Broker, ledger: LedgerId, entry: BundleEntry): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (let number = 0; number < entry.bundle; number++) {
    const item = await broker.metadata.get(bundleKey(ledger, entry, number), 'strong');
    if (item !== undefined) commits.push(...decodeBundleItem(item));
  }
  return commits;
}
