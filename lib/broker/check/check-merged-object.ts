/**
 * A merged object, from its own side: the item of a segment names it, or it is condemned. One of them always does, from the
 * transaction on that commits it to its deletion; and its footer says whose it is.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { sentence } from '../../kernel/sentence.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { CONDEMNED_END, CONDEMNED_START, decodeCondemned } from '../../log/merged/condemned-item.ts';
import { decodeSegmentFooter, type SegmentFooter, segmentFooterBytes } from '../../log/merged/segment-footer.ts';
import { decodeSegmentItem, segmentKey } from '../../log/merged/segment-item.ts';
import { objectName, parseObjectName } from '../../log/segment/object-name.ts';
import { deletedTopicKey } from '../../log/topic/deleted-topic-item.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
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
    const footer = await footerOf(broker, object);
    if (footer === undefined) return [];
    if (objectName('merged', footer.object) !== object) return [otherName(object)];
    if (await isNamed(broker, footer)) return [];
    // It may have been deleted between the two reads that say who names it.
    if ((await footerOf(broker, object)) === undefined || (await isNamed(broker, footer))) return [];
    const what = `Nothing refers to the merged object ${object} of partition ${footer.partition} of the topic ${footer.topic}.`;
    return [finding('object-unreferenced', { topic: footer.topic, object }, what)];
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'CORRUPT_MESSAGE') throw error;
    const what = sentence(`It cannot be told whose the merged object ${object} is: ${error.message}`);
    return [finding('object-unreadable', { object }, what)];
  }
}

async function footerOf(broker: Broker, name: string): Promise<SegmentFooter | undefined> {
  const tail = await broker.objects.getTail(name, limits.footerBytesGuess);
  if (tail === undefined) return undefined;
  const wanted = segmentFooterBytes(tail.bytes);
  if (wanted <= tail.bytes.length) return decodeSegmentFooter(tail.bytes);
  const whole = await broker.objects.getTail(name, wanted);
  return whole && decodeSegmentFooter(whole.bytes);
}

/** The segment is read first: what replaces it condemns the object in the same transaction. */
async function isNamed({ metadata }: Broker, footer: SegmentFooter): Promise<boolean> {
  const { topicId, partition, object } = footer;
  const name = objectName('merged', object);
  const key = segmentKey(topicId, footer);
  const attributes = await metadata.get(key, 'strong');
  const segment = attributes && decoded(() => decodeSegmentItem({ key, attributes })).value;
  if (segment !== undefined && objectName('merged', segment.object) === name) return true;
  if ((await metadata.get(deletedTopicKey(topicId), 'strong')) !== undefined) return true;
  const item = await metadata.get(topicKey(footer.topic), 'strong');
  const topic = item && decoded(() => decodeTopic(footer.topic, item)).value;
  if (topic?.topicId !== topicId) return false;
  const pk = ledgerKey({ topicId, index: Math.floor(partition / topic.ledgerPartitions) });
  let from: string | undefined = CONDEMNED_START;
  while (from !== undefined) {
    const query = { pk, from, to: CONDEMNED_END, limit: limits.scanPageItems, consistency: 'strong' as const };
    const page = await metadata.query(query);
    const names = page.items.flatMap((condemned) => decodeCondemned(condemned.attributes));
    if (names.some((one) => one.tier === 'merged' && objectName('merged', one.object) === name)) return true;
    from = page.next;
  }
  return false;
}
