/**
 * The table's stream of heads that carry `wake`, polled four times a second, and the router that makes wake-ups of it.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import { highWatermark } from '../../../lib/broker/ledger/replicated.ts';
import { wakeOf } from '../../../lib/broker/triggers/wake.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import type { Attributes } from '../../../lib/kernel/items.ts';
import { decodeHead, headKey } from '../../../lib/log/ledger/head.ts';
import { ledgerOf, type Topic } from '../../../lib/log/topic/topic.ts';
import type { DispatchRequest, TriggerLog } from '../../../lib/triggers/ports.ts';
import { type ItemChange, routeChanges } from '../../../lib/triggers/route.ts';
import { type Scheduler, SimulatedProcess } from '../scheduler.ts';
import type { WrittenItem } from '../table-watch.ts';

export interface StreamSite {
  scheduler: Scheduler;
  broker: (process: SimulatedProcess) => Broker;
  wake: (request: DispatchRequest) => void;
  log: TriggerLog;
  fail: (error: unknown) => void;
}

const POLL_MS = 250;

export class WakeStream {
  private readonly site: StreamSite;
  private readonly process = new SimulatedProcess('router');
  private readonly broker: Broker;
  /** By partition key. */
  private readonly heads = new Map<string, Attributes>();
  private waiting: ItemChange[] = [];

  constructor(site: StreamSite) {
    this.site = site;
    this.broker = site.broker(this.process);
  }

  /** What one write of the table has made of items. */
  note(written: readonly WrittenItem[]): void {
    for (const { key, item } of written) {
      if (key.sk !== 'head') continue;
      const before = this.heads.get(key.pk);
      if (item === undefined) this.heads.delete(key.pk);
      else this.heads.set(key.pk, item);
      const carriesWake = [before, item].some((image) => image !== undefined && wakeOf(image) !== undefined);
      if (carriesWake) this.see({ key, ...(before && { before }), ...(item && { after: item }) });
    }
  }

  /** Where the partition ends. */
  endOf(topic: Topic, partition: number): number {
    const { ledger, slot } = ledgerOf(topic, partition);
    const head = this.heads.get(headKey(ledger).pk);
    return head === undefined ? 0 : highWatermark(decodeHead(head), slot);
  }

  private see(change: ItemChange): void {
    const { scheduler } = this.site;
    this.waiting.push(change);
    if (this.waiting.length > 1) return;
    scheduler.schedule(this.process, scheduler.random.fraction() * POLL_MS, () => void this.poll());
  }

  private async poll(): Promise<void> {
    const { log, wake, fail } = this.site;
    const changes = this.waiting;
    this.waiting = [];
    try {
      for (const request of await routeChanges(this.broker, changes, log)) wake(request);
    } catch (error) {
      // As good as a wake-up that is lost.
      if (!(error instanceof MillraceError)) fail(error);
    }
  }
}
