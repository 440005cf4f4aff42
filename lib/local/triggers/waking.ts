/**
 * What wakes the dispatcher of a local server: every head that this process sees grow, at once; and a sweep every few
 * seconds for what another process has written to the same store, what became due, and what is new.
 */
import type { Broker } from '../../broker/broker.ts';
import { highWatermark } from '../../broker/ledger/replicated.ts';
import { topicsOfTrigger } from '../../broker/triggers/find-trigger.ts';
import { isDelivering } from '../../coordination/triggers/trigger-item.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { DispatchRequest, PartitionWork } from '../../triggers/ports.ts';
import { sweepTriggers } from '../../triggers/sweep.ts';
import type { Logger } from '../logger.ts';
import { isLocal } from './register-triggers.ts';

export interface WakingOptions {
  broker: Broker;
  log: Logger;
  wake: (request: DispatchRequest) => void;
}

export class Waking {
  private readonly options: WakingOptions;
  /** By trigger and ledger; each is ended by calling it. */
  private readonly listening = new Map<string, () => void>();

  constructor(options: WakingOptions) {
    this.options = options;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { broker } = this.options;
    while (!signal.aborted) {
      await this.look();
      await broker.clock.sleep(serverLimits.localSweepMs, signal);
    }
    for (const unlisten of this.listening.values()) unlisten();
    this.listening.clear();
  }

  /** Hears of the heads that there are now, then looks for what is there already. Never rejects. */
  async look(): Promise<void> {
    const { broker, log, wake } = this.options;
    try {
      const locals = await this.listen();
      await sweepTriggers(broker, {
        log,
        // Functions in AWS are for the dispatcher there.
        handOn: async (request) => {
          if (locals.has(request.trigger)) wake(request);
        },
      });
    } catch (error) {
      log.warn('Triggers could not be looked after; the next look tries again', { error });
    }
  }

  /** Answers the names of the triggers that this server delivers. */
  private async listen(): Promise<Set<string>> {
    const { broker } = this.options;
    const locals = (await broker.triggers.listFresh()).filter((one) => isDelivering(one) && isLocal(one.trigger));
    const wanted = new Set<string>();
    for (const { trigger } of locals) {
      for (const topic of await topicsOfTrigger(broker, trigger, { fresh: true })) {
        for (const ledger of ledgersOf(topic)) {
          const key = `${trigger.name}/${ledgerName(ledger)}`;
          wanted.add(key);
          if (!this.listening.has(key)) this.listening.set(key, this.hear(trigger.name, topic, ledger));
        }
      }
    }
    for (const [key, unlisten] of this.listening) {
      if (wanted.has(key)) continue;
      unlisten();
      this.listening.delete(key);
    }
    return new Set(locals.map(({ trigger }) => trigger.name));
  }

  private hear(trigger: string, topic: Topic, ledger: LedgerId): () => void {
    const { broker, wake } = this.options;
    let known = endsOf(broker.heads.peek(ledger));
    return broker.heads.listen(ledger, (head) => {
      const ends = endsOf(head);
      const work: PartitionWork[] = [];
      for (const [slot, end] of ends.entries()) {
        if (end <= (known[slot] ?? 0)) continue;
        const partition = ledger.index * topic.ledgerPartitions + slot;
        work.push({ topic: topic.name, topicId: topic.topicId, partition, wanted: end });
      }
      known = ends;
      if (work.length > 0) wake({ trigger, work });
    });
  }
}

function endsOf(head: LedgerHead | undefined): number[] {
  return head === undefined ? [] : head.next.map((_, slot) => highWatermark(head, slot));
}
