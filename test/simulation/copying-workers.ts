/**
 * Consume, transform, produce: workers copy the records of each input partition to an output topic, and commit how far
 * they have come together with the copies. Two processes at a time believe that a partition is theirs: each takes the
 * partition's transactional id over, goes on from the committed offset, and is a zombie when the other has done so.
 */
import type { Broker } from '../../lib/broker/broker.ts';
import { listCommittedOffsets } from '../../lib/broker/groups/list-committed-offsets.ts';
import { transact } from '../../lib/broker/transactions/transact.ts';
import { randomBelow } from '../../lib/kernel/random.ts';
import type { Place, Readings } from './readings.ts';
import type { SimulatedProcess } from './scheduler.ts';
import { firstOffsets } from './transaction-events.ts';
import { answered, type ProducerSite, type TransactionalProducers } from './transactional-producers.ts';

export const COPYING_GROUP = 'copying';

const TAKEOVERS_MAX = 4;
const STEPS_MAX = 12;
const ATTEMPTS_MAX = 4;

/** The value of a copy, before the name of its transaction. */
export function copyOf(partition: number, offset: number): string {
  return `copy ${partition}/${offset}`;
}

export class CopyingWorkers {
  private readonly site: ProducerSite;
  private readonly producers: TransactionalProducers;
  private readonly readings: Readings;
  private readonly outputs: readonly Place[];

  constructor(
    site: ProducerSite,
    parts: { producers: TransactionalProducers; readings: Readings; outputs: readonly Place[] },
  ) {
    this.site = site;
    this.producers = parts.producers;
    this.readings = parts.readings;
    this.outputs = parts.outputs;
  }

  async run(input: Place, broker: Broker, process: SimulatedProcess): Promise<void> {
    const id = `copier of ${input.partition}`;
    for (let takeover = 0; takeover < TAKEOVERS_MAX; takeover++) {
      const epoch = await this.producers.takeOver(id, broker);
      const from = epoch === undefined ? undefined : await this.committed(input, broker);
      if (epoch !== undefined && from !== undefined) await this.copyFrom(input, broker, process, { id, epoch, from });
      await this.pause(process, 700);
    }
  }

  /** Until somebody else has taken over, or it is not known what a transaction came to. */
  private async copyFrom(
    input: Place,
    broker: Broker,
    process: SimulatedProcess,
    { id, epoch, from }: { id: string; epoch: number; from: number },
  ): Promise<void> {
    let number = 0;
    let offset = from;
    for (let step = 0; step < STEPS_MAX; step++) {
      const { answer } = await this.readings.fetch(broker, process, { ...input, offset });
      if (answer.kind === 'records' && answer.values.length > 0) {
        const { nextOffset } = answer;
        const caller = { epoch, number };
        const offsets = answer.values.map((one) => one.offset);
        const done = await this.copy(input, broker, process, { id, caller, offsets, nextOffset });
        if (!done) return;
        number++;
        offset = nextOffset;
      }
      await this.pause(process, 120);
    }
  }

  private async copy(
    input: Place,
    broker: Broker,
    process: SimulatedProcess,
    work: { id: string; caller: { epoch: number; number: number }; offsets: number[]; nextOffset: number },
  ): Promise<boolean> {
    const { id, caller, nextOffset } = work;
    const event = this.producers.events.begin(id, caller);
    const { topic, partition } = input;
    const wanted = work.offsets.map((offset) => {
      const output = this.outputs[randomBelow(this.site.scheduler.random, this.outputs.length)] as Place;
      return { ...output, value: copyOf(partition, offset) };
    });
    const records = this.producers.events.records(event, id, wanted);
    event.offsets.push({ group: COPYING_GROUP, topic, partition, offset: nextOffset });
    const offsets = {
      group: COPYING_GROUP,
      offsets: [{ topic, partition, offset: nextOffset, metadata: event.name }],
    };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const fault = await this.producers.committing(event, async () => {
        return firstOffsets((await transact(broker, { transactionalId: id, caller, records, offsets })).records);
      });
      if (fault === undefined) return true;
      if (fault.code === 'INVALID_PRODUCER_EPOCH') return false;
      await this.pause(process, 200);
    }
    return false;
  }

  private committed({ topic, partition }: Place, broker: Broker): Promise<number | undefined> {
    return answered(async () => {
      const { offsets } = await listCommittedOffsets(broker, { group: COPYING_GROUP });
      return offsets.find((one) => one.topic === topic && one.partition === partition)?.offset ?? 0;
    });
  }

  private pause(process: SimulatedProcess, maxMs: number): Promise<void> {
    const { scheduler, slowness = 1 } = this.site;
    return scheduler.pause(process, scheduler.random.fraction() * maxMs * slowness);
  }
}
