/**
 * The process's copies of pages and bundles. They never change, so a copy is good for ever; a miss proves nothing and
 * is not kept.
 */
import { toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import type { Attributes } from '../../kernel/items.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { type BundleEntry, bundleKey, decodeBundleItem } from '../../log/ledger/bundle.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { decodePage, type Page, pageKey, pageSequence, pageSortKey } from '../../log/ledger/page.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';

export class PageCache {
  private readonly metadata: MetadataStore;
  private readonly pages = new LruMap<string, Page>(cacheLimits.pageCacheEntries);
  private readonly bundles = new LruMap<string, readonly Commit[]>(cacheLimits.bundleCacheCommits, {
    weigh: ({ length }) => length,
  });

  constructor({ metadata }: { metadata: MetadataStore }) {
    this.metadata = metadata;
  }

  /**
   * A page below the head's `sealed` count, which therefore exists; not finding it is a fault that a retry may heal.
   */
  async get(ledger: LedgerId, sequence: number): Promise<Page> {
    const name = `${ledgerName(ledger)}#${sequence}`;
    const known = this.pages.get(name);
    if (known !== undefined) return known;
    const key = pageKey(ledger, sequence);
    const item = (await this.metadata.get(key, 'eventual')) ?? (await this.metadata.get(key, 'strong'));
    if (item === undefined) {
      throw new MillraceError('KAFKA_STORAGE_ERROR', `Page ${sequence} of a ledger is not found; try again.`);
    }
    const page = decodePage(sequence, item);
    this.pages.set(name, page);
    return page;
  }

  /**
   * The pages from one on and before another, all of which exist. Those that are not known are found by queries: a page
   * found alone costs eight times as much.
   */
  async *walk(ledger: LedgerId, { from, to }: { from: number; to: number }): AsyncGenerator<Page> {
    let limit: number = cacheLimits.pagesWalkedFirst;
    let found = new Map<number, Attributes>();
    for (let sequence = from; sequence < to; sequence++) {
      let page = this.peek(ledger, sequence);
      if (page === undefined && !found.has(sequence)) {
        found = await this.query(ledger, { from: sequence, to, limit });
        limit = cacheLimits.pagesWalkedPerQuery;
      }
      const item = found.get(sequence);
      if (page === undefined && item !== undefined) {
        page = decodePage(sequence, item);
        this.keep(ledger, page);
      }
      // What such a query does not see yet is read by itself.
      yield page ?? (await this.get(ledger, sequence));
    }
  }

  /** The copy, if there is one. */
  peek(ledger: LedgerId, sequence: number): Page | undefined {
    return this.pages.get(`${ledgerName(ledger)}#${sequence}`);
  }

  /** Keeps a page that was just written or found. */
  keep(ledger: LedgerId, page: Page): void {
    this.pages.set(`${ledgerName(ledger)}#${page.sequence}`, page);
  }

  /** The commits of a bundle whose entry is in the ledger, in the order of their offsets. */
  async bundle(ledger: LedgerId, entry: BundleEntry): Promise<readonly Commit[]> {
    const name = `${ledgerName(ledger)}#${toHex(idOf(entry))}`;
    const known = this.bundles.get(name);
    if (known !== undefined) return known;
    const commits: Commit[] = [];
    for (let number = 0; number < entry.bundle; number++)
      commits.push(...(await this.bundleItem(ledger, entry, number)));
    this.bundles.set(name, commits);
    return commits;
  }

  /** Pages as they are stored, some of which may be missing; decoded when they are wanted, and not before. */
  private async query(
    ledger: LedgerId,
    { from, to, limit }: { from: number; to: number; limit: number },
  ): Promise<Map<number, Attributes>> {
    const span = { from: pageSortKey(from), to: pageSortKey(to), limit };
    const { items } = await this.metadata.query({ pk: ledgerKey(ledger), ...span, consistency: 'eventual' });
    return new Map(items.map(({ key, attributes }) => [pageSequence(key), attributes]));
  }

  private async bundleItem(ledger: LedgerId, entry: BundleEntry, number: number): Promise<Commit[]> {
    const key = bundleKey(ledger, entry, number);
    const item = (await this.metadata.get(key, 'eventual')) ?? (await this.metadata.get(key, 'strong'));
    if (item === undefined) {
      throw new MillraceError('KAFKA_STORAGE_ERROR', `The bundle ${key.sk} of a ledger is not found; try again.`);
    }
    return decodeBundleItem(item);
  }
}
