/**
 * Creates a topic. There is no half-created topic: until the topic's item is there, written in one transaction with its
 * directory entry, nobody can know of its ledgers, because their keys hold its fresh id.
 *
 * Ledger heads that fit into that transaction go with it. More heads go first, in transactions of their own; a creator
 * who then finds the name taken deletes its heads. A crash in between leaves heads that nothing refers to: they cost
 * their bytes and nothing else.
 *
 * A creation whose answer was lost is repeated under the same id, which the topic's item then shows (create-once.ts).
 * If all attempts stay unanswered the caller hears `effect: unknown`: the topic may be there, or appear until the store
 * gives up the last attempt or something of the name is deleted.
 */
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { newTopicId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import { headKey } from '../../log/ledger/head.ts';
import { parseTopicConfig, type TopicConfigInput } from '../../log/topic/config.ts';
import { checkTopicName } from '../../log/topic/name.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { claimKey, decodeClaim, decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import { creationWrites, deletionName, discard, ledgersOf } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { CREATION_CHECKS, createOnce, prepareOnce, type Taken } from '../create-once.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { describeNewTopic, type TopicDescription } from './describe-topic.ts';
import { finishTopicDeletion } from './finish-topic-deletion.ts';
import { checkReplicationFactor, newHeadWrite } from './new-ledgers.ts';

export interface CreateTopicRequest {
  name: string;
  /** 1 to `topicLimits.partitionsPerTopicMax`; 1 where absent. */
  partitions?: number;
  /** 1 where absent, and at most the number of replicas that are configured. */
  replicationFactor?: number;
  config?: TopicConfigInput;
}

/**
 * Throws `INVALID_TOPIC`, `INVALID_PARTITIONS`, `INVALID_REPLICATION_FACTOR`, `INVALID_CONFIG`, `TOPIC_ALREADY_EXISTS`.
 */
export async function createTopic(broker: Broker, request: CreateTopicRequest): Promise<TopicDescription> {
  const topic = newTopic(broker, request);
  const wakes = await broker.triggers.haveTopic(topic.name);
  const headWrites = ledgersOf(topic).map((ledger) => newHeadWrite(broker, topic, ledger, wakes));
  const topicWrites = creationWrites(topic);
  if (headWrites.length + topicWrites.length + CREATION_CHECKS <= storageLimits.transactionItemsMax) {
    await makeKnown(broker, topic, [...topicWrites, ...headWrites]);
  } else {
    await refuseTaken(broker, topic.name);
    await createLarge(broker, topic, topicWrites, headWrites);
  }
  broker.topics.forget(topic.name);
  return describeNewTopic(broker, topic);
}

/**
 * What creating the topic would come to now, without creating it: its description, or the error. The id is not one that
 * the topic will have.
 */
export async function checkNewTopic(broker: Broker, request: CreateTopicRequest): Promise<TopicDescription> {
  const topic = newTopic(broker, request);
  await refuseTaken(broker, topic.name);
  const key = claimKey(topic.name);
  const claim = key && (await broker.metadata.get(key, 'strong'));
  if (claim !== undefined) throw collides(decodeClaim(claim));
  return describeNewTopic(broker, topic);
}

function newTopic(broker: Broker, request: CreateTopicRequest): Topic {
  const { name, partitions = 1, replicationFactor = 1 } = request;
  checkTopicName(name);
  checkPartitions(partitions);
  checkReplicationFactor(broker, replicationFactor);
  const { overrides, values } = parseTopicConfig(request.config ?? {});
  return {
    name,
    topicId: newTopicId(broker.random),
    partitions,
    replicationFactor,
    ledgerPartitions: values['ledger.partitions'],
    overrides,
    config: values,
    version: 1,
    state: 'ready',
  };
}

/** Throws `INVALID_PARTITIONS`. */
export function checkPartitions(partitions: number): void {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= topicLimits.partitionsPerTopicMax) return;
  throw new MillraceError(
    'INVALID_PARTITIONS',
    `${partitions} partitions are not allowed: 1 to ${topicLimits.partitionsPerTopicMax} are`,
  );
}

/** Spares a creation that cannot succeed the writing of many heads. */
async function refuseTaken(broker: Broker, name: string): Promise<void> {
  const found = await findTopic(broker, name);
  if (found?.state === 'ready') throw alreadyExists(name);
}

async function createLarge(broker: Broker, topic: Topic, topicWrites: Write[], headWrites: Write[]): Promise<void> {
  try {
    const runs = chunked(headWrites, storageLimits.transactionItemsMax - CREATION_CHECKS);
    await mapBounded(runs, topicLimits.ledgerCallsInFlightMax, (writes) =>
      prepareOnce(broker, deletionName(topic.name), writes),
    );
    await makeKnown(broker, topic, topicWrites);
  } catch (error) {
    // With an unknown outcome the topic may be there, and then its heads must stay.
    if (error instanceof MillraceError && error.effect === 'none') await discardHeads(broker, topic);
    throw error;
  }
}

async function discardHeads(broker: Broker, topic: Topic): Promise<void> {
  try {
    await mapBounded(ledgersOf(topic), topicLimits.ledgerCallsInFlightMax, (ledger) =>
      writeRepeatedly(broker.metadata, [discard(headKey(ledger))]),
    );
  } catch (error) {
    broker.log.warn('ledger heads of a topic that was not created are left behind', {
      topic: topic.name,
      topicId: topic.topicId,
      error: String(error),
    });
  }
}

/** The transaction that makes the topic exist, the item with its name first. */
function makeKnown(broker: Broker, topic: Topic, writes: readonly Write[]): Promise<void> {
  return createOnce(broker, {
    what: `the topic "${topic.name}"`,
    name: deletionName(topic.name),
    writes,
    judge: (key, item) => judge(broker, topic, key, item),
    isThere: async () => (await findTopic(broker, topic.name))?.topicId === topic.topicId,
  });
}

function judge(broker: Broker, topic: Topic, key: ItemKey, item: Attributes): Taken {
  if (key.sk === 'claim') return { refusal: collides(decodeClaim(item)) };
  assert(key.sk === topicKey(topic.name).sk, `the head ${key.pk} of a new topic is there before the topic`);
  const found = decodeTopic(topic.name, item);
  if (found.topicId === topic.topicId) return 'ours';
  if (found.state === 'ready') return { refusal: alreadyExists(topic.name) };
  return { free: () => finishTopicDeletion(broker, found) };
}

async function findTopic(broker: Broker, name: string): Promise<Topic | undefined> {
  const found = await broker.metadata.get(topicKey(name), 'strong');
  return found && decodeTopic(name, found);
}

function collides(other: string): MillraceError {
  return new MillraceError(
    'INVALID_TOPIC',
    `the topic name collides with the topic "${other}": names that differ only in "." and "_" are not allowed side by side`,
  );
}

function alreadyExists(name: string): MillraceError {
  return new MillraceError('TOPIC_ALREADY_EXISTS', `there is a topic "${name}" already`);
}
