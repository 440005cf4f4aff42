/**
 * A topic as clients see it: each partition led by a virtual broker, with as many of the others beside it as the topic
 * has replicas. Which they are says nothing about where the records are; how many of them are in sync does.
 */
import { topicOrNone } from '../../broker/groups/topic-directory.ts';
import { inSyncReplicas } from '../../broker/ledger/replicated.ts';
import { count } from '../../coordination/replication/replica-state.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { TopicSummary } from '../../log/topic/topic-item.ts';
import type { Call } from '../api.ts';

export interface TopicView extends TopicSummary {
  isInternal: boolean;
  partitionAt(index: number): PartitionView;
}

export interface PartitionView {
  leaderId: number;
  leaderEpoch: number;
  replicaNodes: number[];
  isrNodes: number[];
}

/** Of a topic with a single replica: nobody else could lead it, so that its leader epoch never changes. */
const ONLY_EPOCH = 0;
/** By this clients know that they need not check the leader epoch. */
const UNKNOWN_EPOCH = -1;

/**
 * Kafka's own topics (org.apache.kafka.common.internals.Topic). Here they are nothing special, but clients pass over
 * them.
 */
const INTERNAL: ReadonlySet<string> = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state']);

export function isInternal(name: string): boolean {
  return INTERNAL.has(name);
}

export async function viewOrNone(call: Call, name: string, how?: { fresh: boolean }): Promise<TopicView | undefined> {
  const topic = await topicOrNone(call.gateway.broker, name, how);
  return topic && viewOf(call, topic);
}

/** The same from an entry of the directory, which is enough for a topic with a single replica: nothing more is read. */
export async function viewOfListed(call: Call, summary: TopicSummary): Promise<TopicView | undefined> {
  if (summary.replicationFactor > 1) return viewOrNone(call, summary.name);
  return view(call, summary, () => ({ leaderEpoch: ONLY_EPOCH, inSync: 1 }));
}

function viewOf(call: Call, topic: Topic): TopicView {
  const { heads } = call.gateway.broker;
  return view(call, topic, (partition) => {
    if (topic.replicationFactor === 1) return { leaderEpoch: ONLY_EPOCH, inSync: 1 };
    // Only what this process remembers: to read the head of each ledger would be too much for a list of topics.
    const head = heads.peek(ledgerOf(topic, partition).ledger);
    if (head === undefined) return { leaderEpoch: UNKNOWN_EPOCH, inSync: topic.replicationFactor };
    return { leaderEpoch: head.epoch, inSync: count(inSyncReplicas(head)) };
  });
}

function view(
  { gateway: { cluster, topicNames } }: Call,
  { name, topicId, partitions, replicationFactor }: TopicSummary,
  stateOf: (partition: number) => { leaderEpoch: number; inSync: number },
): TopicView {
  topicNames.learn(topicId, name);
  return {
    name,
    topicId,
    partitions,
    replicationFactor,
    isInternal: isInternal(name),
    partitionAt: (index) => {
      const replicaNodes = cluster.replicasOf(topicId, index, replicationFactor).map(({ nodeId }) => nodeId);
      const { leaderEpoch, inSync } = stateOf(index);
      return {
        leaderId: replicaNodes[0] as number,
        leaderEpoch,
        replicaNodes,
        isrNodes: replicaNodes.slice(0, inSync),
      };
    },
  };
}
