/**
 * Writes down how far a partition's delivery has come: lanes and window on the lease, and the group's offset with them
 * where it has moved. What is about to begin is written before it does, and the lease is held for as long as that may
 * run.
 */
import { asOf } from '../coordination/triggers/lanes.ts';
import type { Clock } from '../kernel/clock.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import type { DeliveryState } from './delivery-state.ts';
import type { Kept, LeaseChanges, LeaseKeeper, OffsetChange } from './lease-keeper.ts';
import type { PartitionWork, StoredTrigger } from './ports.ts';
import type { Tally } from './tally.ts';

export interface ProgressParts {
  keeper: LeaseKeeper;
  clock: Clock;
  stored: StoredTrigger;
  work: PartitionWork;
  tally: Tally;
}

export type Written =
  /** It is, or nothing was to be written. */
  | 'written'
  /** Someone else has the lease. */
  | 'lost'
  /** The group was reset: the committed offset is another one. */
  | 'reset'
  /** Each time this process was frozen for so long that the lease does not cover what would begin now. */
  | 'late';

export class DeliveryProgress {
  private readonly parts: ProgressParts;
  private offset: number | undefined;
  private isReset = false;
  /** Something is in memory that the lease does not say. */
  private isDirty = false;
  /** When what is under way has ended for certain. */
  private busyUntilMs = 0;
  private latestBeginMs = 0;

  constructor(parts: ProgressParts, committed: number | undefined) {
    this.parts = parts;
    this.offset = committed;
  }

  /** The group's offset, as it was read or written last. */
  get committed(): number | undefined {
    return this.offset;
  }

  /** When what is written down must have begun, by the monotonic clock. */
  get beginByMs(): number {
    return this.latestBeginMs;
  }

  /** Something has changed that the lease is to say. */
  changed(): void {
    this.isDirty = true;
  }

  /** Writes what has changed, and makes the lease last. `invokes`: invocations are about to begin. */
  async write(state: DeliveryState, invokes: boolean): Promise<Written> {
    const { clock, keeper, stored } = this.parts;
    const renewal = keeper.lease.untilMs - clock.now() < triggerLimits.triggerIdleLeaseMs / 2;
    if (!this.isDirty && !renewal) return 'written';
    for (let attempt = 0; attempt < triggerLimits.triggerLeaseWritesMax; attempt++) {
      this.latestBeginMs = clock.monotonic() + triggerLimits.triggerInvokeMarginMs;
      const untilMs = clock.now() + triggerLimits.triggerInvokeMarginMs + stored.trigger.timeoutMs;
      if (invokes) this.busyUntilMs = Math.max(this.busyUntilMs, untilMs);
      if (!state.isBusy) this.busyUntilMs = 0;
      const heldMs = Math.max(this.busyUntilMs, clock.now() + triggerLimits.triggerIdleLeaseMs);
      const kept = await keeper.keep({ ...this.changesOf(state), untilMs: heldMs }, this.offsetChange(state));
      if (kept.outcome === 'lost') return 'lost';
      if (kept.outcome === 'reset') {
        this.wasReset();
        return 'reset';
      }
      if (this.offset !== state.committable) this.sayLag(state);
      this.offset = state.committable;
      this.isDirty = false;
      // Frozen meanwhile: the lease must be held for as long as what begins now may run.
      if (clock.monotonic() <= this.latestBeginMs) return 'written';
    }
    return 'late';
  }

  /** Writes what has changed and gives the lease back, unless someone wants more than `reached`. */
  async giveBack(
    state: DeliveryState,
    wait: Pick<LeaseChanges, 'nextMs' | 'fillingSinceMs'>,
    reached: number,
  ): Promise<Kept> {
    const changes = { ...this.changesOf(state), ...wait };
    const kept = await this.parts.keeper.release(changes, reached, this.offsetChange(state));
    if (kept.outcome === 'reset') this.wasReset();
    if (kept.outcome === 'kept') {
      this.offset = state.committable;
      this.sayLag(state);
    }
    return kept;
  }

  /** What is under way is of a place that does not count any more. */
  private wasReset(): void {
    this.isReset = true;
    this.isDirty = false;
  }

  private changesOf({ lanes, window, error, runsUntilMs }: DeliveryState) {
    const nowMs = this.parts.clock.now();
    const isRunning = runsUntilMs !== undefined && runsUntilMs > nowMs;
    return {
      lanes: lanes.map((lane) => asOf(lane, nowMs)),
      ...(window !== undefined && { window }),
      ...(error !== undefined && { error }),
      ...(isRunning && { runsUntilMs }),
    };
  }

  private offsetChange({ committable: to }: DeliveryState): OffsetChange | undefined {
    return to === this.offset || this.isReset ? undefined : { from: this.offset, to };
  }

  private sayLag({ feed, committable }: DeliveryState): void {
    const { tally, work } = this.parts;
    tally.lag({ topic: work.topic, partition: work.partition }, feed.end - committable);
  }
}
