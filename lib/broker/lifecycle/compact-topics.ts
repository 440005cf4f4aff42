/**
 * Compaction of all topics that have `compact` in their `cleanup.policy`, ledger by ledger and one partition after the
 * other, so that a process needs memory for one pass (compact.ts). A partition that has more to do than one turn's time
 * gives way, and has its next turn after all others: in another round, while there is time, or in the next process. May
 * overlap with itself; the lease of a ledger, which merging takes as well, keeps two from doing the same in vain.
 */
import { toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { compactionLimits } from '../../kernel/limits/compaction.ts';
import { ledgerOf, partitionsIn } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { type Compaction, compactionPlan, compactPartition } from './compact.ts';
import { withLease } from './ledger-lease.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { goRound, type LedgerTurn } from './ledger-rounds.ts';

const PROGRESS: ItemKey = { pk: 'compaction', sk: 'progress' };

export interface CompactionReport {
  /** That were looked at. */
  partitions: number;
  /** Steps of passes, and passes that came to their end. */
  steps: number;
  passes: number;
  /** Segments that were replaced, and what of them is no more: records, those of them without a key, and bytes. */
  segments: number;
  records: number;
  keyless: number;
  bytes: number;
  /** Steps that others were ahead of, or of which storage did not say what became of them. */
  refused: number;
  /** Partitions of which something cannot be read, or a replica lags behind. */
  blocked: number;
  /** Partitions that storage failed for; they have their turn in the next round. */
  failed: number;
  /**
   * Bytes that no pass has had, as found at the partitions' turns, and the highest share of a partition that they are,
   * %.
   */
  dirtyBytes: number;
  dirtyPercent: number;
}

export async function compactTopics(
  broker: Broker,
  { signal }: { signal?: AbortSignal } = {},
): Promise<CompactionReport> {
  const compacting = new Compacting(broker, signal);
  for (let round = 0; round < compactionLimits.compactionRoundsMax; round++) {
    compacting.begin();
    const ended = await goRound(broker, {
      progress: PROGRESS,
      isOfInterest: ({ config }) => config['cleanup.policy'].includes('compact'),
      inFlightMax: 1,
      look: (turn) => compacting.look(turn),
      ...(signal !== undefined && { signal }),
    });
    if (!ended || !compacting.isMoreDue) break;
  }
  return compacting.report;
}

class Compacting {
  readonly report: CompactionReport = {
    partitions: 0,
    steps: 0,
    passes: 0,
    segments: 0,
    records: 0,
    keyless: 0,
    bytes: 0,
    refused: 0,
    blocked: 0,
    failed: 0,
    dirtyBytes: 0,
    dirtyPercent: 0,
  };
  /** Whether a partition gave way with more to do. */
  isMoreDue = false;
  private readonly broker: Broker;
  private readonly signal: AbortSignal | undefined;
  private readonly holder: string;
  private ledgers = 0;

  constructor(broker: Broker, signal: AbortSignal | undefined) {
    this.broker = broker;
    this.signal = signal;
    this.holder = toHex(broker.random.bytes(8));
  }

  /** What is dirty is said of one round. */
  begin(): void {
    this.isMoreDue = false;
    Object.assign(this.report, { dirtyBytes: 0, dirtyPercent: 0 });
  }

  /**
   * Who is stopped begins with this ledger next time; but one that had all of a round's time does not keep others
   * waiting.
   */
  async look(turn: LedgerTurn): Promise<'done' | 'postponed'> {
    const isFirst = this.ledgers++ === 0;
    for (const partition of await this.inTurn(turn)) {
      if (this.signal?.aborted === true) return isFirst ? 'done' : 'postponed';
      await this.lookAt(turn, partition);
    }
    return this.signal?.aborted === true && !isFirst ? 'postponed' : 'done';
  }

  /** Those first that had their last turn longest ago: the time of several rounds may not be enough for all. */
  private async inTurn({ topic, ledger }: LedgerTurn): Promise<number[]> {
    const { compacted } = await lifecycleOf(this.broker, ledger);
    const lastMs = (partition: number) => compacted.get(ledgerOf(topic, partition).slot)?.atMs ?? 0;
    return [...partitionsIn(topic, ledger)].sort((a, b) => lastMs(a) - lastMs(b));
  }

  private async lookAt(turn: LedgerTurn, partition: number): Promise<void> {
    const { broker, report, holder } = this;
    const { topic, ledger } = turn;
    report.partitions++;
    try {
      const plan = await compactionPlan(broker, { topic, partition });
      if (plan === undefined) return;
      report.dirtyBytes += Math.round(plan.dirtyBytes);
      report.dirtyPercent = Math.max(report.dirtyPercent, Math.round(plan.dirtyRatio * 100));
      if (plan.kind === 'clean') await withLease(broker, { ledger, holder }, () => this.compact(turn, partition));
    } catch (error) {
      // One partition must not keep those behind it from their turn.
      if (!(error instanceof MillraceError)) throw error;
      report.failed++;
      broker.log.warn('Compaction of a partition has failed; the next round looks again', {
        topic: topic.name,
        partition,
        error,
      });
    }
  }

  /** Pass by pass, while there is more than one takes on and it is this partition's turn. */
  private async compact({ topic }: LedgerTurn, partition: number): Promise<void> {
    const { broker, signal } = this;
    const lastMs = broker.clock.monotonic() + compactionLimits.compactionStepMsMax;
    for (let passes = 1; ; passes++) {
      const request = { topic, partition, ...(signal !== undefined && { signal }) };
      const compaction = await compactPartition(broker, request);
      this.count(compaction);
      const hasTurn = passes < compactionLimits.compactionPassesPerTurnMax && broker.clock.monotonic() <= lastMs;
      if (compaction.outcome === 'compacted' && hasTurn) continue;
      this.isMoreDue ||= compaction.outcome === 'compacted' || compaction.outcome === 'advanced';
      return;
    }
  }

  private count({ outcome, segments, records, keyless, bytes }: Compaction): void {
    const { report } = this;
    report.segments += segments;
    report.records += records;
    report.keyless += keyless;
    report.bytes += bytes;
    if (segments > 0 || outcome === 'compacted' || outcome === 'advanced') report.steps++;
    if (outcome === 'compacted') report.passes++;
    if (outcome === 'refused' || outcome === 'unknown') report.refused++;
    if (outcome === 'unreadable' || outcome === 'not-in-sync') report.blocked++;
  }
}
