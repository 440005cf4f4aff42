/**
 * Deletes what merging and compaction have left behind, ledger by ledger of all topics: pages that are merged, segments
 * below the log starts, and what was condemned. May overlap with itself and be interrupted anywhere.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { lifecycleKey } from '../../log/merged/lifecycle-item.ts';
import type { Broker } from '../broker.ts';
import { clearCondemned } from './clear-condemned.ts';
import { dropSegments } from './drop-segments.ts';
import { goRound, type LedgerTurn } from './ledger-rounds.ts';
import { retirePages } from './retire-pages.ts';

const PROGRESS: ItemKey = { pk: 'clearing', sk: 'progress' };

export interface ClearingReport {
  ledgers: number;
  pages: number;
  /** Below the log starts. */
  segments: number;
  objects: number;
  /** Condemned objects that readers may still be at. */
  waiting: number;
  /** Ledgers that storage failed for; they have their turn in the next round. */
  failed: number;
}

export async function clearLedgers(broker: Broker, { signal }: { signal?: AbortSignal } = {}): Promise<ClearingReport> {
  const report: ClearingReport = { ledgers: 0, pages: 0, segments: 0, objects: 0, waiting: 0, failed: 0 };
  await goRound(broker, {
    progress: PROGRESS,
    inFlightMax: retiringLimits.ledgersClearedInFlightMax,
    look: async (turn) => {
      await clear(broker, turn, { signal, report });
      return 'done';
    },
    ...(signal !== undefined && { signal }),
  });
  return report;
}

async function clear(
  broker: Broker,
  { topic, ledger }: LedgerTurn,
  { signal, report }: { signal: AbortSignal | undefined; report: ClearingReport },
): Promise<void> {
  report.ledgers++;
  try {
    // Of a ledger that was never merged there is nothing to clear.
    if ((await broker.metadata.get(lifecycleKey(ledger), 'eventual')) === undefined) return;
    // Until it is done: a busy ledger makes more pages from one round to the next than one step takes on.
    for (;;) {
      const { pages, objects } = await retirePages(broker, ledger);
      report.pages += pages;
      report.objects += objects;
      if (pages < retiringLimits.pagesRetiredPerStep || signal?.aborted === true) break;
    }
    report.segments += await dropSegments(broker, topic, ledger);
    const condemned = await clearCondemned(broker, ledger, signal);
    report.objects += condemned.objects;
    report.waiting += condemned.waiting;
  } catch (error) {
    // One ledger must not keep those behind it from their turn.
    if (!(error instanceof MillraceError)) throw error;
    report.failed++;
    broker.log.warn('A ledger could not be cleared; the next round looks again', { ...ledger, error });
  }
}
