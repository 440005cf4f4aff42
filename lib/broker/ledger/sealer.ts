/**
 * Carries out seals (see log/ledger/seal.ts), one at a time per ledger and process. A seal that fails is given up:
 * nothing depends on it until the tail is full, and the next multiple of the tail's length starts another.
 */
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { decodeHead, type LedgerHead } from '../../log/ledger/head.ts';
import { decodePage, type Page } from '../../log/ledger/page.ts';
import { pageOf, planPage, planTrim } from '../../log/ledger/seal.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { HeadCache } from './head-cache.ts';
import type { PageCache } from './page-cache.ts';
import { sealable } from './replicated.ts';

export class Sealer {
  private readonly metadata: MetadataStore;
  private readonly heads: HeadCache;
  private readonly pages: PageCache;
  private readonly log: BrokerLog;
  private readonly running = new Map<string, Promise<void>>();

  constructor(parts: { metadata: MetadataStore; heads: HeadCache; pages: PageCache; log: BrokerLog }) {
    this.metadata = parts.metadata;
    this.heads = parts.heads;
    this.pages = parts.pages;
    this.log = parts.log;
  }

  /**
   * Moves into a page what may be moved of the tail; resolves when that is done, was done by someone else, or failed
   * (which is logged).
   */
  seal(ledger: LedgerId): Promise<void> {
    const name = ledgerName(ledger);
    const running = this.running.get(name);
    if (running !== undefined) return running;
    const seal = this.attempt(ledger)
      .catch((error: unknown) => this.log.warn('A seal failed and is left to a later one', { ledger: name, error }))
      .finally(() => this.running.delete(name));
    this.running.set(name, seal);
    return seal;
  }

  /** Resolves when no seal is under way. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  private async attempt(ledger: LedgerId): Promise<void> {
    const head = await this.heads.known(ledger);
    const count = head === undefined ? 0 : sealable(head);
    if (head === undefined || count === 0) return;
    const stored = await this.storePage(ledger, head, count);
    const current = stored.commits.length > head.tail.length ? await this.heads.strong(ledger) : head;
    if (current === undefined || current.sealed !== stored.sequence) return;
    const trimmed = await this.metadata.write([planTrim(ledger, current, stored)]);
    if (trimmed.item !== undefined) this.heads.update(ledger, decodeHead(trimmed.item));
  }

  /** The page that the store has under the head's next number: the one made here, or the one that was there first. */
  private async storePage(ledger: LedgerId, head: LedgerHead, count: number): Promise<Page> {
    const previous = head.sealed === 0 ? undefined : await this.pages.get(ledger, head.sealed - 1);
    const page = pageOf(head, previous, count);
    const put = await this.metadata.write([planPage(ledger, page)]);
    const stored = put.outcome === 'refused' && put.item !== undefined ? decodePage(page.sequence, put.item) : page;
    this.pages.keep(ledger, stored);
    return stored;
  }
}
