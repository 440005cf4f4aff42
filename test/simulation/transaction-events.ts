/** Transactions as the history has them: begun, sent, and what was heard of them. */

import type { GroupOffsets, TransactionRecord } from '../../lib/broker/transactions/prepare.ts';
import type { Caller } from '../../lib/coordination/transactions/decide.ts';
import type { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { History, ProduceEvent, TransactionEvent } from './history.ts';
import { type Place, paddingOf, valueOf } from './readings.ts';

export class TransactionEvents {
  private readonly history: History;
  private readonly random: Random;
  private readonly places: readonly Place[];
  private begun = 0;

  /** `places`: where records that are made up go. */
  constructor(history: History, random: Random, places: readonly Place[]) {
    this.history = history;
    this.random = random;
    this.places = places;
  }

  begin(transactionalId: string, { epoch, number }: Caller): TransactionEvent {
    const event: TransactionEvent = {
      name: `${transactionalId} e${epoch} n${number} #${this.begun++}`,
      transactionalId,
      epoch,
      number,
      produces: [],
      offsets: [],
      outcome: 'unknown',
      asked: 0,
      withoutEffect: 0,
      acks: [],
    };
    this.history.producers.transactions.push(event);
    return event;
  }

  /** Records of the transaction, each with its name in its value. */
  records(
    event: TransactionEvent,
    writer: string,
    wanted: readonly (Place & { value: string })[],
  ): TransactionRecord[] {
    const padding = paddingOf(this.random);
    return wanted.map(({ topic, partition, value }) => {
      const own = `${value} of ${event.name}`;
      let produce = event.produces.find((one) => one.topic === topic && one.partition === partition);
      if (produce === undefined) {
        const askedAt = this.history.tick();
        produce = { writer, topic, partition, values: [], askedAt, answer: { kind: 'none' } };
        event.produces.push(produce);
        this.history.produces.push(produce);
      }
      produce.values.push(own);
      return { topic, partition, key: null, value: valueOf(own, padding), headers: [] };
    });
  }

  /** A few, or none. */
  someRecords(event: TransactionEvent, writer: string): TransactionRecord[] {
    const count = randomBelow(this.random, 4);
    const wanted = Array.from({ length: count }, (_, index) => {
      const { topic, partition } = this.places[randomBelow(this.random, this.places.length)] as Place;
      const sofar = event.produces.reduce((sum, { values }) => sum + values.length, 0);
      return { topic, partition, value: `${sofar + index}` };
    });
    return this.records(event, writer, wanted);
  }

  /** Offsets of a group that nobody reads, each commit under the name of its transaction. */
  someOffsets(event: TransactionEvent, always: boolean): GroupOffsets | undefined {
    if (!always && this.random.fraction() < 0.5) return undefined;
    const { topic, partition } = this.places[randomBelow(this.random, this.places.length)] as Place;
    const group = `group of ${event.transactionalId}`;
    const offset = randomBelow(this.random, 1_000);
    event.offsets.push({ group, topic, partition, offset });
    return { group, offsets: [{ topic, partition, offset, metadata: event.name }] };
  }

  /** One more attempt to commit it is under way. */
  asked(event: TransactionEvent): void {
    event.asked++;
    if (event.outcome === 'aborted') this.answerAll(event, { kind: 'none' });
    if (event.outcome === 'aborted') event.outcome = 'unknown';
  }

  committed(event: TransactionEvent, partitions: TransactionEvent['acks'][number]): void {
    event.acks.push(partitions);
    event.outcome = 'committed';
    const answeredAt = this.history.tick();
    for (const { topic, partition, baseOffset } of partitions) {
      const produce = event.produces.find((one) => one.topic === topic && one.partition === partition);
      if (produce !== undefined && produce.answer.kind !== 'acked') {
        produce.answer = { kind: 'acked', baseOffset, answeredAt };
      }
    }
  }

  /** An attempt to commit has failed. Only where none can have had an effect is the transaction surely not there. */
  failed(event: TransactionEvent, { code, effect }: MillraceError): void {
    if (effect === 'none') event.withoutEffect++;
    if (event.outcome === 'committed' || event.withoutEffect < event.asked) return;
    this.aborted(event, { kind: 'failed', code, effect, answeredAt: this.history.tick() });
  }

  /** Nothing of it may ever be seen. */
  aborted(event: TransactionEvent, answer?: ProduceEvent['answer']): void {
    event.outcome = 'aborted';
    const answeredAt = this.history.tick();
    this.answerAll(event, answer ?? { kind: 'failed', code: 'INVALID_TXN_STATE', effect: 'none', answeredAt });
  }

  private answerAll(event: TransactionEvent, answer: ProduceEvent['answer']): void {
    for (const produce of event.produces) if (produce.answer.kind !== 'acked') produce.answer = answer;
  }
}

/** Where each partition's first record is, of an answer that names all records in order. */
export function firstOffsets(
  records: readonly { topic: string; partition: number; offset: number }[],
): TransactionEvent['acks'][number] {
  const first = new Map<string, TransactionEvent['acks'][number][number]>();
  for (const { topic, partition, offset } of records) {
    const name = `${topic}-${partition}`;
    if (!first.has(name)) first.set(name, { topic, partition, baseOffset: offset });
  }
  return [...first.values()];
}
