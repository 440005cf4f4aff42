/**
 * Waiting for a ledger to grow. An append of this process wakes its waiters at once, through the head cache. Someone
 * else's is seen by reading the head, at one adaptive rate a ledger however many requests of the process wait for it.
 */
import type { Clock } from '../../kernel/clock.ts';
import { Ending, OVER } from '../../kernel/ending.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { waitingLimits } from '../../kernel/limits/waiting.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { HeadCache } from './head-cache.ts';

interface Poll {
  waiters: number;
  stop: AbortController;
}

export interface WaitOptions {
  timeoutMs: number;
  /** Ends the wait early. */
  signal?: AbortSignal;
}

export class HeadWatcher {
  private readonly heads: HeadCache;
  private readonly clock: Clock;
  private readonly polls = new Map<string, Poll>();

  constructor({ heads, clock }: { heads: HeadCache; clock: Clock }) {
    this.heads = heads;
    this.clock = clock;
  }

  /**
   * Resolves with the first head for which `until` holds, or at the end of the wait with a head that was strongly read
   * during it. Registers first and reads second, so that no append falls between. `undefined`: there is no such ledger,
   * or there is none any more.
   */
  async wait(
    ledger: LedgerId,
    until: (head: LedgerHead) => boolean,
    { timeoutMs, signal }: WaitOptions,
  ): Promise<LedgerHead | undefined> {
    const wait = new Ending(signal);
    const told = Promise.withResolvers<{ head: LedgerHead | undefined }>();
    const unlisten = this.heads.listen(ledger, (head) => {
      if (head === undefined || until(head)) told.resolve({ head });
    });
    try {
      const first = await this.heads.strong(ledger);
      if (first === undefined || until(first)) return first;
      const release = this.poll(ledger);
      try {
        const ended = this.clock.sleep(timeoutMs, wait.signal).then(() => undefined);
        const outcome = await Promise.race([told.promise, ended]);
        return outcome === undefined ? (this.heads.peek(ledger) ?? first) : outcome.head;
      } finally {
        release();
      }
    } finally {
      wait.end();
      unlisten();
    }
  }

  /** Keeps the ledger's head read until as many releases as polls. */
  private poll(ledger: LedgerId): () => void {
    const name = ledgerName(ledger);
    const poll = this.polls.get(name) ?? { waiters: 0, stop: new AbortController() };
    if (poll.waiters++ === 0) {
      this.polls.set(name, poll);
      void this.run(ledger, poll.stop.signal);
    }
    return () => {
      if (--poll.waiters > 0) return;
      poll.stop.abort(OVER);
      this.polls.delete(name);
    };
  }

  private async run(ledger: LedgerId, stop: AbortSignal): Promise<void> {
    let interval: number = waitingLimits.headPollMsMin;
    while (!stop.aborted) {
      await this.clock.sleep(interval, stop);
      if (stop.aborted) return;
      const before = this.heads.peek(ledger)?.version;
      // A failed read is the same as nothing new: the next one tells, and the waiters' own deadlines end them.
      const head = await this.heads.strong(ledger).catch(() => undefined);
      const grew = head !== undefined && head.version !== before;
      const longer = (interval * waitingLimits.headPollGrowthPercent) / 100;
      interval = grew ? waitingLimits.headPollMsMin : Math.min(longer, waitingLimits.headPollMsMax);
    }
  }
}
