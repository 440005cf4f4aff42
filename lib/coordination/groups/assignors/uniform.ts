/**
 * `uniform`: every topic is spread evenly over its subscribers, and so is the total, in this order:
 * - of each topic, no two subscribers differ by more than one partition;
 * - who gets one more of a topic are those with the fewest partitions so far, so that members with equal subscriptions
 *   differ by at most one in total as well;
 * - with that settled, members keep what they have.
 */
import type { TopicId } from '../../../kernel/ids.ts';
import { byText } from '../partitions.ts';
import { type Assigned, type AssignorInput, assignedOf, type Holder, keepCurrent, subscribersOf } from './assignor.ts';

interface Share {
  holder: Holder;
  /** The partitions of the topic that the holder has and may keep. */
  had: number[];
  quota: number;
}

export function assignUniform(input: AssignorInput): Assigned {
  const current = keepCurrent(input);
  const holders: Holder[] = current.map(({ seat, topics }) => ({ seat, topics, held: [] }));
  const had = new Map(current.map(({ seat, held }) => [seat, Map.groupBy(held, ({ topicId }) => topicId)]));
  for (const { topicId, partitions, subscribers } of subscribersOf(holders, input.topics)) {
    const shares = subscribers.map((holder) => ({
      holder,
      had: (had.get(holder.seat)?.get(topicId) ?? []).map(({ partition }) => partition),
      quota: Math.floor(partitions / subscribers.length),
    }));
    for (const share of byNeed(shares).slice(0, partitions % subscribers.length)) share.quota++;
    fill(topicId, partitions, shares);
  }
  return assignedOf(holders);
}

/** Fewest partitions in total first; of equals, those that would otherwise have to give one up. */
function byNeed(shares: readonly Share[]): Share[] {
  return [...shares].sort(
    (a, b) =>
      a.holder.held.length - b.holder.held.length ||
      b.had.length - a.had.length ||
      byText(a.holder.seat, b.holder.seat),
  );
}

function fill(topicId: TopicId, partitions: number, shares: readonly Share[]): void {
  const kept = new Set<number>();
  for (const { holder, had, quota } of shares) {
    for (const partition of had.slice(0, quota)) {
      kept.add(partition);
      holder.held.push({ topicId, partition });
    }
  }
  const missing = shares.map(({ holder, had, quota }) => ({ holder, lacks: quota - Math.min(had.length, quota) }));
  let free = 0;
  for (const { holder, lacks } of missing) {
    for (let given = 0; given < lacks; free++) {
      if (free >= partitions) break;
      if (kept.has(free)) continue;
      holder.held.push({ topicId, partition: free });
      given++;
    }
  }
}
