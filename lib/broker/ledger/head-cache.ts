/**
 * The process's views of ledger heads. A cached head is a true statement about the past: what it says is there is
 * there. What it does not say proves nothing, so bad news (out of range, nothing there, latest) is told from a strong
 * read only.
 *
 * What it says may have been deleted or erased since, and be in memory still: records are served by a `recent` one
 * only.
 */
import type { Clock } from '../../kernel/clock.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { decodeHead, headKey, type LedgerHead } from '../../log/ledger/head.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';

/** `undefined`: the ledger is gone. */
type Listener = (head: LedgerHead | undefined) => void;

interface Seen {
  head: LedgerHead;
  /** By the monotonic clock, when it was the newest for certain. */
  atMs: number;
}

interface Reads {
  current: Promise<LedgerHead | undefined>;
  /** Begins when `current` ends; shared by everyone who asked while `current` was under way. */
  following?: Promise<LedgerHead | undefined>;
}

export class HeadCache {
  private readonly metadata: MetadataStore;
  private readonly clock: Clock;
  private readonly heads = new LruMap<string, Seen>(cacheLimits.headCacheEntries);
  private readonly reads = new Map<string, Reads>();
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    this.metadata = metadata;
    this.clock = clock;
  }

  /** The newest head that this process has seen, of any age. */
  peek(ledger: LedgerId): LedgerHead | undefined {
    return this.heads.get(ledgerName(ledger))?.head;
  }

  /**
   * The newest head that this process has seen, where it was seen a short time ago: what it says is there may be
   * served. Every strong read and every write's answer renews it.
   */
  recent(ledger: LedgerId): LedgerHead | undefined {
    const seen = this.heads.get(ledgerName(ledger));
    if (seen === undefined || this.clock.monotonic() - seen.atMs > cacheLimits.headAgeMsMax) return undefined;
    return seen.head;
  }

  /** The newest known head; read where none is known. `undefined`: there is no such ledger. */
  async known(ledger: LedgerId): Promise<LedgerHead | undefined> {
    return this.peek(ledger) ?? (await this.strong(ledger));
  }

  /**
   * The head by a strongly consistent read that began after this call. Calls during a read share the one that follows
   * it, so a crowd costs two reads.
   */
  strong(ledger: LedgerId): Promise<LedgerHead | undefined> {
    const name = ledgerName(ledger);
    const under = this.reads.get(name);
    if (under === undefined) {
      const reads: Reads = { current: this.read(ledger) };
      this.reads.set(name, reads);
      return this.finishing(name, reads, reads.current);
    }
    under.following ??= this.after(under.current, ledger, name);
    return under.following;
  }

  /** Takes note of a head that a write returned. Keeps the newer of two. */
  update(ledger: LedgerId, head: LedgerHead): LedgerHead {
    return this.note(ledger, { head, atMs: this.clock.monotonic() });
  }

  /** Forgets a ledger that is gone. */
  drop(ledger: LedgerId): void {
    const name = ledgerName(ledger);
    this.heads.delete(name);
    this.tell(name, undefined);
  }

  /**
   * Calls `listener` with every newer head that this process sees, and when it sees that the ledger is gone, until the
   * returned function is called.
   */
  listen(ledger: LedgerId, listener: Listener): () => void {
    const name = ledgerName(ledger);
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(name) === listeners) this.listeners.delete(name);
    };
  }

  private note(ledger: LedgerId, seen: Seen): LedgerHead {
    const name = ledgerName(ledger);
    const known = this.heads.get(name);
    if (known !== undefined && known.head.version >= seen.head.version) {
      // An older one that arrives late says nothing of how long the newer one was true.
      if (known.head.version === seen.head.version) known.atMs = Math.max(known.atMs, seen.atMs);
      return known.head;
    }
    this.heads.set(name, seen);
    this.tell(name, seen.head);
    return seen.head;
  }

  private tell(name: string, head: LedgerHead | undefined): void {
    for (const listener of this.listeners.get(name) ?? []) listener(head);
  }

  private async read(ledger: LedgerId): Promise<LedgerHead | undefined> {
    const atMs = this.clock.monotonic();
    const item = await this.metadata.get(headKey(ledger), 'strong');
    if (item === undefined) {
      this.drop(ledger);
      return undefined;
    }
    return this.note(ledger, { head: decodeHead(item), atMs });
  }

  private async after(
    current: Promise<LedgerHead | undefined>,
    ledger: LedgerId,
    name: string,
  ): Promise<LedgerHead | undefined> {
    await current.catch(() => undefined); // its own callers hear of the failure
    const reads: Reads = { current: this.read(ledger) };
    this.reads.set(name, reads);
    return this.finishing(name, reads, reads.current);
  }

  private async finishing<T>(name: string, reads: Reads, read: Promise<T>): Promise<T> {
    try {
      return await read;
    } finally {
      if (this.reads.get(name) === reads && reads.following === undefined) this.reads.delete(name);
    }
  }
}
