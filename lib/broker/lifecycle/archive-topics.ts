/** Archiving for all topics that want it, ledger by ledger (archive-segments.ts). */
import { MillraceError } from '../../kernel/errors.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { archiveLimits } from '../../kernel/limits/archive.ts';
import { archiveRules } from '../../log/merged/archive-due.ts';
import type { Broker } from '../broker.ts';
import { type ArchivingReport, archiveSegments } from './archive-segments.ts';
import { goRound, type LedgerTurn } from './ledger-rounds.ts';

const PROGRESS: ItemKey = { pk: 'archiving', sk: 'progress' };

export interface ArchivingRound extends ArchivingReport {
  /** Those that were looked at. */
  ledgers: number;
  /** Ledgers that storage failed for; they have their turn in the next round. */
  failed: number;
}

export async function archiveTopics(
  broker: Broker,
  { signal }: { signal?: AbortSignal } = {},
): Promise<ArchivingRound> {
  const round: ArchivingRound = { ledgers: 0, segments: 0, bytes: 0, missing: 0, failed: 0 };
  await goRound(broker, {
    progress: PROGRESS,
    isOfInterest: ({ config }) => archiveRules(config) !== undefined,
    inFlightMax: archiveLimits.archivedLedgersInFlightMax,
    look: async (turn) => {
      await archive(broker, turn, { round, signal });
      return 'done';
    },
    ...(signal !== undefined && { signal }),
  });
  return round;
}

async function archive(
  broker: Broker,
  turn: LedgerTurn,
  { round, signal }: { round: ArchivingRound; signal: AbortSignal | undefined },
): Promise<void> {
  round.ledgers++;
  try {
    const { segments, bytes, missing } = await archiveSegments(broker, {
      ...turn,
      ...(signal !== undefined && { signal }),
    });
    round.segments += segments;
    round.bytes += bytes;
    round.missing += missing;
  } catch (error) {
    // One ledger must not keep those behind it from their turn.
    if (!(error instanceof MillraceError)) throw error;
    round.failed++;
    const { topic, ledger } = turn;
    broker.log.warn('Archiving of a ledger has failed; the next round looks again', {
      topic: topic.name,
      ledger: ledger.index,
      error,
    });
  }
}
