/**
 * Counts the requests of one process that wait for records: long polls and live tails. Each holds a socket and memory.
 */
import { assert } from '../kernel/assert.ts';
import { MillraceError } from '../kernel/errors.ts';
import { requestLimits } from '../kernel/limits/requests.ts';

export class WaitingRequests {
  private readonly max: number;
  private count = 0;

  constructor(max: number = requestLimits.waitingRequestsMax) {
    this.max = max;
  }

  get waiting(): number {
    return this.count;
  }

  /** Takes a place and returns what gives it back, once; throws THROTTLING_QUOTA_EXCEEDED when all are taken. */
  enter(): () => void {
    if (this.count >= this.max) {
      throw new MillraceError(
        'THROTTLING_QUOTA_EXCEEDED',
        `${this.max} requests wait here for records already, which is all that one process holds; come back later or ask with wait_ms=0.`,
      );
    }
    this.count++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.count--;
      assert(this.count >= 0, 'more requests stopped waiting than began');
    };
  }
}
