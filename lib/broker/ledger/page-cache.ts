/**
 * The process's copies of pages and bundles. They never change, so a copy is good for ever; a miss proves nothing and is
 * not kept.
 */
import { toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { type BundleEntry, bundleKey, decodeBundleItem } from '../../log/ledger/bundle.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import { decodePage, type Page, pageKey } from '../../log/ledger/page.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import { LruMap } from '../lru-map.ts';

export class PageCache {
  private readonly metadata: MetadataStore;
  private readonly pages = new LruMap<string, Page>(limits.pageCacheEntries);
  private readonly bundles = new LruMap<string, readonly Commit[]>(limits.bundleCacheEntries);

  constructor({ metadata }: { metadata: MetadataStore }) {
    this.metadata = metadata;
  }

  /** A page below the head's `sealed` count, which therefore exists; not finding it is a fault that a retry may heal. */
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

  private async bundleItem(ledger: LedgerId, entry: BundleEntry, number: number): Promise<Commit[]> {
    const key = bundleKey(ledger, entry, number);
    const item = (await this.metadata.get(key, 'eventual')) ?? (await this.metadata.get(key, 'strong'));
    if (item === undefined) {
      throw new MillraceError('KAFKA_STORAGE_ERROR', `The bundle ${key.sk} of a ledger is not found; try again.`);
    }
    return decodeBundleItem(item);
  }
}
