/** For how long a partition is left to ordinary fetches: longer each time that direct reading was in vain. */
import type { Clock } from '../../kernel/clock.ts';
import { clientLimits } from '../../kernel/limits/client.ts';

export class Retreat {
  private readonly clock: Clock;
  private untilMs = -Infinity;
  private inVain = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isOver(): boolean {
    return this.clock.monotonic() >= this.untilMs;
  }

  /** Something was read directly. */
  worked(): void {
    this.inVain = 0;
  }

  begin(): void {
    const pauseMs = Math.min(
      clientLimits.clientDirectPauseMsMin * 2 ** this.inVain++,
      clientLimits.clientDirectPauseMsMax,
    );
    this.untilMs = this.clock.monotonic() + pauseMs;
  }
}
