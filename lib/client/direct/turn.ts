/** One plan of one partition, and the reading of what it names: ranges at the same time, handed out in their order. */
import type { TopicPartition } from '../consumer/options.ts';
import type { Gate } from './gate.ts';
import { bytesOf, type Plan, type PlannedSegment, type Planner, worthReading } from './plan.ts';
import { batchesWithin, type Span } from './planned-batches.ts';
import type { RangeReader } from './range-reader.ts';

/** Batches with offsets in place, of which the span's records are to be handed out; there may be none. */
export interface Piece extends Span {
  batches: Uint8Array;
  /** Where to go on after it. */
  nextOffset: number;
}

export interface TurnOptions {
  from: TopicPartition & { offset: number };
  plans: Planner;
  ranges: RangeReader;
  gate: Gate;
  bytesMax: number;
  /** The plan has come, or a range is under way: there may be something to read ahead. */
  onProgress: () => void;
}

interface Reading {
  segment: PlannedSegment;
  nextOffset: number;
  bytes: Promise<Uint8Array>;
  /** Gives its memory back; harmless a second time. */
  release: () => void;
}

export class Turn {
  /** Where the turn after it begins, as soon as that is known and worth a plan. */
  nextOffset: number | undefined;
  private readonly options: TurnOptions;
  private readonly stopping = new AbortController();
  private readonly planned: Promise<Plan | undefined>;
  private readonly readings: Reading[] = [];
  private notBegun = 0;
  private position: number;
  private inHand: Reading | undefined;

  constructor(options: TurnOptions) {
    this.options = options;
    this.position = options.from.offset;
    this.planned = this.begin();
    // Whoever asks for the first piece hears of it.
    this.planned.catch(() => {});
  }

  /** All of it is here or under way. */
  get isBegun(): boolean {
    return this.nextOffset !== undefined && this.notBegun === 0;
  }

  /**
   * What comes next; gives back what it returned before. `used-up` at the end; `near`: there was too little to begin
   * with.
   */
  async next(): Promise<Piece | 'near' | 'used-up'> {
    this.inHand?.release();
    this.inHand = undefined;
    if ((await this.planned) === undefined) return 'near';
    const reading = this.readings.shift();
    if (reading === undefined) return 'used-up';
    this.inHand = reading;
    const { segment, nextOffset } = reading;
    const span = { first: Math.max(this.position, segment.baseOffset), last: segment.lastOffset };
    const batches = batchesWithin(await reading.bytes, segment, span);
    this.position = nextOffset;
    return { batches, ...span, nextOffset };
  }

  /** Ends all that is under way, and gives all memory back. */
  stop(): void {
    this.stopping.abort(null);
    this.inHand?.release();
    for (const { release } of this.readings.splice(0)) release();
  }

  private async begin(): Promise<Plan | undefined> {
    const { from, plans, bytesMax, onProgress } = this.options;
    const plan = worthReading(await plans(from, this.stopping.signal), bytesMax);
    this.stopping.signal.throwIfAborted();
    if (plan === undefined) return undefined;
    this.nextOffset = plan.nextOffset;
    for (const [index, segment] of plan.segments.entries()) {
      const nextOffset = plan.segments[index + 1]?.baseOffset ?? plan.nextOffset;
      this.readings.push({ segment, nextOffset, ...this.read(segment) });
    }
    onProgress();
    return plan;
  }

  private read(segment: PlannedSegment): Pick<Reading, 'bytes' | 'release'> {
    if (segment.source === 'bytes') return { bytes: Promise.resolve(segment.batches), release: () => {} };
    const { gate, ranges, onProgress } = this.options;
    const { signal } = this.stopping;
    const size = bytesOf(segment);
    let held = false;
    const release = () => {
      if (held) gate.release(size);
      held = false;
    };
    this.notBegun++;
    const read = async () => {
      await gate.enter(size, signal);
      held = true;
      this.notBegun--;
      onProgress();
      try {
        return await ranges(segment, signal);
      } finally {
        gate.arrived();
        if (signal.aborted) release();
      }
    };
    const bytes = read();
    // Of those that are never asked for.
    bytes.catch(() => {});
    return { bytes, release };
  }
}
