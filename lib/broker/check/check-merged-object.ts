/**
 * A merged object, from its own side: the item of a segment names it, or it is condemned; and its footer says whose it
 * is.
 */
import type { SegmentFooter } from '../../log/merged/segment-footer.ts';
import { deletedTopicKey } from '../../log/topic/deleted-topic-item.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { isCondemned, isSegment, readMergedObject } from '../lifecycle/merged-object.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';
import { checkStoredObject } from './stored-object.ts';
import { decoded } from './unreadable.ts';

export function checkMergedObject(context: CheckContext, object: string): Promise<Finding[]> {
  const { broker } = context;
  const readFooter = async () => (await readMergedObject(broker, object))?.footer;
  return checkStoredObject(context, object, {
    readFooter,
    unneeded: async (footer) => {
      if (await isNeeded(broker, footer)) return undefined;
      // It may have been deleted between the two reads that say who names it.
      if ((await readFooter()) === undefined || (await isNeeded(broker, footer))) return undefined;
      const { topic, partition } = footer;
      const what = `Nothing refers to the merged object ${object} of partition ${partition} of the topic ${topic}.`;
      return finding('object-unreferenced', { topic, object }, what);
    },
  });
}

async function isNeeded(broker: Broker, footer: SegmentFooter): Promise<boolean> {
  const { topicId, topic: name, partition, object } = footer;
  if (await isSegment(broker, footer)) return true;
  if ((await broker.metadata.get(deletedTopicKey(topicId), 'strong')) !== undefined) return true;
  const item = await broker.metadata.get(topicKey(name), 'strong');
  const topic = item && decoded(() => decodeTopic(name, item)).value;
  if (topic?.topicId !== topicId) return false;
  return isCondemned(broker, { topicId, index: Math.floor(partition / topic.ledgerPartitions) }, object);
}
