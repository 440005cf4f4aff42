/** What writers without sequences ask, and what they are told, noted in the history. */
import type { Broker } from '../../lib/broker/broker.ts';
import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { History, ProduceEvent } from './history.ts';
import { type Place, paddingOf, type Readings, valueOf } from './readings.ts';
import type { SimulatedProcess } from './scheduler.ts';

export class Writings {
  private readonly history: History;
  private readonly random: Random;
  private readonly readings: Readings;

  constructor(history: History, random: Random, readings: Readings) {
    this.history = history;
    this.random = random;
    this.readings = readings;
  }

  /** One request of a few records; `number` is of the request, and unique in the process. */
  async produce(
    broker: Broker,
    process: SimulatedProcess,
    { topic, partition, number, acks }: Place & { number: number; acks?: 'leader' },
  ): Promise<void> {
    const count = 1 + randomBelow(this.random, 3);
    const values = Array.from({ length: count }, (_, index) => `${process.name}/${number}/${index}`);
    const expectedOffset = this.random.fraction() < 0.1 ? this.readings.guessNext({ topic, partition }) : undefined;
    const event: ProduceEvent = {
      writer: process.name,
      topic,
      partition,
      values,
      askedAt: this.history.tick(),
      expectedOffset,
      ...(acks && { acks }),
      answer: { kind: 'none' },
    };
    this.history.produces.push(event);
    const padding = paddingOf(this.random);
    const records = values.map((value) => ({ partition, key: null, value: valueOf(value, padding), headers: [] }));
    try {
      const [first] = await produceRecords(broker, { topic, records, acks: acks ?? 'all', expectedOffset });
      const answeredAt = this.history.tick();
      if (first?.outcome === 'written') event.answer = { kind: 'acked', baseOffset: first.offset, answeredAt };
      if (first?.outcome === 'failed') {
        event.answer = { kind: 'failed', code: first.error.code, effect: first.error.effect, answeredAt };
      }
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      event.answer = { kind: 'failed', code: error.code, effect: error.effect, answeredAt: this.history.tick() };
    }
  }
}
