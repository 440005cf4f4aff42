/**
 * Looks at replicated ledgers in the shared table itself, right after each write of it, and at what the buckets hold at
 * that moment. What must hold then, at every moment, whatever anyone has seen or been told:
 *
 * - the high watermark never goes down, and what is below it stays as it is;
 * - every replica in sync holds what is below the high watermark, and the leader all there is. What an election says
 *   may be lost counts as held.
 */

import { headView } from '../../lib/broker/ledger/replicated.ts';
import { decodeEpoch, EPOCHS_START } from '../../lib/coordination/replication/epoch-item.ts';
import { commitsEnd, coveredCommits, type HeadView } from '../../lib/coordination/replication/ledger-view.ts';
import {
  covers,
  maskOf,
  members,
  type ReplicaMask,
  without,
} from '../../lib/coordination/replication/replica-state.ts';
import { toHex } from '../../lib/kernel/bytes.ts';
import { type Commit, idOf } from '../../lib/log/ledger/commit.ts';
import { decodeHead, type LedgerHead, tailStart } from '../../lib/log/ledger/head.ts';
import { decodePage, pageKey } from '../../lib/log/ledger/page.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import type { History } from './history.ts';
import type { ReplicaBuckets } from './replica-buckets.ts';
import { REPLICAS } from './replica-buckets.ts';
import type { ElectionStep, Range } from './replication-history.ts';
import type { WrittenItem } from './table-watch.ts';

interface Entry {
  id: string;
  /** Absent where the bytes are in the table. */
  object?: string;
  runs: Range[];
  holders: ReplicaMask;
}

interface Watched {
  view: HeadView;
  /** Of all commits, in the order of their numbers. */
  log: Entry[];
  covered: number;
}

/** The part of a ledger that is in pages, and never changes. */
interface Paged {
  sealed: number;
  entries: Entry[];
  /** By slot, the next offset. */
  next: number[];
}

const BROKEN_MAX = 20;
const ALL = maskOf(REPLICAS);
const PAGE = pageKey({ topicId: '', index: 0 }, 0).sk.replace(/\d+$/, '');

export class ReplicaWatch {
  private readonly history: History;
  private readonly buckets: ReplicaBuckets;
  private readonly ledgers = new Map<string, Watched>();
  /** The commits of pages, by ledger and number of the page. */
  private readonly pages = new Map<string, readonly Commit[]>();
  private readonly paged = new Map<string, Paged>();
  private readonly lost = new Map<string, Range[]>();

  constructor(history: History, buckets: ReplicaBuckets) {
    this.history = history;
    this.buckets = buckets;
  }

  /** Notes what one write, of one or several items, has made of them. */
  note(written: readonly WrittenItem[]): void {
    const epochs = written.filter(({ key }) => key.sk.startsWith(EPOCHS_START));
    for (const { key, item } of written) {
      if (item === undefined) continue;
      const ledger = key.pk.slice('ledger#'.length);
      if (key.sk.startsWith(PAGE)) {
        const sequence = Number(key.sk.slice(PAGE.length));
        this.pages.set(`${ledger}/${sequence}`, decodePage(sequence, item).commits);
      } else if (key.sk === 'head') {
        const epoch = epochs.find((one) => one.key.pk === key.pk);
        this.noteHead(ledger, decodeHead(item), epoch);
      }
    }
  }

  /** The newest state of each replicated ledger. */
  views(): ReadonlyMap<string, HeadView> {
    return new Map([...this.ledgers].map(([ledger, { view }]) => [ledger, view]));
  }

  isRestored(): boolean {
    return this.unrestored().length === 0;
  }

  /** Says what is not as it was before all faults. */
  unrestored(): string[] {
    return [...this.ledgers].flatMap(([ledger, { view, log, covered }]) => {
      const { state } = view;
      const wrong: string[] = [];
      if (state.inSync !== maskOf(state.replicas)) wrong.push(`only ${members(state.inSync).join(', ')} are in sync`);
      if (state.leader !== state.replicas[0]) wrong.push(`${state.leader} leads, not ${state.replicas[0]}`);
      if (covered !== commitsEnd(view)) wrong.push(`${commitsEnd(view) - covered} commits are not visible`);
      for (const [number, entry] of log.entries()) {
        const missing = this.missingIn(ledger, entry, maskOf(state.replicas));
        if (missing !== 0) wrong.push(`commit ${number} is not in ${members(missing).join(', ')}`);
      }
      return wrong.slice(0, 3).map((what) => `${ledger}: ${what}`);
    });
  }

  /** What is stored and in no ledger. */
  orphans(): string[] {
    const objects = new Set([...this.ledgers.values()].flatMap(({ log }) => log.map(({ object }) => object)));
    return this.buckets
      .names()
      .flatMap((names, replica) =>
        [...names]
          .filter((name) => /^segments\/\d/.test(name) && !objects.has(name))
          .map((name) => `${name} in r${replica}`),
      );
  }

  private noteHead(ledger: string, head: LedgerHead, epoch: WrittenItem | undefined): void {
    const view = headView(head);
    if (view === undefined) return;
    const before = this.ledgers.get(ledger);
    const log = this.logOf(ledger, head);
    const covered = coveredCommits(view);
    this.ledgers.set(ledger, { view, log, covered });
    if (before !== undefined) {
      this.noteChange(ledger, before, { view, log, covered }, epoch);
      this.compare(ledger, before, { view, log, covered });
    }
    this.checkHolders(ledger, { view, log, covered }, before?.view.state.inSync !== view.state.inSync);
  }

