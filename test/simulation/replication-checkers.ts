/** What must hold of replicated ledgers, beside what holds of every log. */
import { covers } from '../../lib/coordination/replication/replica-state.ts';
import type { Checker, History, ProduceEvent } from './history.ts';
import type { Range } from './replication-history.ts';

export const replicationCheckers: Record<string, Checker> = {
  'the table and the buckets are sound after every write': ({ replication }) => replication.broken,

  'what an ack of the leader has promised goes only by an election': (history) => {
    const places = placesOf(history);
    return history.produces.flatMap((event) => {
      const { answer, acks, values } = event;
      if (acks !== 'leader' || answer.kind !== 'acked') return [];
      if (values.every((value, index) => places.get(value) === answer.baseOffset + index)) return [];
      return isCutOff(history, event, answer.baseOffset)
        ? []
        : [`${values[0]} was acked at ${answer.baseOffset}, is not there, and no election has cut it off`];
    });
  },

  'what all were asked for is held by all in sync when it is appended': (history) =>
    history.produces.flatMap((event) => {
      const { answer, acks, values } = event;
      if (acks === 'leader' || answer.kind !== 'acked') return [];
      const place = history.producers.places.get(`${event.topic}-${event.partition}`);
      const { baseOffset } = answer;
      // What was cut off may have had the offsets before: only the last append counts.
      const append = history.replication.appends.findLast(({ runs }) =>
        runs.some(({ ledger, slot, from, to }) => {
          return ledger === place?.ledger && slot === place.slot && from <= baseOffset && baseOffset < to;
        }),
      );
      if (append === undefined || covers(append.holders, append.inSync)) return [];
      return [`${values[0]} was appended with the holders ${append.holders}, and in sync were ${append.inSync}`];
    }),

  'too few replicas before the append: it is never there': (history) => {
    const places = placesOf(history);
    return history.produces.flatMap(({ answer, values }) => {
      if (answer.kind !== 'failed' || answer.code !== 'NOT_ENOUGH_REPLICAS') return [];
      const wrong = answer.effect === 'none' ? values.filter((value) => places.has(value)) : values;
      return wrong.map((value) => `${value} was refused for too few replicas, with effect ${answer.effect}`);
    });
  },

  'too few replicas after the append: it is there, or was cut off': (history) => {
    const places = placesOf(history);
    return history.produces.flatMap(({ answer, values }) => {
      if (answer.kind !== 'failed' || answer.code !== 'NOT_ENOUGH_REPLICAS_AFTER_APPEND') return [];
      if (answer.effect === 'none' || values.every((value) => places.has(value))) return [];
      return [`${values[0]} was appended, as its writer was told, and is not there`];
    });
  },

  'the end that readers are told never goes down': (history) => {
    if (history.replication.appends.length === 0) return [];
    return history.latests.flatMap((event, index) => {
      const before = history.latests.slice(0, index).find((one) => {
        const isSame = one.topic === event.topic && one.partition === event.partition;
        return isSame && one.answeredAt < event.askedAt && one.latest > event.latest;
      });
      return before === undefined
        ? []
        : [
            `${event.reader} was told latest ${event.latest} of ${event.topic}-${event.partition}, after ${before.latest}`,
          ];
    });
  },

  'all comes back by itself': ({ replication }) => replication.unrestored,
};

/** Whether some election has cut off what the request had there. */
export function isCutOff(
  history: History,
  event: Pick<ProduceEvent, 'topic' | 'partition' | 'values'>,
  baseOffset: number,
): boolean {
  const cutOff = history.replication.elections.flatMap((election) => election.cutOff);
  return isWithin(history, event, baseOffset, cutOff);
}

/** Whether all that readers may pass over there may be lost. */
export function mayBeLost(history: History, place: { topic: string; partition: number }, from: number, to: number) {
  const lost = history.replication.elections.flatMap((election) => election.lost);
  for (let offset = from; offset < to; offset++) {
    if (!isWithin(history, { ...place, values: [''] }, offset, lost)) return false;
  }
  return true;
}

function isWithin(
  { producers }: History,
  { topic, partition, values }: Pick<ProduceEvent, 'topic' | 'partition' | 'values'>,
  baseOffset: number,
  ranges: readonly Range[],
): boolean {
  const place = producers.places.get(`${topic}-${partition}`);
  return ranges.some(({ ledger, slot, from, to }) => {
    return ledger === place?.ledger && slot === place.slot && from <= baseOffset && baseOffset + values.length <= to;
  });
}

/** By value, its offset at the end. */
function placesOf({ finals }: History): Map<string, number> {
  return new Map(finals.flatMap(({ values }) => values.map(({ value, offset }) => [value, offset] as const)));
}
