/** Where records go that were given up: a service that fails for a while, and what is dropped where there is none. */
import { MillraceError } from '../../../lib/kernel/errors.ts';
import type { FailedBatch, FailureCondition } from '../../../lib/triggers/ports.ts';
import { nameOf } from '../groups/group-watch.ts';
import type { Network } from '../network.ts';
import type { Scheduler, SimulatedProcess } from '../scheduler.ts';
import type { GivenUp, TriggerHistory } from './trigger-history.ts';

export class Destination {
  private readonly scheduler: Scheduler;
  private readonly network: Network;
  private readonly history: TriggerHistory;
  private failsUntilMs = 0;

  constructor({ scheduler, network, history }: { scheduler: Scheduler; network: Network; history: TriggerHistory }) {
    this.scheduler = scheduler;
    this.network = network;
    this.history = history;
  }

  fail(forMs: number): void {
    this.failsUntilMs = this.scheduler.nowMs + forMs;
  }

  recover(): void {
    this.failsUntilMs = 0;
  }

  async send(
    process: SimulatedProcess,
    { trigger, topicId, partition, condition, records }: FailedBatch,
  ): Promise<void> {
    const given: GivenUp = {
      group: trigger.group,
      partition: nameOf({ topicId, partition }),
      condition,
      offsets: records.map(({ offset }) => offset),
      by: process.name,
      issued: this.history.tick(),
      issuedMs: this.scheduler.nowMs,
      received: Number.POSITIVE_INFINITY,
    };
    this.history.givenUp.push(given);
    const isTaken = await this.network.call(process, `send ${given.offsets.join(' ')}`, 'write', async () => {
      if (this.scheduler.nowMs < this.failsUntilMs) return false;
      given.received = Math.min(given.received, this.history.tick());
      return true;
    });
    if (isTaken) return;
    this.history.count('destination failures');
    throw new MillraceError('KAFKA_STORAGE_ERROR', 'The destination fails.', { effect: 'none' });
  }

  /** Records that a dispatcher has done with, of a trigger that sends them nowhere. */
  dropped(process: SimulatedProcess, group: string, facts: Record<string, unknown>): void {
    const [first, last] = [facts['first'], facts['last']];
    const partition = this.partitionOf(process, group, facts);
    if (partition === undefined) return;
    const count = typeof first === 'number' ? Number(last) - first + 1 : 0;
    const offsets = Array.from({ length: count }, (_, index) => Number(first) + index);
    const condition = facts['condition'] as FailureCondition;
    const now = this.history.tick();
    const issuedMs = this.scheduler.nowMs;
    this.history.givenUp.push({
      group,
      partition,
      condition,
      offsets,
      by: process.name,
      issued: now,
      issuedMs,
      received: now,
    });
  }

  /** The one of this topic's name whose lease the process had last. */
  private partitionOf(process: SimulatedProcess, group: string, facts: Record<string, unknown>): string | undefined {
    const [topic, partition] = [facts['topic'], facts['partition']];
    let found: { name: string; moment: number } | undefined;
    for (const [name, steps] of this.history.leases) {
      if (!name.startsWith(`${group}/`) || !name.endsWith(`:${String(partition)}`)) continue;
      const held = steps.findLast(
        ({ lease }) => lease?.topic === topic && this.history.holders.get(lease?.holder ?? '') === process.name,
      );
      // A topic that was made anew has partitions of the same names.
      if (held !== undefined && held.moment > (found?.moment ?? -1)) found = { name, moment: held.moment };
    }
    return found?.name.slice(group.length + 1);
  }
}
