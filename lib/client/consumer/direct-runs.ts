/**
 * A member's reading of what it owns straight from the bucket, for partitions whose end is far: polls leave those out
 * meanwhile, go on as heartbeats, and commit by name what is done. When a partition is near its end, or direct reading
 * fails, the next poll says where it is, and brings what comes after.
 *
 * Whose partition it is the group decides as ever: what is revoked or lost while it is read is not handed out, and is
 * read ahead no more.
 */
import { clientLimits } from '../../kernel/limits/client.ts';
import type { LogRecord } from '../../log/record-batch/record.ts';
import { DirectPath, type DirectStep, type Track } from '../direct/direct-path.ts';
import type { DirectSource } from '../direct/direct-source.ts';
import { recordsWithin } from '../direct/planned-batches.ts';
import { Retreat } from '../direct/retreat.ts';
import type { Arrivals, Run } from './arrivals.ts';
import type { ConsumerSettings } from './options.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { type ArrivedRecord, arrivedFromLog } from './record.ts';

export interface DirectRunsOptions {
  source: DirectSource;
  settings: ConsumerSettings;
  arrivals: Arrivals;
  /** There may be something to hand out. */
  onReady: () => void;
  /** A partition is to be polled for again. */
  onReturn: () => void;
}

interface Reading {
  track: Track;
  /** Those of the partition when it began. */
  seeks: number;
  /** After the last record that went to the arrivals. */
  offset: number;
}

/** What shows whether it is worth it, by partition. */
interface Merit {
  /** Bytes of answers that were full, one after the other. */
  earned: number;
  retreat: Retreat;
}

export class DirectRuns {
  private readonly options: DirectRunsOptions;
  private readonly path: DirectPath;
  private readonly readings = new Map<OwnedPartition, Reading>();
  private readonly merits = new WeakMap<OwnedPartition, Merit>();
  private piece: { partition: OwnedPartition; reading: Reading; records: Iterator<LogRecord>; end: number } | undefined;
  private asking = false;

  constructor(options: DirectRunsOptions) {
    this.options = options;
    const { source, settings } = options;
    const { rangesInFlightMax: inFlightMax, rangesBytesMax: bytesMax } = settings;
    this.path = new DirectPath({ ...source, inFlightMax, bytesMax });
  }

  get isActive(): boolean {
    return this.readings.size > 0;
  }

  /** After a poll's answer: partitions that it was filled with are far behind, perhaps far enough. */
  consider(runs: readonly Run[], answerBytes: number): void {
    const { direct, maxRecords, maxBytes } = this.options.settings;
    if (direct === 'never') return;
    const count = runs.reduce((sum, { records }) => sum + records.length, 0);
    // Half: the next record may have been too large for the rest.
    const full = count >= maxRecords || answerBytes >= maxBytes / 2;
    for (const { partition, records, seeks } of runs) {
      const merit = this.meritOf(partition);
      merit.earned = full ? merit.earned + bytesOf(records) : 0;
      if (merit.earned < clientLimits.clientDirectEarnedBytesMin || !merit.retreat.isOver) continue;
      if (partition.state !== 'open' || partition.paused || partition.seeks !== seeks) continue;
      this.begin(partition, (records.at(-1) as ArrivedRecord).offset + 1);
    }
  }

  /** Ends what is not to be read any more, and hands over the next records where there is room for them. */
  feed(): void {
    for (const [partition, { seeks }] of this.readings) {
      if (partition.state !== 'open' || partition.paused || partition.seeks !== seeks) this.end(partition);
    }
    while (this.piece !== undefined && this.options.arrivals.hasRoomForDirect) this.feedPiece(this.piece);
    if (this.piece === undefined) this.ask();
  }

  stop(): void {
    for (const partition of this.readings.keys()) this.end(partition);
  }

  private begin(partition: OwnedPartition, offset: number): void {
    partition.direct = true;
    const track = this.path.add(partition.name, offset);
    this.readings.set(partition, { track, seeks: partition.seeks, offset });
    this.ask();
  }

  /** From there on polls bring the records again; an application that has sought elsewhere has said so itself. */
  private end(partition: OwnedPartition): void {
    const reading = this.readings.get(partition);
    if (reading === undefined) return;
    this.readings.delete(partition);
    this.path.remove(reading.track);
    if (this.piece?.partition === partition) this.piece = undefined;
    partition.direct = false;
    if (partition.seeks === reading.seeks) partition.seekTo = reading.offset;
    this.options.onReturn();
  }

  private fail(partition: OwnedPartition, error: unknown): void {
    const merit = this.meritOf(partition);
    merit.retreat.begin();
    merit.earned = 0;
    if (error !== undefined) this.options.settings.onFallback?.(error);
    this.end(partition);
  }

  private feedPiece({ partition, reading, records, end }: NonNullable<DirectRuns['piece']>): void {
    const { maxRecords } = this.options.settings;
    const taken: ArrivedRecord[] = [];
    let failure: { error: unknown } | undefined;
    try {
      for (let next = records.next(); next.done !== true; next = records.next()) {
        taken.push(arrivedFromLog(next.value, partition));
        if (taken.length >= maxRecords) break;
      }
    } catch (error) {
      failure = { error };
    }
    const last = taken.at(-1);
    const whole = failure === undefined && taken.length < maxRecords;
    if (whole) this.piece = undefined;
    reading.offset = whole ? end : last === undefined ? reading.offset : last.offset + 1;
    if (taken.length > 0) {
      this.options.arrivals.addDirect({ partition, records: taken, next: 0, seeks: reading.seeks });
      this.meritOf(partition).retreat.worked();
    }
    // A codec that is not here, or bytes that are no batches: the server is asked for what comes next.
    if (failure !== undefined) this.fail(partition, failure.error);
  }

  private ask(): void {
    if (this.asking || !this.isActive) return;
    this.asking = true;
    void this.path.next().then((step) => {
      this.asking = false;
      if (step !== undefined) this.take(step);
      this.options.onReady();
    });
  }

  private take(step: DirectStep): void {
    const found = [...this.readings].find(([, { track }]) => track === step.track);
    if (found === undefined) return;
    const [partition, reading] = found;
    if (step.kind !== 'piece') {
      this.fail(partition, step.kind === 'failed' ? step.error : undefined);
      return;
    }
    const { batches, nextOffset, ...span } = step.piece;
    const records = recordsWithin(batches, span, this.options.source.compression);
    this.piece = { partition, reading, records, end: nextOffset };
  }

  private meritOf(partition: OwnedPartition): Merit {
    let merit = this.merits.get(partition);
    if (merit === undefined) {
      merit = { earned: 0, retreat: new Retreat(this.options.source.clock) };
      this.merits.set(partition, merit);
    }
    return merit;
  }
}

/** About: of text, its characters. */
function bytesOf(records: readonly ArrivedRecord[]): number {
  return records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
}
