/**
 * Makes the index of merged segments anew from the footers of their objects, where it was lost (docs/fsck.md). Nothing
 * else may be at work: to the sweep an object that no item names is an orphan.
 *
 * All objects are listed first, and then all ledgers are gone through, one after the other. What has its item is left
 * as it is, so that it may be cut off anywhere and run again.
 */
import type { TopicId } from '../../kernel/ids.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { deletedTopicKey } from '../../log/topic/deleted-topic-item.ts';
import { ledgerCount, type Topic } from '../../log/topic/topic.ts';
import { decodeTopic, TOPIC_DIRECTORY, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { decoded } from '../check/unreadable.ts';
import { type FindOptions, type FoundObjects, findObjects } from './find-objects.ts';
import { type LedgerProposal, proposeLedger, restoreLedger } from './restore-ledger.ts';

export interface TopiclessObjects {
  topicId: TopicId;
  /** By the footers. */
  topic: string;
  objects: number;
}

export type RestoreStep =
  | { step: 'found'; found: FoundObjects }
  | { step: 'ledger'; proposal: LedgerProposal; written: boolean }
  /** An id that no topic has. */
  | { step: 'topicless'; objects: TopiclessObjects };

export interface RestoreOptions extends FindOptions {
  /** Without it nothing is changed. */
  write: boolean;
}

/** One after the other what was found and done. Throws where a store does not answer; it may be run again. */
export async function* restoreSegments(broker: Broker, options: RestoreOptions): AsyncGenerator<RestoreStep> {
  const { signal } = options;
  const found = await findObjects(broker, options);
  if (signal.aborted) return;
  yield { step: 'found', found };
  const known = new Set<TopicId>();
  for await (const topic of topicsOf(broker)) {
    known.add(topic.topicId);
    for (let index = 0; index < ledgerCount(topic.partitions, topic.ledgerPartitions); index++) {
      if (signal.aborted) return;
      yield await stepOf(broker, { topic, index, found, write: options.write });
    }
  }
  for (const [topicId, { name, partitions }] of found.topics) {
    if (known.has(topicId) || (await broker.metadata.get(deletedTopicKey(topicId), 'strong')) !== undefined) continue;
    const objects = [...partitions.values()].reduce((sum, { length }) => sum + length, 0);
    yield { step: 'topicless', objects: { topicId, topic: name, objects } };
  }
}

async function stepOf(
  broker: Broker,
  { topic, index, found, write }: { topic: Topic; index: number; found: FoundObjects; write: boolean },
): Promise<RestoreStep> {
  const objects = found.topics.get(topic.topicId)?.partitions ?? new Map();
  const proposal = await proposeLedger(broker, { topic, index, found: objects, isWhole: found.unusable.length === 0 });
  if (write) await restoreLedger(broker, proposal);
  return { step: 'ledger', proposal, written: write };
}

/** Those that are not being deleted. One whose item cannot be read is found by the check. */
async function* topicsOf({ metadata }: Broker): AsyncGenerator<Topic> {
  let from: string | undefined = '';
  while (from !== undefined) {
    const query = { pk: TOPIC_DIRECTORY, from, limit: requestLimits.listPageMax, consistency: 'strong' as const };
    const page = await metadata.query(query);
    for (const { key } of page.items) {
      const attributes = await metadata.get(topicKey(key.sk), 'strong');
      const topic = attributes && decoded(() => decodeTopic(key.sk, attributes)).value;
      if (topic?.state === 'ready') yield topic;
    }
    from = page.next;
  }
}
