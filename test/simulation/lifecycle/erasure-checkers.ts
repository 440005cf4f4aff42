/** What is erased is gone from everywhere once its erasure says so, and nothing else is. */
import { erasedFrom } from './erasure-watch.ts';
import {
  endAt,
  type LifecycleChecker,
  type LifecycleHistory,
  type TrueErasure,
  type TruePartition,
} from './lifecycle-history.ts';
import { nameOf } from './reading-checkers.ts';

export const erasureCheckers: Record<string, LifecycleChecker> = {
  'an erasure reaches as far as the log did when it was answered': (history) =>
    history.erasureAnswers.flatMap(({ id, topic, askedAt, answeredAt }) => {
      const { partitions } = history.erasures.get(id) ?? {};
      return (history.topics.get(topic) ?? []).flatMap((topicId) =>
        [...history.partitions.values()].flatMap((partition) => {
          if (partition.topicId !== topicId) return [];
          const end = partitions?.get(`${topicId}/${partition.partition}`)?.end;
          // Of a topic that is deleted and made again it is about one.
          if (end === undefined && isPassing(history, topic)) return [];
          if (end !== undefined && end >= endAt(partition, askedAt) && end <= endAt(partition, answeredAt)) return [];
          return [`${id} reaches to ${end} of ${nameOf(partition)}`];
        }),
      );
    }),

  'an erasure comes to its end': (history) =>
    [...history.erasures.values()].flatMap(({ id, doneAt }) => (doneAt === undefined ? [`${id} is not done`] : [])),

  'what is erased is nowhere any more': (history) =>
    [...history.erasures.values()].flatMap(({ id, left }) => left.map((name) => `${id} left ${name}`)),

  'nobody is given what was erased': (history) =>
    [...history.erasures.values()].flatMap((erasure) => givenAfter(history, erasure)),

  'an erasure counts what it has removed': (history) =>
    [...history.erasures.values()].flatMap((erasure) =>
      [...erasure.partitions].flatMap(([name, { removed }]) => {
        const partition = history.partitions.get(name);
        const most = partition === undefined ? 0 : erasedFrom(erasure, partition).length;
        // Others may have been compacted or deleted, or erased by another one.
        const least = history.erasures.size === 1 && isKeptWhole(history, partition) ? most : 0;
        if (removed >= least && removed <= most) return [];
        return [`${erasure.id} says that it removed ${removed} records of ${name}, of ${most}`];
      }),
    ),
};

function isKeptWhole({ plan }: LifecycleHistory, partition: TruePartition | undefined): boolean {
  const { retentionMs, retentionBytes, deleteRetentionMs, deletesRecords, passes } =
    plan.topics.find(({ name }) => name === partition?.topic) ?? {};
  return (retentionMs ?? retentionBytes ?? deleteRetentionMs) === undefined && !(deletesRecords || passes);
}

function isPassing({ plan }: LifecycleHistory, topic: string): boolean {
  return plan.topics.some(({ name, passes }) => name === topic && passes);
}

function givenAfter(history: LifecycleHistory, erasure: TrueErasure): string[] {
  const { id, doneAt } = erasure;
  if (doneAt === undefined) return [];
  return [...erasure.partitions].flatMap(([name]) => {
    const partition = history.partitions.get(name);
    if (partition === undefined) return [];
    const gone = new Set(erasedFrom(erasure, partition).map(({ text }) => text));
    return history.readings
      .filter(
        ({ topic, partition: number, askedAt }) =>
          topic === partition.topic && number === partition.partition && askedAt > doneAt,
      )
      .flatMap(({ reader, how, records }) => {
        const found = records.find(({ text }) => gone.has(text));
        return found === undefined
          ? []
          : [`${reader} (${how}) was given ${found.text} at ${nameOf(partition)} ${found.offset} after ${id} was done`];
      });
  });
}
