/** What must hold of idempotent producers. */

import type { Checker, History, SequencedBatch } from './history.ts';
import { isCutOff } from './replication-checkers.ts';

export const producerCheckers: Record<string, Checker> = {
  'no sequence of a producer is in the log twice': (history) => {
    const seen = new Map<string, string>();
    return sequencedRecords(history).flatMap(({ batch, index, place }) => {
      const { producer, epoch, firstSequence, event } = batch;
      const name = `${producer} epoch ${epoch} sequence ${firstSequence + index} of ${event.topic}-${event.partition}`;
      const before = seen.get(name);
      seen.set(name, place);
      return before === undefined ? [] : [`${name} is at ${before} and at ${place}`];
    });
  },

  'every ack of a batch is of the same place': (history) =>
    history.producers.batches.flatMap(({ offsets, event, ...batch }) =>
      // What an election has cut off may be sent anew.
      new Set(offsets.filter((offset) => event.acks !== 'leader' || !isCutOff(history, event, offset))).size <= 1
        ? []
        : [`${batch.producer} was told ${offsets.join(', ')} of ${event.values[0]}, sequence ${batch.firstSequence}`],
    ),

  'sequences of an epoch are in the log in order and without a hole': (history) => {
    const next = new Map<string, number>();
    return sequencedRecords(history).flatMap(({ batch, index, place }) => {
      const { producer, epoch, firstSequence, event } = batch;
      const name = `${producer} epoch ${epoch} in ${event.topic}-${event.partition}`;
      const sequence = firstSequence + index;
      const expected = next.get(name) ?? 0;
      next.set(name, sequence + 1);
      return sequence === expected ? [] : [`${name} has ${sequence} at ${place}, where ${expected} should be`];
    });
  },

  'an older epoch writes nothing after a newer one': (history) => {
    const newest = new Map<string, number>();
    return sequencedRecords(history).flatMap(({ batch, place }) => {
      const { producer, epoch, event } = batch;
      const name = `${producer} in ${event.topic}-${event.partition}`;
      const before = newest.get(name) ?? epoch;
      newest.set(name, Math.max(before, epoch));
      return epoch >= before ? [] : [`${name} has epoch ${epoch} at ${place}, after epoch ${before}`];
    });
  },

  'what is called written before was written': (history) => {
    const written = new Set(sequencedRecords(history).map(({ batch }) => batch));
    return history.producers.batches.flatMap((batch) =>
      batch.writtenBefore && !written.has(batch)
        ? [`${batch.producer} was told that ${batch.event.values[0]} was written before; it is not there`]
        : [],
    );
  },
};

/** What is in the log of sequenced batches, partition by partition, in the order of offsets. */
function sequencedRecords({ finals, producers }: History): { batch: SequencedBatch; index: number; place: string }[] {
  const batches = new Map(
    producers.batches.flatMap((batch) => batch.event.values.map((value, index) => [value, { batch, index }] as const)),
  );
  return finals.flatMap(({ topic, partition, values }) =>
    values.flatMap(({ offset, value }) => {
      const found = batches.get(value);
      return found === undefined ? [] : [{ ...found, place: `${topic}-${partition} ${offset}` }];
    }),
  );
}
