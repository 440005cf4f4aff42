/** When nothing is left to do, there is what is needed and nothing else. */
import type { LifecycleChecker } from './lifecycle-history.ts';
import { nameOf } from './reading-checkers.ts';

export const restCheckers: Record<string, LifecycleChecker> = {
  'what is needed is there, and nothing else': ({ leftOver }) => leftOver,

  'the consistency check finds nothing': ({ findings }) => findings,

  'everything from the log start on is read in the end': (history) =>
    [...history.topics].flatMap(([topic]) => {
      const { partitions = 0 } = history.plan.topics.find(({ name }) => name === topic) ?? {};
      return Array.from({ length: partitions }, (_, partition) => ({ topic, partition })).flatMap((place) => {
        const partition = history.latest(place);
        const audits = history.readings.filter(
          (event) => event.how === 'audit' && event.topic === topic && event.partition === place.partition,
        );
        if (partition === undefined || !history.audited.has(partition.topicId)) return [];
        const start = partition.starts.at(-1)?.start ?? 0;
        const end = partition.records.length;
        const reached = audits.reduce((next, { from, to }) => (from === next ? to : next), start);
        return reached === end ? [] : [`${nameOf(place)} was read to ${reached}, and ends at ${end}`];
      });
    }),
};
