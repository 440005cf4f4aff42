/** A group with its members, what each owns, and how far it is behind in each partition. */
import { eachPartition } from '../../coordination/groups/partitions.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { ledgerName, type TopicId } from '../../kernel/ids.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { highWatermark } from '../ledger/replicated.ts';
import { nameOf } from './group-items.ts';
import { type GroupView, noSuchGroup, viewGroup } from './group-view.ts';
import { listCommittedOffsets } from './list-committed-offsets.ts';
import { lookOver } from './look-over.ts';
import type { TopicPartitions } from './poll.ts';
import { topicOrNone, topicsOf } from './topic-directory.ts';

export interface DescribedPartition {
  topic: string;
  partition: number;
  /** `null`: none is committed. */
  committed: number | null;
  logStart: number;
  highWatermark: number;
  /** Records from the committed offset, or where there is none from the start, to the end. */
  lag: number;
  /** Who owns it. */
  memberId: string | undefined;
}

export interface DescribedGroup extends GroupView {
  /** By seat. */
  assignments: ReadonlyMap<string, TopicPartitions[]>;
  /** What is committed, and what is owned; by topic and partition. */
  partitions: DescribedPartition[];
}

/** Throws `GROUP_ID_NOT_FOUND`. */
export async function describeGroup(broker: Broker, group: string): Promise<DescribedGroup> {
  checkGroupId(group);
  // Who is gone is not to be shown as a member because nobody else has looked.
  await lookOver(broker, group, await broker.groups.state(group, 0));
  const view = await viewGroup(broker, group);
  if (view === undefined) throw noSuchGroup(group);
  const rows = new Map<string, { topic: Topic; partition: number; committed: number | null; memberId?: string }>();
  for await (const { topic: name, partition, offset } of allCommitted(broker, group)) {
    const topic = await topicOrNone(broker, name);
    if (topic !== undefined) {
      rows.set(nameOf({ topicId: topic.topicId, partition }), { topic, partition, committed: offset });
    }
  }
  const assignments = new Map<string, TopicPartitions[]>();
  for (const member of view.members.values()) {
    if (member.kind !== 'consumer') continue;
    const topics = await topicsOf(broker, member.subscription, member.owned);
    assignments.set(member.seat, named(member.owned, topics));
    for (const partition of eachPartition(member.owned)) {
      const topic = topics.get(partition.topicId);
      if (topic === undefined) continue;
      const row = rows.get(nameOf(partition)) ?? { topic, partition: partition.partition, committed: null };
      rows.set(nameOf(partition), { ...row, ...(member.memberId !== undefined && { memberId: member.memberId }) });
    }
  }
  return { ...view, assignments, partitions: await withLag(broker, [...rows.values()]) };
}

async function* allCommitted(broker: Broker, group: string) {
  let cursor: string | undefined;
  do {
    const page = await listCommittedOffsets(broker, {
      group,
      limit: requestLimits.listPageMax,
      ...(cursor !== undefined && { cursor }),
    });
    yield* page.offsets;
    cursor = page.next;
  } while (cursor !== undefined);
}

function named(owned: ReadonlyMap<TopicId, readonly number[]>, topics: ReadonlyMap<TopicId, Topic>): TopicPartitions[] {
  return [...owned].flatMap(([topicId, partitions]) => {
    const topic = topics.get(topicId)?.name;
    return topic === undefined ? [] : [{ topic, partitions }];
  });
}

async function withLag(
  broker: Broker,
  rows: readonly { topic: Topic; partition: number; committed: number | null; memberId?: string }[],
): Promise<DescribedPartition[]> {
  const ledgers = new Map(
    rows.map(({ topic, partition }) => {
      const { ledger } = ledgerOf(topic, partition);
      return [ledgerName(ledger), ledger];
    }),
  );
  await mapBounded([...ledgers.values()], storageLimits.storageFanOutMax, (ledger) => broker.heads.strong(ledger));
  const described = rows.flatMap(({ topic, partition, committed, memberId }): DescribedPartition[] => {
    const { ledger, slot } = ledgerOf(topic, partition);
    const head = broker.heads.peek(ledger);
    if (head === undefined) return [];
    const [logStart, end] = [head.start[slot] as number, highWatermark(head, slot)];
    const lag = Math.max(0, end - Math.max(committed ?? logStart, logStart));
    return [{ topic: topic.name, partition, committed, logStart, highWatermark: end, lag, memberId }];
  });
  return described.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}
