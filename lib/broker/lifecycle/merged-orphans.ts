/**
 * Whether nothing refers to a merged object and nothing ever will: its merge was cut off, or another one was first.
 *
 * As of other orphans (orphans.ts): look; if nothing names it, raise the fence of the ledger's segments, after which none born
 * that early can be committed; and look again. Of a topic that is deleted nothing is needed.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId, ObjectId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { planSegmentFence } from '../../log/merged/fence.ts';
import { decodeLifecycle, lifecycleKey } from '../../log/merged/lifecycle-item.ts';
import type { SegmentFooter } from '../../log/merged/segment-footer.ts';
import { decodeSegmentItem, partitionKey, segmentSortKey } from '../../log/merged/segment-item.ts';
import { ledgerOf } from '../../log/topic/topic.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { mergedEnds } from '../check/merged-ends.ts';
import { isNamed, readMergedObject } from './merged-object.ts';

/** Not of an object that is gone already. */
export async function isMergedOrphan(broker: Broker, name: string): Promise<boolean> {
  const footer = (await readMergedObject(broker, name))?.footer;
  if (footer === undefined) return false;
  const place = await placeOf(broker, footer);
  if (place === undefined) return true;
  const { ledger } = place;
  if (await isNamed(broker, ledger, footer)) return false;
  if (await isPlaceLost(broker, place, footer)) {
    throw undecided(`No segment has the offset ${footer.base} of partition ${footer.partition} of ${footer.topic}`);
  }
  await closeTo(broker, ledger, footer.object);
  return !(await isNamed(broker, ledger, footer));
}

/**
 * Whether its first offset that is in the log is merged and in no segment. Then the table has lost items, and it may be the
 * object that one of them named: until they are restored (docs/fsck.md), nothing there is an orphan.
 */
async function isPlaceLost(broker: Broker, { ledger, slot }: LedgerPlace, footer: SegmentFooter): Promise<boolean> {
  const { topicId, partition, base, end } = footer;
  const head = await broker.heads.strong(ledger);
  if (head === undefined || head.merged === 0) return false;
  const offset = Math.max(base, head.start[slot] ?? 0);
  if (offset >= end) return false;
  const merged = (await mergedEnds(broker.metadata, ledger, head))?.[slot];
  if (merged !== undefined && offset >= merged) return false;
  const query = { pk: partitionKey(topicId, partition), to: segmentSortKey(offset + 1), descending: true, limit: 1 };
  const [item] = (await broker.metadata.query({ ...query, consistency: 'strong' })).items;
  return item === undefined || decodeSegmentItem(item).end <= offset;
}

interface LedgerPlace {
  ledger: LedgerId;
  slot: number;
}

/** `undefined`: its topic is deleted, and nothing can be committed to it. */
async function placeOf(
  { metadata }: Broker,
  { topic: name, topicId, partition }: SegmentFooter,
): Promise<LedgerPlace | undefined> {
  const item = await metadata.get(topicKey(name), 'strong');
  const topic = item && decodeTopic(name, item);
  if (topic?.topicId !== topicId) return undefined;
  if (topic.state === 'deleting') throw undecided('Whether its topic is deleted is not known yet');
  return ledgerOf(topic, partition);
}

async function closeTo({ metadata }: Broker, ledger: LedgerId, { birthMs }: ObjectId): Promise<void> {
  for (let attempt = 0; attempt < limits.configAttemptsMax; attempt++) {
    const lifecycle = decodeLifecycle(await metadata.get(lifecycleKey(ledger), 'strong'));
    if (lifecycle.swept >= birthMs) return;
    const written = await metadata.write(planSegmentFence(ledger, lifecycle, birthMs));
    if (written.outcome === 'applied') return;
  }
  throw undecided('The fence of its ledger cannot be raised');
}

function undecided(why: string): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `${why}; a later sweep looks again.`);
}
