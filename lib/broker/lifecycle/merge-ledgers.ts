/**
 * Merging of all topics, ledger by ledger: pages into segments (merge-pages.ts), then small segments into larger ones
 * (merge-segments.ts).
 *
 * Ledgers are looked at a few at a time, which costs one read where nothing waits. Those that are due are merged one
 * after the other, so that a process needs memory for one; each gives way after some steps. While there is more that is
 * due, another round begins.
 */

import { toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { ledgerCount, partitionsIn } from '../../log/topic/topic.ts';
import { KeptObjects } from '../../storage/objects/kept-objects.ts';
import type { Broker } from '../broker.ts';
import { withLease } from './ledger-lease.ts';
import { goRound, type LedgerTurn } from './ledger-rounds.ts';
import { duePages, type MergeBacklog, mergePages } from './merge-pages.ts';
import { mergeSegments } from './merge-segments.ts';
import { SharedSources } from './shared-sources.ts';

const PROGRESS: ItemKey = { pk: 'merging', sk: 'progress' };

export interface MergingReport {
  /** That were looked at. */
  ledgers: number;
  /** Pages that were merged, into so many segments with so many bytes. */
  pages: number;
  segments: number;
  bytes: number;
  /** Segments that were merged into larger ones, and their bytes. */
  remerged: number;
  remergedBytes: number;
  /** Steps that others were ahead of, or of which storage did not say what became of them. */
  refused: number;
  /** Ledgers of which something cannot be read, or a replica lags behind. */
  blocked: number;
  /** Ledgers that storage failed for; they have their turn in the next round. */
  failed: number;
  /**
   * What waits behind the ledgers' turns: pages, as many of their bytes as were looked at, and the age of the oldest.
   */
  waitingPages: number;
  waitingBytes: number;
  waitingMs: number;
}

export async function mergeLedgers(broker: Broker, { signal }: { signal?: AbortSignal } = {}): Promise<MergingReport> {
  const holder = toHex(broker.random.bytes(8));
  const kept = broker.spool && new KeptObjects(broker.spool);
  const merging = new Merging(broker, { holder, signal, shared: kept && new SharedSources(kept) });
  try {
    for (let round = 0; round < mergingLimits.mergeRoundsMax; round++) {
      merging.begin();
      const ended = await goRound(broker, {
        progress: PROGRESS,
        inFlightMax: mergingLimits.mergeLooksInFlightMax,
        look: (turn) => merging.look(turn),
        ...(signal !== undefined && { signal }),
      });
      if (!ended || !merging.isMoreDue) break;
    }
  } finally {
    await kept?.close();
  }
  return merging.report;
}

class Merging {
  readonly report: MergingReport = {
    ledgers: 0,
    pages: 0,
    segments: 0,
    bytes: 0,
    remerged: 0,
    remergedBytes: 0,
    refused: 0,
    blocked: 0,
    failed: 0,
    waitingPages: 0,
    waitingBytes: 0,
    waitingMs: 0,
  };
  /** Whether a ledger gave way with more to do. */
  isMoreDue = false;
  private readonly broker: Broker;
  private readonly holder: string;
  private readonly signal: AbortSignal | undefined;
  /** One ledger at a time is merged, so that one suffices. */
  private readonly shared: SharedSources | undefined;
  /** What comes before the next ledger that is due. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    broker: Broker,
    { holder, signal, shared }: { holder: string; signal: AbortSignal | undefined; shared: SharedSources | undefined },
  ) {
    this.broker = broker;
    this.holder = holder;
    this.signal = signal;
    this.shared = shared;
  }

  /** What waits is said of one round. */
  begin(): void {
    this.isMoreDue = false;
    Object.assign(this.report, { waitingPages: 0, waitingBytes: 0, waitingMs: 0 });
  }

  async look(turn: LedgerTurn): Promise<'done' | 'postponed'> {
    const { broker, report } = this;
    report.ledgers++;
    try {
      const { head, pages, left } = await duePages(broker, turn);
      const isDue = pages.length > 0 || (head !== undefined && mayHaveSmallSegments(head));
      if (!isDue) this.wait(left);
      return isDue ? await this.inTurn(turn) : 'done';
    } catch (error) {
      // One ledger must not keep those behind it from their turn.
      if (!(error instanceof MillraceError)) throw error;
      report.failed++;
      broker.log.warn('Merging of a ledger has failed; the next round looks again', {
        topic: turn.topic.name,
        ledger: turn.ledger.index,
        error,
      });
      return 'done';
    }
  }

  private async inTurn(turn: LedgerTurn): Promise<'done' | 'postponed'> {
    const { broker, holder, signal } = this;
    const { ledger } = turn;
    const before = this.last;
    const under = (async () => {
      await before;
      if (signal?.aborted === true) return 'postponed';
      await withLease(broker, { ledger, holder }, () => this.merge(turn));
      return 'done';
    })();
    this.last = under.catch(() => {}); // told by who waits for it
    return under;
  }

  private async merge(turn: LedgerTurn): Promise<void> {
    const { broker, report, signal } = this;
    const { partitions, ledgerPartitions } = turn.topic;
    // Of other topics it is not known whether they are merged now.
    const shared = ledgerCount(partitions, ledgerPartitions) > 1 ? this.shared : undefined;
    // A step that begins later may outlast the lease, and somebody else would do the same work.
    const lastMs = broker.clock.monotonic() + mergingLimits.lifecycleLeaseMs - mergingLimits.mergeStepMsMax;
    for (let steps = 1; ; steps++) {
      shared?.begin();
      const { outcome, pages, segments, bytes, left } = await mergePages(broker, { ...turn, shared, signal });
      report.pages += pages;
      report.segments += segments;
      report.bytes += bytes;
      if (outcome === 'refused' || outcome === 'unknown') report.refused++;
      if (outcome === 'blocked' || outcome === 'not-in-sync') report.blocked++;
      const hasTime = steps < mergingLimits.mergeStepsPerTurnMax && broker.clock.monotonic() <= lastMs;
      const hasTurn = hasTime && shared?.hasEnough() !== true;
      if (outcome === 'merged' && hasTurn) continue;
      this.isMoreDue ||= outcome === 'merged';
      this.wait(left);
      break;
    }
    for (const partition of partitionsIn(turn.topic, turn.ledger)) await this.mergeSmall(turn, partition);
  }

  private async mergeSmall(turn: LedgerTurn, partition: number): Promise<void> {
    const { broker, report, signal } = this;
    for (let steps = 0; steps < mergingLimits.mergeStepsPerTurnMax; steps++) {
      const { outcome, segments, bytes } = await mergeSegments(broker, { ...turn, partition, signal });
      if (outcome === 'refused' || outcome === 'unknown') report.refused++;
      if (outcome === 'blocked') report.blocked++;
      if (outcome !== 'merged') return;
      report.remerged += segments;
      report.remergedBytes += bytes;
    }
    this.isMoreDue = true;
  }

  private wait({ pages, bytes, oldestMs }: MergeBacklog): void {
    const { report, broker } = this;
    report.waitingPages += pages;
    report.waitingBytes += bytes;
    if (oldestMs !== undefined) report.waitingMs = Math.max(report.waitingMs, broker.clock.now() - oldestMs);
  }
}

/**
 * Segments come with pages, which are retired a grace after they were merged: until then it is looked for small ones.
 */
function mayHaveSmallSegments({ merged, sealed, retired }: LedgerHead): boolean {
  return retired < Math.min(merged, sealed - mergingLimits.pagesKept);
}
