/** Retention of all topics, ledger by ledger (retain.ts). May overlap with itself: log starts only go up. */
import { MillraceError } from '../../kernel/errors.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { retentionLimits } from '../../kernel/limits/retention.ts';
import { retentionRules } from '../../log/retention/rules.ts';
import type { Broker } from '../broker.ts';
import { goRound, type LedgerTurn } from './ledger-rounds.ts';
import { retainLedger } from './retain.ts';

const PROGRESS: ItemKey = { pk: 'retention', sk: 'progress' };

export interface RetentionReport {
  /** Those that were looked at. */
  ledgers: number;
  /** Partitions whose log start was moved. */
  moved: number;
  /** Ledgers that storage failed for; they have their turn in the next round. */
  failed: number;
}

export async function retainTopics(
  broker: Broker,
  { signal }: { signal?: AbortSignal } = {},
): Promise<RetentionReport> {
  const report: RetentionReport = { ledgers: 0, moved: 0, failed: 0 };
  await goRound(broker, {
    progress: PROGRESS,
    isOfInterest: ({ config }) => retentionRules(config) !== undefined,
    inFlightMax: retentionLimits.retainedLedgersInFlightMax,
    look: async (turn) => {
      await retain(broker, turn, report);
      return 'done';
    },
    ...(signal !== undefined && { signal }),
  });
  return report;
}

async function retain(broker: Broker, { topic, ledger }: LedgerTurn, report: RetentionReport): Promise<void> {
  report.ledgers++;
  try {
    const moved = await retainLedger(broker, topic, ledger);
    report.moved += moved.length;
    if (moved.length > 0) broker.log.info('Old records are beyond the log starts now', { topic: topic.name, moved });
  } catch (error) {
    // One ledger must not keep those behind it from their turn.
    if (!(error instanceof MillraceError)) throw error;
    report.failed++;
    broker.log.warn('Retention of a ledger has failed; the next round looks again', {
      topic: topic.name,
      ledger: ledger.index,
      error,
    });
  }
}
