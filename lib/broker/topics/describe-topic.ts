/** A topic with its configs and the state of every partition, as of after the call. */
import { has } from '../../coordination/replication/replica-state.ts';
import { assert } from '../../kernel/assert.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { decodeHead, headKey, initialHead, type LedgerHead } from '../../log/ledger/head.ts';
import type { TopicConfigOverrides, TopicConfigValues } from '../../log/topic/config.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { TopicSummary } from '../../log/topic/topic-item.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { headView, highWatermark, OWN_BUCKET } from '../ledger/replicated.ts';
import { decideAgain } from '../write-attempts.ts';
import { newReplication } from './new-ledgers.ts';
import { unknownPartition } from './topic-cache.ts';

export interface PartitionDescription {
  partition: number;
  /** The numbers of replicas. */
  leader: number;
  leaderEpoch: number;
  /** The preferred leader first. */
  replicas: number[];
  /** Those of them that are in sync, in the same order. */
  isr: number[];
  logStartOffset: number;
  highWatermark: number;
}

/** Of a partition in the stack's own bucket alone. */
const SINGLE = { replicas: [0], leader: 0, inSync: OWN_BUCKET };

export interface TopicDescription extends TopicSummary {
  /** The configs that were set, as text, exactly as given. */
  config: TopicConfigOverrides;
  /** Every config, the defaults included. */
  configValues: TopicConfigValues;
  partitionDetails: PartitionDescription[];
}

/** Throws `UNKNOWN_TOPIC_OR_PARTITION`, or `INVALID_TOPIC` for a name that no topic can have. */
export async function describeTopic(broker: Broker, name: string): Promise<TopicDescription> {
  let lacking: TopicId | undefined;
  return decideAgain(`description of the topic ${name}`, async () => {
    const topic = await broker.topics.getFresh(name);
    // A ledger of a ready topic is missing only where the topic was deleted meanwhile, and perhaps made anew.
    assert(topic.topicId !== lacking, `topic ${topic.topicId} is ready and lacks a ledger`);
    const heads = await readHeads(broker, topic);
    if (heads !== undefined) return { done: description(topic, heads) };
    lacking = topic.topicId;
    return 'again';
  });
}

/**
 * One partition, at the cost of one head. Throws `UNKNOWN_TOPIC_OR_PARTITION`, or `INVALID_TOPIC` for a name that no
 * topic can have.
 */
export async function describePartition(
  broker: Broker,
  name: string,
  partition: number,
): Promise<PartitionDescription> {
  let lacking: TopicId | undefined;
  return decideAgain(`description of the partition ${partition} of ${name}`, async () => {
    const topic = await broker.topics.getFresh(name);
    if (partition >= topic.partitions) throw unknownPartition(topic, partition);
    assert(topic.topicId !== lacking, `topic ${topic.topicId} is ready and lacks a ledger`);
    const { ledger, slot } = ledgerOf(topic, partition);
    const attributes = await broker.metadata.get(headKey(ledger), 'strong');
    if (attributes !== undefined) return { done: partitionOf(partition, decodeHead(attributes), slot) };
    lacking = topic.topicId;
    return 'again';
  });
}

/** A topic that was made a moment ago: nothing is in it yet. */
export function describeNewTopic(broker: Broker, topic: Topic): TopicDescription {
  return description(
    topic,
    ledgersOf(topic).map((ledger) => initialHead(newReplication(broker, topic, ledger))),
  );
}

async function readHeads(broker: Broker, topic: Topic): Promise<LedgerHead[] | undefined> {
  const heads = await mapBounded(ledgersOf(topic), topicLimits.ledgerCallsInFlightMax, async (ledger) => {
    const attributes = await broker.metadata.get(headKey(ledger), 'strong');
    return attributes && decodeHead(attributes);
  });
  return heads.every((head) => head !== undefined) ? heads : undefined;
}

function description(topic: Topic, heads: readonly LedgerHead[]): TopicDescription {
  const { name, topicId, partitions, replicationFactor, overrides, config } = topic;
  const partitionDetails = Array.from({ length: partitions }, (_, partition) => {
    const { ledger, slot } = ledgerOf(topic, partition);
    return partitionOf(partition, heads[ledger.index] as LedgerHead, slot);
  });
  return { name, topicId, partitions, replicationFactor, config: overrides, configValues: config, partitionDetails };
}

function partitionOf(partition: number, head: LedgerHead, slot: number): PartitionDescription {
  const { replicas, leader, inSync } = headView(head)?.state ?? SINGLE;
  return {
    partition,
    leader,
    leaderEpoch: head.epoch,
    replicas: [...replicas],
    isr: replicas.filter((replica) => has(inSync, replica)),
    logStartOffset: head.start[slot] as number,
    highWatermark: highWatermark(head, slot),
  };
}
