/** Partitions that stop together are handed on together: the next dispatcher then has what this one had. */
import type { Clock } from '../kernel/clock.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import { chunked } from '../kernel/map-bounded.ts';
import type { DispatchRequest, PartitionWork, TriggerLog } from './ports.ts';

export interface HandOverParts {
  trigger: string;
  handOn: (request: DispatchRequest) => Promise<void>;
  clock: Clock;
  log: TriggerLog;
}

export class HandOver {
  private readonly parts: HandOverParts;
  private collected: PartitionWork[] = [];
  private sending: Promise<void> | undefined;

  constructor(parts: HandOverParts) {
    this.parts = parts;
  }

  /** Resolves when it has been handed on, or has failed to be: then the sweeper finds it. Never rejects. */
  add(work: PartitionWork): Promise<void> {
    this.collected.push(work);
    this.sending ??= this.parts.clock.sleep(triggerLimits.triggerHandOnMs).then(() => this.send());
    return this.sending;
  }

  private async send(): Promise<void> {
    const { trigger, handOn, log } = this.parts;
    const works = this.collected;
    this.collected = [];
    this.sending = undefined;
    for (const work of chunked(works, triggerLimits.partitionsPerDispatchMax)) {
      try {
        await handOn({ trigger, work });
      } catch (error) {
        log.error('Partitions could not be handed on', { trigger, partitions: work.length, error });
      }
    }
  }
}
