/** Reads a partition on for its delivery, one read at a time, with pauses after those that fail. */
import type { Broker } from '../broker/broker.ts';
import { pauseMs } from '../coordination/triggers/backoff.ts';
import type { LeaseError } from '../coordination/triggers/lease-item.ts';
import { MillraceError } from '../kernel/errors.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import type { PartitionFeed } from './partition-feed.ts';
import type { PartitionWork, StoredTrigger, TriggerLog } from './ports.ts';
import type { Tally } from './tally.ts';

export interface ReadingParts {
  broker: Broker;
  stored: StoredTrigger;
  work: PartitionWork;
  log: TriggerLog;
  tally: Tally;
}

export interface ReadingEvents {
  /** There is no such partition any more. */
  gone: () => void;
  /** A read has failed; `isLast`: too many have. */
  failed: (error: LeaseError, isLast: boolean) => void;
  /** A read is over, in whatever way. */
  over: () => void;
}

export class PartitionReading {
  private readonly parts: ReadingParts;
  private readonly events: ReadingEvents;
  private isReading = false;
  private failures = 0;
  private notBeforeMs = 0;
  private outOfRange: MillraceError | undefined;

  constructor(parts: ReadingParts, events: ReadingEvents) {
    this.parts = parts;
    this.events = events;
  }

  get isUnderWay(): boolean {
    return this.isReading;
  }

  /** When the next read may begin, by the monotonic clock. */
  get dueMs(): number {
    return this.notBeforeMs;
  }

  /** What was to be read is not in the partition, and nobody has done anything about it yet. */
  get isOutOfRange(): boolean {
    return this.outOfRange !== undefined;
  }

  takeOutOfRange(): MillraceError | undefined {
    const { outOfRange } = this;
    this.outOfRange = undefined;
    return outOfRange;
  }

  /** Begins to read, unless that is under way or not due. */
  read(feed: PartitionFeed): void {
    const { broker, tally } = this.parts;
    if (this.isReading || broker.clock.monotonic() < this.notBeforeMs) return;
    this.isReading = true;
    void feed
      .read()
      .then(
        ({ filtered }) => {
          this.failures = 0;
          if (filtered > 0) tally.add({ filtered });
        },
        (error: unknown) => this.hasFailed(error),
      )
      .then(() => {
        this.isReading = false;
        this.events.over();
      });
  }

  private hasFailed(error: unknown): void {
    const { broker, stored, work, log } = this.parts;
    const code = error instanceof MillraceError ? error.code : undefined;
    if (code === 'OFFSET_OUT_OF_RANGE') {
      this.outOfRange = error as MillraceError;
      return;
    }
    if (code === 'UNKNOWN_TOPIC_OR_PARTITION') return this.events.gone();
    this.failures++;
    const { triggerRetryPauseMsMin: minMs, triggerRetryPauseMsMax: maxMs } = triggerLimits;
    const pause = pauseMs(this.failures, { minMs, maxMs, fraction: broker.random.fraction() });
    this.notBeforeMs = broker.clock.monotonic() + pause;
    const { topic, partition } = work;
    log.warn('A partition could not be read', { trigger: stored.trigger.name, topic, partition, error });
    const said = { kind: code ?? 'Unknown', message: String(error), atMs: broker.clock.now() };
    this.events.failed(said, this.failures >= triggerLimits.triggerLeaseWritesMax);
  }
}
