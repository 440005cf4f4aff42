/** Where the merged segments of a ledger end, and its pages that are not merged begin, or the tail. */
import type { LedgerId } from '../../kernel/ids.ts';
import { type LedgerHead, tailStart } from '../../log/ledger/head.ts';
import { decodePage, pageKey } from '../../log/ledger/page.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import { decoded } from './unreadable.ts';

/** By slot; unknown where the page that says it cannot be read. */
export async function mergedEnds(
  metadata: MetadataStore,
  ledger: LedgerId,
  head: LedgerHead,
): Promise<readonly number[] | undefined> {
  if (head.merged >= head.sealed) return head.next.map((_, slot) => tailStart(head, slot));
  const attributes = await metadata.get(pageKey(ledger, head.merged), 'strong');
  return attributes && decoded(() => decodePage(head.merged, attributes)).value?.bases;
}
