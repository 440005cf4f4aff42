/** Of a compacted partition the newest record of each key stays, and a tombstone for as long as its topic says. */
import { mayBeErased } from './erasure-watch.ts';
import type { LifecycleChecker, LifecycleHistory, TruePartition } from './lifecycle-history.ts';

export const compactionCheckers: Record<string, LifecycleChecker> = {
  'nothing comes back that a tombstone has deleted': (history) =>
    [...history.partitions.values()].flatMap((partition) => {
      const { topicId, topic, records } = partition;
      const { deleteRetentionMs } = history.plan.topics.find(({ name }) => name === topic) ?? {};
      if (deleteRetentionMs === undefined || !history.audited.has(topicId)) return [];
      const seen = new Set(
        history.readings
          .filter((event) => event.how === 'audit' && event.topic === topic && event.partition === partition.partition)
          .flatMap((event) => event.records.map(({ offset }) => offset)),
      );
      return records.flatMap(({ isTombstone, key }, offset) => {
        if (!isTombstone || seen.has(offset)) return [];
        // By its header alone, which is no update of the key.
        if (mayBeErased(history, partition, { offset, answeredAt: history.tick() })) return [];
        const older = records.findIndex((record, at) => at < offset && record.key === key && seen.has(at));
        return older < 0
          ? []
          : [`${topic} ${partition.partition} ${older} of ${key} is there, its tombstone ${offset} is not`];
      });
    }),
};

/** Whether a reader that was answered at this moment need not have got the record of this offset. */
export function mayBeCompacted(
  history: LifecycleHistory,
  { topic, records }: TruePartition,
  { offset, answeredAt }: { offset: number; answeredAt: number },
): boolean {
  const { deleteRetentionMs } = history.plan.topics.find(({ name }) => name === topic) ?? {};
  const record = records[offset];
  if (deleteRetentionMs === undefined || record === undefined) return false;
  const isNewer = ({ key, moment }: (typeof records)[number]) => key === record.key && moment <= answeredAt;
  if (records.slice(offset + 1).some(isNewer)) return true;
  const keptMs = history.msOf(answeredAt) - record.atMs + 2 * history.plan.skewMsMax;
  return record.isTombstone && keptMs >= deleteRetentionMs;
}
