/**
 * Goes through everything that table and bucket have once there is nothing left to do, by itself, and says what should
 * not be there, what is missing, and where segments, pages and tail do not follow each other.
 */
import { toHex } from '../../../lib/kernel/bytes.ts';
import type { Item } from '../../../lib/kernel/items.ts';
import { decodeBundleItem, isBundle, isBundleKey } from '../../../lib/log/ledger/bundle.ts';
import { type Commit, idOf } from '../../../lib/log/ledger/commit.ts';
import { decodeHead, isHead, type LedgerHead, tailStart } from '../../../lib/log/ledger/head.ts';
import { decodePage, isPageKey, type Page, pageEnd, pageSequence } from '../../../lib/log/ledger/page.ts';
import { isCondemnedKey } from '../../../lib/log/merged/condemned-item.ts';
import { decodeSegmentItem, parseSegmentKey, type SegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { DELETED_TOPICS } from '../../../lib/log/topic/deleted-topic-item.ts';
import type { Topic } from '../../../lib/log/topic/topic.ts';
import { decodeTopic } from '../../../lib/log/topic/topic-item.ts';
import type { MetadataStore, TableScan } from '../../../lib/storage/metadata/port.ts';
import { INLINE_PREFIX } from '../../../lib/storage/objects/inline-item.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';

export interface Stores {
  metadata: MetadataStore & TableScan;
  bucket: ObjectStore;
  /** Erasures were carried out. */
  hasErased: boolean;
}

export async function walkStores({ metadata, bucket, hasErased }: Stores): Promise<string[]> {
  const items = await everyItem(metadata);
  const inline = items.filter(({ key }) => key.pk.startsWith('inline#'));
  const stored = new Set(inline.map(({ key }) => `${INLINE_PREFIX}${key.pk.split('#')[1]}/${key.sk}`));
  for (const name of await everyObject(bucket)) stored.add(name);
  const topics = items
    .filter(({ key }) => key.pk.startsWith('topic#') && key.sk === 'config')
    .map(({ key, attributes }) => decodeTopic(key.pk.slice('topic#'.length), attributes));
  const walk = new Walk(items, { topics, hasErased });
  const unneeded = [...stored]
    .filter((name) => !walk.needed.has(name) && !walk.named.has(name))
    .map((name) => `${name} is needed by nothing`);
  const missing = [...walk.needed].filter((name) => !stored.has(name)).map((name) => `${name} is missing`);
  return [...walk.findings, ...unneeded, ...missing];
}

class Walk {
  readonly findings: string[] = [];
  /** Names of objects. */
  readonly needed = new Set<string>();
  /** Objects that are named where they may be gone: by pages that are merged and stay for their commits' sake. */
  readonly named = new Set<string>();
  private readonly byKey = new Map<string, Item[]>();
  private readonly hasErased: boolean;

  constructor(items: readonly Item[], { topics, hasErased }: { topics: readonly Topic[]; hasErased: boolean }) {
    this.hasErased = hasErased;
    for (const item of items) this.byKey.set(item.key.pk, [...(this.byKey.get(item.key.pk) ?? []), item]);
    for (const topic of topics) this.walkTopic(topic);
    const ids = new Set(topics.map(({ topicId }) => topicId));
    for (const { key } of items) {
      const [, id] = /^(?:ledger|partition)#([^#]+)#/.exec(key.pk) ?? [];
      const isForsaken = (id !== undefined && !ids.has(id)) || key.pk === DELETED_TOPICS;
      if (isForsaken) this.findings.push(`the item ${key.pk}/${key.sk} is of no topic`);
      if (isCondemnedKey(key)) this.findings.push(`the item ${key.pk}/${key.sk} is left`);
    }
  }

  private walkTopic(topic: Topic): void {
    for (let index = 0; index * topic.ledgerPartitions < topic.partitions; index++) {
      const items = this.byKey.get(`ledger#${topic.topicId}#${index}`) ?? [];
      const head = items.find(({ key }) => isHead(key));
      const name = `${topic.name} ledger ${index}`;
      if (head === undefined) {
        this.findings.push(`${name} has no head`);
        continue;
      }
      this.walkLedger(topic, index, { name, items, head: decodeHead(head.attributes) });
    }
  }

  private walkLedger(
    topic: Topic,
    index: number,
    { name, items, head }: { name: string; items: readonly Item[]; head: LedgerHead },
  ): void {
    const pages = items
      .filter(({ key }) => isPageKey(key))
      .map(({ key, attributes }) => decodePage(pageSequence(key), attributes))
      .sort((a, b) => a.sequence - b.sequence);
    const present = new Set(pages.map(({ sequence }) => sequence));
    for (let number = head.retired; number < head.sealed; number++) {
      if (!present.has(number))
        this.findings.push(`${name} misses page ${number} of ${head.retired} to ${head.sealed}`);
    }
    for (const { sequence } of pages) {
      if (sequence < head.retired) this.findings.push(`${name} has page ${sequence}, retired is ${head.retired}`);
    }
    // Erasures delete the objects of merged pages.
    const needs = pages.filter(({ sequence }) => sequence >= head.merged || !this.hasErased);
    this.note([...head.tail, ...needs.flatMap(({ commits }) => commits)], items, this.needed);
    const rest = pages.filter((page) => !needs.includes(page));
    this.note(
      rest.flatMap(({ commits }) => commits),
      items,
      this.named,
    );
    const first = index * topic.ledgerPartitions;
    for (let slot = 0; slot < topic.ledgerPartitions && first + slot < topic.partitions; slot++) {
      this.walkPartition(topic, first + slot, { head, pages, slot });
    }
  }

  private walkPartition(
    topic: Topic,
    partition: number,
    { head, pages, slot }: { head: LedgerHead; pages: readonly Page[]; slot: number },
  ): void {
    const name = `${topic.name} ${partition}`;
    const key = `partition#${topic.topicId}#${String(partition).padStart(5, '0')}`;
    const segments = (this.byKey.get(key) ?? [])
      .filter((item) => parseSegmentKey(item.key) !== undefined)
      .map(decodeSegmentItem)
      .sort((a, b) => a.base - b.base);
    for (const { object } of segments) this.needed.add(objectName('merged', object));
    const start = head.start[slot] as number;
    const unmerged = pages.filter(({ sequence }) => sequence >= head.merged);
    const mergedEnd = unmerged[0]?.bases[slot] ?? tailStart(head, slot);
    this.walkSegments(name, segments, { start, mergedEnd });
    for (const [index, page] of unmerged.entries()) {
      const next = unmerged[index + 1]?.bases[slot] ?? tailStart(head, slot);
      if (pageEnd(page, slot) !== next) this.findings.push(`${name}: page ${page.sequence} ends before ${next}`);
    }
  }

  private walkSegments(
    name: string,
    segments: readonly SegmentItem[],
    { start, mergedEnd }: { start: number; mergedEnd: number },
  ): void {
    for (const { end } of segments) {
      if (end <= start) this.findings.push(`${name}: a segment ends at ${end}, the log starts at ${start}`);
    }
    const needed = segments.filter(({ end }) => end > start);
    const [first] = needed;
    if (first === undefined) {
      if (start < mergedEnd) this.findings.push(`${name} has no segments from ${start} to ${mergedEnd}`);
      return;
    }
    if (first.base > start && start < mergedEnd)
      this.findings.push(`${name}: segments begin at ${first.base} after ${start}`);
    for (const [index, { end }] of needed.entries()) {
      const next = needed[index + 1]?.base ?? mergedEnd;
      if (end !== next) this.findings.push(`${name}: a segment ends at ${end}, and the next one begins at ${next}`);
    }
  }

  private note(commits: readonly Commit[], items: readonly Item[], names: Set<string>): void {
    // A bundle that no transaction committed stays as long as the ledger; its objects do not.
    const bundles = new Set(commits.filter(isBundle).map((entry) => toHex(idOf(entry))));
    const inBundles = items
      .filter(({ key }) => isBundleKey(key) && bundles.has(key.sk.split('#')[1] ?? ''))
      .flatMap(({ attributes }) => decodeBundleItem(attributes));
    for (const commit of [...commits, ...inBundles]) {
      if (!isBundle(commit)) names.add(objectName(commit.tier, commit.object));
    }
  }
}

async function everyItem(metadata: Stores['metadata']): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const page = await metadata.scanKeys(cursor);
    for (const key of page.keys) items.push({ key, attributes: (await metadata.get(key, 'strong')) ?? {} });
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}

async function everyObject(bucket: ObjectStore): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await bucket.list('', cursor);
    names.push(...page.objects.map(({ name }) => name));
    cursor = page.next;
  } while (cursor !== undefined);
  return names;
}
