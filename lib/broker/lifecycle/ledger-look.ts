/**
 * A look at one ledger for many objects: which of them it names, and that it never will name the others.
 *
 * Pages are gone through once, and what they name is struck out, so that memory does not grow with them. The second
 * look is at what the fence left behind: the answer to its write is the head as of then, and pages never change, so
 * only those sealed since the first look are new.
 */
import { toHex } from '../../kernel/bytes.ts';
import { type LedgerId, OBJECT_RANDOM_BYTES, type ObjectId } from '../../kernel/ids.ts';
import { planSweepFence } from '../../log/ledger/append.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import { decodeHead, type LedgerHead } from '../../log/ledger/head.ts';
import type { Broker } from '../broker.ts';

interface Wanted {
  birthMs: number;
  /** The ledger's pages that its writer had seen: the commit is in none of these. */
  seen: number;
}

export class LedgerLook {
  private readonly broker: Broker;
  private readonly ledger: LedgerId;
  /** Objects that some ledger names. */
  private readonly named: Set<string>;
  /** By what they are called in `named`. */
  private readonly wanted = new Map<string, Wanted>();
  /** What the first look has found; `undefined` before it, and of a ledger that is gone. */
  private first: { swept: number; sealed: number } | undefined;

  /** `named` is shared by looks at several ledgers: what one names need not be looked for in the others. */
  constructor(broker: Broker, { ledger, named }: { ledger: LedgerId; named: Set<string> }) {
    this.broker = broker;
    this.ledger = ledger;
    this.named = named;
  }

  want(object: ObjectId, seen: number): void {
    const name = nameOf(object);
    const known = this.wanted.get(name)?.seen ?? seen;
    this.wanted.set(name, { birthMs: object.birthMs, seen: Math.min(seen, known) });
  }

  /** Strikes out what the ledger names. One whose topic is deleted names nothing. */
  async look(): Promise<void> {
    this.forgetNamed();
    if (this.wanted.size === 0) return;
    const head = await this.broker.heads.strong(this.ledger);
    if (head === undefined) return;
    this.first = { swept: head.swept, sealed: head.sealed };
    const seen = [...this.wanted.values()].reduce((least, { seen }) => Math.min(least, seen), head.sealed);
    await this.strikeOut(head, seen);
  }

  /** After `look`: closes the ledger to what it does not name, and looks again, since it may have come meanwhile. */
  async lookBehindFence(): Promise<void> {
    this.forgetNamed();
    if (this.first === undefined || this.newest() <= this.first.swept) return;
    // The newest one's fence holds for all that are older.
    const { item } = await this.broker.metadata.write([planSweepFence(this.ledger, this.newest())]);
    if (item === undefined) return;
    await this.strikeOut(this.broker.heads.update(this.ledger, decodeHead(item)), this.first.sealed);
  }

  private forgetNamed(): void {
    for (const name of this.wanted.keys()) if (this.named.has(name)) this.wanted.delete(name);
  }

  /** The birth of the newest that is still looked for; before all time where none is. */
  private newest(): number {
    return [...this.wanted.values()].reduce(
      (newest, { birthMs }) => Math.max(newest, birthMs),
      Number.NEGATIVE_INFINITY,
    );
  }

  /**
   * What a head remembers is in the tail or in the pages of the last seals, which are never retired; of pages below
   * `retired` nobody needs anything.
   */
  private async strikeOut(head: LedgerHead, fromPage: number): Promise<void> {
    for (const id of head.recent) this.strike(id.subarray(0, OBJECT_RANDOM_BYTES));
    await this.strikeCommits(head.tail);
    const span = { from: Math.max(fromPage, head.retired), to: head.sealed };
    if (this.wanted.size === 0) return;
    for await (const { commits } of this.broker.pages.walk(this.ledger, span)) {
      await this.strikeCommits(commits);
      if (this.wanted.size === 0) return;
    }
  }

  private async strikeCommits(entries: readonly Commit[]): Promise<void> {
    for (const entry of entries) {
      // A bundle's birth is that of its oldest commit. Nothing else would name what it commits.
      if (isBundle(entry) && entry.object.birthMs <= this.newest()) {
        for (const { object } of await this.broker.pages.bundle(this.ledger, entry)) this.strike(object.random);
      }
      this.strike(entry.object.random);
    }
  }

  /**
   * Any part counts, not only that of the footer: a commit whose producers were refused goes on as others, under
   * numbers that the footer does not have.
   */
  private strike(random: Uint8Array): void {
    const name = toHex(random);
    if (this.wanted.delete(name)) this.named.add(name);
  }
}

/** As `commitsObject` tells objects apart. */
export function nameOf({ random }: ObjectId): string {
  return toHex(random);
}