  private logOf(ledger: string, head: LedgerHead): Entry[] {
    const paged = this.paged.get(ledger) ?? { sealed: 0, entries: [], next: head.next.map(() => 0) };
    this.paged.set(ledger, paged);
    for (; paged.sealed < head.sealed; paged.sealed++) {
      const page = this.pages.get(`${ledger}/${paged.sealed}`) ?? [];
      for (const commit of page) paged.entries.push(entryOf(ledger, commit, paged.next));
    }
    const wrong = paged.next.findIndex((next, slot) => next !== tailStart(head, slot));
    if (wrong >= 0) this.broken(`the tail of ${ledger} does not begin where its pages end`);
    const next = [...paged.next];
    return [...paged.entries, ...head.tail.map((commit) => entryOf(ledger, commit, next))];
  }

  private noteChange(ledger: string, before: Watched, now: Watched, epoch: WrittenItem | undefined): void {
    const { counts } = this.history.replication;
    const [{ state: from }, { state: to }] = [before.view, now.view];
    if (now.view.epoch !== before.view.epoch) {
      this.noteElection(ledger, before, now, epoch);
    } else if (now.view.isrVersion !== before.view.isrVersion) {
      if (without(from.inSync | from.joining, to.inSync | to.joining) !== 0) counts.leaves++;
      else if (to.inSync !== from.inSync) counts.joins++;
      else counts.joining++;
    } else if (now.log.length > before.log.length) {
      this.noteAppends(before, now);
    } else if (now.view.cursors.some((cursor, replica) => cursor !== before.view.cursors[replica])) {
      counts.cursors++;
    }
  }

  private noteAppends(before: Watched, { log, view }: Watched): void {
    for (const { runs, holders } of log.slice(before.log.length)) {
      this.history.replication.appends.push({ runs, holders, inSync: view.state.inSync });
    }
  }

  private noteElection(ledger: string, before: Watched, now: Watched, epoch: WrittenItem | undefined): void {
    const decoded = epoch?.item === undefined ? undefined : decodeEpoch(now.view.epoch, epoch.item);
    if (decoded === undefined) return this.broken(`epoch ${now.view.epoch} of ${ledger} has no item`);
    const { state } = now.view;
    const isOldInSync = covers(state.inSync, maskOf([before.view.state.leader]));
    const kind: ElectionStep['kind'] = decoded.lost !== undefined ? 'unclean' : isOldInSync ? 'preferred' : 'clean';
    const cutOff = before.log.slice(now.log.length).flatMap(({ runs }) => runs);
    const lost = (decoded.lost ?? []).flatMap(({ from, to }, slot) => (from < to ? [{ ledger, slot, from, to }] : []));
    this.lost.set(ledger, [...(this.lost.get(ledger) ?? []), ...lost]);
    this.history.replication.elections.push({ ledger, epoch: now.view.epoch, kind, cutOff, lost });
    if (kind === 'unclean' && this.history.replication.uncleanAllowed.get(ledger) === false) {
      this.broken(`${state.leader} leads ${ledger} out of sync, which its topic does not allow`);
    }
  }

  private compare(ledger: string, before: Watched, now: Watched): void {
    if (now.covered < before.covered) {
      this.broken(`the high watermark of ${ledger} went from commit ${before.covered} down to ${now.covered}`);
    }
    const changed = before.log.slice(0, before.covered).findIndex(({ id }, number) => now.log[number]?.id !== id);
    if (changed >= 0) this.broken(`commit ${changed} of ${ledger} was below the high watermark and is another now`);
  }

  /** Of pages only where the set has changed: they were looked at when they were in the tail. */
  private checkHolders(ledger: string, { view, log, covered }: Watched, all: boolean): void {
    const { leader, inSync } = view.state;
    for (let number = all ? 0 : view.paged; number < log.length; number++) {
      const wanted = number < covered ? inSync : maskOf([leader]);
      const missing = this.missingIn(ledger, log[number] as Entry, wanted);
      if (missing === 0) continue;
      const who = number < covered ? 'in sync and below the high watermark' : 'the leader';
      this.broken(`commit ${number} of ${ledger} is not in replica ${members(missing).join(', ')}, which is ${who}`);
    }
  }

  private missingIn(ledger: string, { object, runs }: Entry, wanted: ReplicaMask): ReplicaMask {
    if (object === undefined) return 0;
    const missing = without(wanted, this.buckets.holdersOf(object));
    if (missing === 0) return 0;
    const lost = this.lost.get(ledger) ?? [];
    const isLost = runs.every(({ slot, from, to }) =>
      lost.some((range) => range.slot === slot && range.from <= from && to <= range.to),
    );
    return isLost ? 0 : missing;
  }

  private broken(what: string): void {
    const { broken } = this.history.replication;
    if (broken.length < BROKEN_MAX) broken.push(what);
  }
}

/** Counts `next` up. */
function entryOf(ledger: string, commit: Commit, next: number[]): Entry {
  const runs = commit.runs.map(({ slot, records }) => {
    const from = next[slot] as number;
    next[slot] = from + records;
    return { ledger, slot, from, to: from + records };
  });
  const id = toHex(idOf(commit));
  if (commit.tier === 'inline') return { id, runs, holders: ALL };
  return { id, object: objectName(commit.tier, commit.object), runs, holders: commit.replicated?.holders ?? 0 };
}
