/**
 * A ledger's pieces from the table, for retention: its pages, and merged segments of its partitions, in either
 * direction.
 *
 * Pages are read by queries, because a page found alone costs eight times as much; and strongly, so that none is
 * missing.
 */
import type { LedgerId, TopicId } from '../../kernel/ids.ts';
import type { Item } from '../../kernel/items.ts';
import { retentionLimits } from '../../kernel/limits/retention.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { decodePage, PAGES_START, type Page, pageSortKey } from '../../log/ledger/page.ts';
import {
  decodeSegmentItem,
  partitionKey,
  SEGMENTS_START,
  type SegmentItem,
  segmentSortKey,
} from '../../log/merged/segment-item.ts';
import type { MetadataStore, QueryPage } from '../../storage/metadata/port.ts';

interface PageSpan {
  from: number;
  to: number;
}

/** The pages from one on and before another. */
export function pagesFrom(metadata: MetadataStore, ledger: LedgerId, span: PageSpan): AsyncGenerator<Page> {
  return pagesIn(metadata, ledger, { ...span, descending: false });
}

/** The same, the last one first. */
export function pagesBack(metadata: MetadataStore, ledger: LedgerId, span: PageSpan): AsyncGenerator<Page> {
  return pagesIn(metadata, ledger, { ...span, descending: true });
}

async function* pagesIn(
  metadata: MetadataStore,
  ledger: LedgerId,
  { from, to, descending }: PageSpan & { descending: boolean },
): AsyncGenerator<Page> {
  const span = {
    from: pageSortKey(from),
    to: pageSortKey(to),
    descending,
    itemsMax: retentionLimits.retentionPagesMax,
  };
  for await (const { key, attributes } of itemsOf(metadata, ledgerKey(ledger), span)) {
    yield decodePage(Number(key.sk.slice(PAGES_START.length)), attributes);
  }
}

interface PartitionPlace {
  topicId: TopicId;
  partition: number;
}

/** The segments from the one that covers the offset, or the first after it. */
export async function* segmentsFrom(
  metadata: MetadataStore,
  { topicId, partition }: PartitionPlace,
  offset: number,
): AsyncGenerator<SegmentItem> {
  const pk = partitionKey(topicId, partition);
  const upTo = segmentSortKey(offset + 1);
  const { items } = await metadata.query({ pk, to: upTo, descending: true, limit: 1, consistency: 'strong' });
  const from = items[0]?.key.sk ?? SEGMENTS_START;
  for await (const item of itemsOf(metadata, pk, { from, itemsMax: retentionLimits.retentionSegmentsMax })) {
    yield decodeSegmentItem(item);
  }
}

/** The segments that begin before the offset, the last one first. */
export async function* segmentsBack(
  metadata: MetadataStore,
  { topicId, partition }: PartitionPlace,
  offset: number,
): AsyncGenerator<SegmentItem> {
  const items = itemsOf(metadata, partitionKey(topicId, partition), {
    from: SEGMENTS_START,
    to: segmentSortKey(offset),
    descending: true,
    itemsMax: retentionLimits.retentionSegmentsMax,
  });
  for await (const item of items) yield decodeSegmentItem(item);
}

interface Walk {
  from: string;
  to?: string;
  descending?: boolean;
  itemsMax: number;
}

/** Begins with few: mostly the first one or two are all that is wanted. */
async function* itemsOf(metadata: MetadataStore, pk: string, { itemsMax, ...walk }: Walk): AsyncGenerator<Item> {
  let { from, to }: { from?: string; to?: string } = walk;
  let limit: number = retentionLimits.retentionFirstItems;
  for (let seen = 0; seen < itemsMax; ) {
    const page: QueryPage = await metadata.query({ ...walk, pk, from, to, limit, consistency: 'strong' });
    yield* page.items;
    if (page.next === undefined) return;
    if (walk.descending) to = page.next;
    else from = page.next;
    seen += page.items.length;
    limit = retentionLimits.retentionItemsPerQuery;
  }
}
