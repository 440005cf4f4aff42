/**
 * Changes a topic: more partitions, other configs. The change is one conditional write on the version that it was
 * decided from; if someone else was first it is decided again from what is there then.
 *
 * The heads of new ledgers are put first, under keys that follow from the topic's id and their number: what a crashed
 * attempt left is still untouched, because no partition leads to it, and is used as it is. Each put is conditional on
 * the topic too, so that none can bring a ledger back to life after the topic's deletion.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, type TopicId } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import { headKey } from '../../log/ledger/head.ts';
import { mergeTopicConfig, type TopicConfigInput, type TopicConfigOverrides } from '../../log/topic/config.ts';
import { checkTopicName } from '../../log/topic/name.ts';
import { ledgerCount, type Topic } from '../../log/topic/topic.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import { changeWrites, discard, ledgersOf, unchangedCheck } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { type Decision, decideAgain, writeRepeatedly } from '../write-attempts.ts';
import { checkPartitions } from './create-topic.ts';
import { describeTopic, type TopicDescription } from './describe-topic.ts';
import { checkReplicationFactor, newHeadWrite } from './new-ledgers.ts';
import { unknownTopic } from './topic-cache.ts';

export interface AlterTopicRequest {
  /** Not fewer than there are. */
  partitions?: number;
  /** There have to be more than there are. */
  mustGrow?: boolean;
  /** Merged into the topic's configs; `null` resets one. Or what makes that of those that are set. */
  config?: TopicConfigInput | ((overrides: TopicConfigOverrides) => TopicConfigInput);
  /** Only say whether it can be done. */
  validateOnly?: boolean;
}

/**
 * Throws `UNKNOWN_TOPIC_OR_PARTITION`, `INVALID_TOPIC`, `INVALID_PARTITIONS`, `INVALID_CONFIG`, and
 * `INVALID_REPLICATION_FACTOR` where there are fewer replicas now than the ledgers of new partitions need.
 */
export async function alterTopic(broker: Broker, name: string, request: AlterTopicRequest): Promise<TopicDescription> {
  checkTopicName(name);
  const put = new Map<string, LedgerId>();
  await decideAgain(`change of the topic ${name}`, () => attemptChange(broker, name, request, put));
  return describeTopic(broker, name);
}

/** `put` collects the ledgers whose heads attempts have put, for the one that finds the topic gone. */
async function attemptChange(
  broker: Broker,
  name: string,
  request: AlterTopicRequest,
  put: Map<string, LedgerId>,
): Promise<Decision<undefined>> {
  const attributes = await broker.metadata.get(topicKey(name), 'strong');
  const topic = attributes && decodeTopic(name, attributes);
  const ready = topic?.state === 'ready' ? topic : undefined;
  await discardOrphans(broker, ready?.topicId, put);
  if (ready === undefined) throw unknownTopic(name);
  return change(broker, ready, request, put);
}

async function change(
  broker: Broker,
  topic: Topic,
  request: AlterTopicRequest,
  put: Map<string, LedgerId>,
): Promise<Decision<undefined>> {
  const next = altered(topic, request);
  if (next === undefined) return { done: undefined };
  const added = ledgersOf(next, ledgerCount(topic.partitions, topic.ledgerPartitions));
  if (added.length > 0) checkReplicationFactor(broker, topic.replicationFactor);
  if (request.validateOnly === true) return { done: undefined };
  for (const ledger of added) put.set(ledgerName(ledger), ledger);
  if (!(await putHeads(broker, topic, added))) return 'again';
  const result = await broker.metadata.write(changeWrites(topic, next));
  broker.topics.forget(topic.name);
  return result.outcome === 'applied' ? { done: undefined } : 'again';
}

/** The topic as asked for; `undefined` where it is so already. */
function altered(topic: Topic, request: AlterTopicRequest): Topic | undefined {
  const { partitions = topic.partitions } = request;
  const config = typeof request.config === 'function' ? request.config(topic.overrides) : (request.config ?? {});
  checkGrowth(topic, partitions, request.mustGrow === true);
  refuseFixed(topic, config);
  const { overrides, values } = mergeTopicConfig(topic.overrides, config);
  if (partitions === topic.partitions && sameOverrides(overrides, topic.overrides)) return undefined;
  return {
    ...topic,
    partitions,
    overrides,
    config: { ...values, 'ledger.partitions': topic.ledgerPartitions },
    version: topic.version + 1,
  };
}

function checkGrowth(topic: Topic, partitions: number, mustGrow: boolean): void {
  checkPartitions(partitions);
  if (partitions > topic.partitions || (partitions === topic.partitions && !mustGrow)) return;
  const has = `The topic "${topic.name}" has ${topic.partitions} partitions`;
  throw new MillraceError(
    'INVALID_PARTITIONS',
    partitions === topic.partitions ? `${has} already.` : `${has} and cannot have ${partitions}: partitions only grow.`,
  );
}

/** `ledger.partitions` may be named with the value that it has, so that a whole configuration can be sent again. */
function refuseFixed(topic: Topic, config: TopicConfigInput): void {
  const given = config['ledger.partitions'];
  if (given === undefined || String(given) === String(topic.ledgerPartitions)) return;
  throw new MillraceError(
    'INVALID_CONFIG',
    `The config ledger.partitions is fixed at the topic's creation: it is ${topic.ledgerPartitions} and cannot become ${given}.`,
  );
}

function sameOverrides(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** Answers whether all heads are there; `false` where the topic has changed meanwhile. */
async function putHeads(broker: Broker, topic: Topic, ledgers: readonly LedgerId[]): Promise<boolean> {
  const check = unchangedCheck(topic);
  const wakes = ledgers.length > 0 && (await broker.triggers.haveTopic(topic.name));
  const runs = await mapBounded(
    chunked(ledgers, storageLimits.transactionItemsMax - 1),
    topicLimits.ledgerCallsInFlightMax,
    async (run) => {
      const result = await writeRepeatedly(broker.metadata, [
        check,
        ...run.map((ledger) => newHeadWrite(broker, topic, ledger, wakes)),
      ]);
      if (result.outcome === 'applied') return true;
      if (result.index === 0) return false;
      // Some are there, from an attempt that crashed or one that runs beside this: put those that are not.
      for (const ledger of run) {
        const single = await writeRepeatedly(broker.metadata, [check, newHeadWrite(broker, topic, ledger, wakes)]);
        if (single.outcome === 'refused' && single.index === 0) return false;
      }
      return true;
    },
  );
  return runs.every((there) => there);
}

/**
 * A topic that was deleted under the change has no use for the heads; the one that is there has, or may be growing by
 * another's change.
 */
async function discardOrphans(broker: Broker, current: TopicId | undefined, put: Map<string, LedgerId>): Promise<void> {
  const orphans = [...put.values()].filter(({ topicId }) => topicId !== current);
  await mapBounded(orphans, topicLimits.ledgerCallsInFlightMax, (ledger) =>
    writeRepeatedly(broker.metadata, [discard(headKey(ledger))]),
  );
}
