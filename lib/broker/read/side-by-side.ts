/**
 * Which partitions of a ledger this process is asked for side by side, where they are read in history: a consumer of
 * several partitions comes to the same commits in each of them, a moment apart. What the first one brings for the
 * others they need not ask for.
 */
import type { Clock } from '../../kernel/clock.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { LruMap } from '../../kernel/lru-map.ts';

/** A partition that is being read, and how far that has come. */
export interface Neighbour {
  slot: number;
  /** When the object of the last commit was born that was read for it. */
  bornMs: number;
}

interface Reader extends Neighbour {
  /** By the monotonic clock. */
  readAtMs: number;
}

export class SideBySide {
  private readonly clock: Clock;
  private readonly ledgers = new LruMap<string, Map<number, Reader>>(cacheLimits.ledgersReadEntries);

  constructor({ clock }: { clock: Clock }) {
    this.clock = clock;
  }

  /**
   * Says that the slot is read up to a commit of that birth, from one of the other; the slots that are read too, and
   * not further than a moment of the log behind it.
   */
  read(ledger: LedgerId, slot: number, { fromMs, toMs }: { fromMs: number; toMs: number }): readonly Neighbour[] {
    const name = ledgerName(ledger);
    const nowMs = this.clock.monotonic();
    const readers = this.ledgers.get(name) ?? new Map<number, Reader>();
    const beside = [...readers.values()].filter(
      (other) =>
        other.slot !== slot &&
        nowMs - other.readAtMs <= cacheLimits.sideBySideMs &&
        Math.abs(fromMs - other.bornMs) <= cacheLimits.sideBySideMs,
    );
    readers.set(slot, { slot, bornMs: toMs, readAtMs: nowMs });
    this.ledgers.set(name, readers);
    return beside;
  }
}
