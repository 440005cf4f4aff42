/**
 * Deletes the objects of flushes that hold records of ledgers from which a subject was erased, once nobody reads them
 * any more: all of their records are in segments, and have been for a grace, in whichever ledger.
 *
 * Pages that name them may stay, as the last ones of a ledger do. Nobody asks for the objects of merged pages.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, type ObjectId } from '../../kernel/ids.ts';
import { commitsObject, planSweepFence } from '../../log/ledger/append.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { pagesMergedForGrace } from '../../log/merged/marks.ts';
import type { Footer } from '../../log/segment/footer.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { Broker } from '../broker.ts';
import { deleteStored, type StoredObject } from '../lifecycle/delete-objects.ts';
import { lifecycleOf } from '../lifecycle/ledger-lifecycle.ts';
import { pagesFrom } from '../lifecycle/ledger-pieces.ts';
import { footerOf } from '../lifecycle/orphans.ts';

export interface ObjectsClearing {
  /** The names of the ledgers that the erasure is about. */
  erased: ReadonlySet<string>;
  /** Objects born by then are looked at, in any ledger: what was erased may share an object with others. */
  bornByMs: number;
}

export interface ObjectsCleared {
  deleted: number;
  /** Some must wait. */
  left: boolean;
  /** Some must wait until the ledger is merged. */
  unmerged: boolean;
  /** An object that cannot be understood. */
  unreadable?: string;
}

/** What one ledger's head and pages name. May be repeated. */
export async function clearObjects(
  broker: Broker,
  ledger: LedgerId,
  clearing: ObjectsClearing,
): Promise<ObjectsCleared> {
  const cleared: ObjectsCleared = { deleted: 0, left: false, unmerged: false };
  const view = await viewOf(broker, ledger);
  if (view === undefined) return cleared;
  const { head, settled } = view;
  const look = new Look(broker, { ledger, clearing, cleared });
  let pages = head.retired;
  for await (const page of pagesFrom(broker.metadata, ledger, { from: head.retired, to: head.sealed })) {
    if (page.sequence !== pages++) break;
    if (page.sequence < settled) await look.atSettled(page.commits);
    else await look.atOthers(page.commits, page.sequence < head.merged ? 'left' : 'unmerged');
  }
  // A page is retired meanwhile, or there are more of them than are looked at at once.
  if (pages < head.sealed) cleared.left = true;
  await look.atOthers(head.tail, 'unmerged');
  return cleared;
}

interface LedgerView {
  head: LedgerHead;
  /** Pages below have been merged for a grace: nobody asks for their objects. */
  settled: number;
}

/** `undefined`: the topic is deleted. */
async function viewOf(broker: Broker, ledger: LedgerId): Promise<LedgerView | undefined> {
  // In this order: what the marks say of pages must not be newer than the head.
  const { marks } = await lifecycleOf(broker, ledger);
  const head = await broker.heads.strong(ledger);
  if (head === undefined) return undefined;
  const settled = Math.min(pagesMergedForGrace(marks, broker.clock.now()), head.merged);
  return { head, settled: Math.max(settled, head.retired) };
}

class Look {
  private readonly broker: Broker;
  private readonly ledger: LedgerId;
  private readonly clearing: ObjectsClearing;
  private readonly cleared: ObjectsCleared;
  private readonly isErased: boolean;

  constructor(
    broker: Broker,
    { ledger, clearing, cleared }: { ledger: LedgerId; clearing: ObjectsClearing; cleared: ObjectsCleared },
  ) {
    this.broker = broker;
    this.ledger = ledger;
    this.clearing = clearing;
    this.cleared = cleared;
    this.isErased = clearing.erased.has(ledgerName(ledger));
  }

  /** What readers of this ledger do not need any more. */
  async atSettled(commits: readonly Commit[]): Promise<void> {
    const doomed: StoredObject[] = [];
    for (const { tier, object } of await this.candidates(commits)) {
      const footer = await this.footerOf({ tier, object });
      if (footer === undefined) continue;
      if (await isNeeded(this.broker, footer)) this.cleared.left = true;
      else doomed.push({ tier, object });
    }
    this.cleared.deleted += await deleteStored(this.broker, doomed);
  }

  /** What they may still read. */
  async atOthers(commits: readonly Commit[], found: 'left' | 'unmerged'): Promise<void> {
    if (this.cleared[found]) return;
    for (const candidate of await this.candidates(commits)) {
      if (!this.isErased && (await this.footerOf(candidate)) === undefined) continue;
      this.cleared.left = true;
      this.cleared[found] = true;
      return;
    }
  }

  private async candidates(commits: readonly Commit[]): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    for (const entry of commits) {
      const opened = isBundle(entry) ? await this.broker.pages.bundle(this.ledger, entry) : [entry];
      for (const { tier, object, alone } of opened) {
        if (object.birthMs > this.clearing.bornByMs || (alone === true && !this.isErased)) continue;
        found.push({ tier, object });
      }
    }
    return found;
  }

  /** Of an object that is there and has records of an erased ledger. */
  private async footerOf({ tier, object }: StoredObject): Promise<Footer | undefined> {
    const name = objectName(tier, object);
    try {
      const footer = await footerOf(this.broker, name);
      return footer?.parts.some(({ ledger }) => this.clearing.erased.has(ledgerName(ledger))) ? footer : undefined;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.retriable) throw error;
      this.cleared.unreadable = name;
      this.cleared.left = true;
      return undefined;
    }
  }
}

/**
 * Whether readers of any of its ledgers may ask for it, or one may still get it: its writer may be frozen and wake up.
 * So, as for orphans (orphans.ts): look, close the ledgers to it, and look again.
 */
async function isNeeded(broker: Broker, { object, parts }: Footer): Promise<boolean> {
  const ledgers = [...new Map(parts.map(({ ledger }) => [ledgerName(ledger), ledger])).values()];
  for (const attempt of ['look', 'look again']) {
    let isOpen = false;
    for (const ledger of ledgers) {
      const view = await viewOf(broker, ledger);
      if (view === undefined) continue;
      if (await isHeld(broker, { ledger, object, ...view })) return true;
      isOpen ||= view.head.swept < object.birthMs;
    }
    if (!isOpen) return false;
    if (attempt === 'look again') break;
    for (const ledger of ledgers) await broker.metadata.write([planSweepFence(ledger, object.birthMs)]);
  }
  return true;
}

async function isHeld(
  broker: Broker,
  { ledger, object, head, settled }: LedgerView & { ledger: LedgerId; object: ObjectId },
): Promise<boolean> {
  const names = async (commits: readonly Commit[]) => {
    if (commitsObject(commits, object)) return true;
    for (const entry of commits) {
      if (isBundle(entry) && commitsObject(await broker.pages.bundle(ledger, entry), object)) return true;
    }
    return false;
  };
  if (await names(head.tail)) return true;
  for (let sequence = settled; sequence < head.sealed; sequence++) {
    if (await names((await broker.pages.get(ledger, sequence)).commits)) return true;
  }
  return false;
}
