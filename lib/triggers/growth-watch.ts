/** Says when a partition has grown. Reads its head at an adaptive rate, shared with all that wait for the ledger. */
import type { Broker } from '../broker/broker.ts';
import { highWatermark } from '../broker/ledger/replicated.ts';
import type { LedgerId } from '../kernel/ids.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import type { PartitionFeed } from './partition-feed.ts';

export interface WatchedPartition {
  broker: Broker;
  ledger: LedgerId;
  slot: number;
}

export interface GrowthEvents {
  grown: () => void;
  /** There is no such partition any more. */
  gone: () => void;
}

export class GrowthWatch {
  private readonly watched: WatchedPartition;
  private readonly events: GrowthEvents;
  private underWay: AbortController | undefined;

  constructor(watched: WatchedPartition, events: GrowthEvents) {
    this.watched = watched;
    this.events = events;
  }

  /** Looks out for what comes after all that was read, for a while; without effect while it does. */
  begin({ isAtEnd, position }: PartitionFeed): void {
    if (this.underWay !== undefined || !isAtEnd) return;
    const { broker, ledger, slot } = this.watched;
    const stop = new AbortController();
    this.underWay = stop;
    const until = { timeoutMs: triggerLimits.triggerWaitMsMax, signal: stop.signal };
    void broker.watcher
      .wait(ledger, (head) => highWatermark(head, slot) > position, until)
      .then(
        (head) => {
          if (head === undefined) this.events.gone();
          else if (highWatermark(head, slot) > position) this.events.grown();
        },
        // A failed look is the same as nothing new: the next read tells.
        () => {},
      )
      .then(() => {
        if (this.underWay === stop) this.underWay = undefined;
      });
  }

  end(): void {
    this.underWay?.abort();
  }
}
