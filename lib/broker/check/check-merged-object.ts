/** A merged object, from its own side: the item of a segment names it, or it is condemned; and its footer says whose it is. */
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { sentence } from '../../kernel/sentence.ts';
import type { SegmentFooter } from '../../log/merged/segment-footer.ts';
import { objectName, parseObjectName } from '../../log/segment/object-name.ts';
import { deletedTopicKey } from '../../log/topic/deleted-topic-item.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { isCondemned, isSegment, readMergedObject } from '../lifecycle/merged-object.ts';
import { otherName } from './check-object.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';
import { decoded } from './unreadable.ts';

export async function checkMergedObject(context: CheckContext, object: string): Promise<Finding[]> {
  context.counts.objects++;
  const { broker } = context;
  const parsed = parseObjectName(object);
  if (parsed === undefined) {
    return [finding('object-misnamed', { object }, `The object ${object} has a name that no object gets.`)];
  }
  if (parsed.id.birthMs > broker.clock.now() - limits.checkGraceMs) return [];
  try {
    const footer = (await readMergedObject(broker, object))?.footer;
    if (footer === undefined) return [];
    if (objectName('merged', footer.object) !== object) return [otherName(object)];
    if (await isNeeded(broker, footer)) return [];
    // It may have been deleted between the two reads that say who names it.
    if ((await readMergedObject(broker, object)) === undefined || (await isNeeded(broker, footer))) return [];
    const what = `Nothing refers to the merged object ${object} of partition ${footer.partition} of the topic ${footer.topic}.`;
    return [finding('object-unreferenced', { topic: footer.topic, object }, what)];
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'CORRUPT_MESSAGE') throw error;
    const what = sentence(`It cannot be told whose the merged object ${object} is: ${error.message}`);
    return [finding('object-unreadable', { object }, what)];
  }
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
