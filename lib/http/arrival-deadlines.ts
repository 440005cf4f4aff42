/**
 * When bodies on their way must be here. One sleep for all of them: a timer and its abort for every request would cost
 * more than reading the request.
 */
import type { Clock } from '../kernel/clock.ts';
import { requestLimits } from '../kernel/limits/requests.ts';

interface Arrival {
  /** By the monotonic clock. */
  deadlineMs: number;
  onLate: () => void;
}

export class ArrivalDeadlines {
  private readonly clock: Clock;
  private readonly arrivalMsMax: number;
  private readonly arrivals = new Set<Arrival>();
  private looking = false;

  constructor({ clock, arrivalMsMax = requestLimits.requestBodyMsMax }: { clock: Clock; arrivalMsMax?: number }) {
    this.clock = clock;
    this.arrivalMsMax = arrivalMsMax;
  }

  /** Calls `onLate` once the time is over, unless the returned function was called before. */
  watch(onLate: () => void): () => void {
    const arrival = { deadlineMs: this.clock.monotonic() + this.arrivalMsMax, onLate };
    this.arrivals.add(arrival);
    if (!this.looking) void this.look();
    return () => this.arrivals.delete(arrival);
  }

  /** Ends when there is nothing to look for, so that it keeps no process alive for long. */
  private async look(): Promise<void> {
    this.looking = true;
    while (this.arrivals.size > 0) {
      await this.clock.sleep(Math.min(requestLimits.requestBodyCheckMs, this.arrivalMsMax));
      const nowMs = this.clock.monotonic();
      for (const arrival of this.arrivals) {
        // In the order of their deadlines, all being equally long.
        if (arrival.deadlineMs > nowMs) break;
        this.arrivals.delete(arrival);
        arrival.onLate();
      }
    }
    this.looking = false;
  }
}
