/**
 * Which merged objects nothing refers to and nothing ever will: their merge was cut off, or another one was first. Of
 * many at once, each ledger is looked at once for all.
 *
 * As of other orphans (orphans.ts): look; if nothing names them, raise the fence of the ledger's segments, after which
 * none born that early can be committed; and look again. Of a topic that is deleted nothing is needed.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, objectIdText } from '../../kernel/ids.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { planSegmentFence } from '../../log/merged/fence.ts';
import type { SegmentFooter } from '../../log/merged/segment-footer.ts';
import { decodeSegmentItem, partitionKey, segmentSortKey } from '../../log/merged/segment-item.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { mergedEnds } from '../check/merged-ends.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { namedAmong } from './merged-object.ts';

/** What of its footer says where a merged object belongs. */
export type MergedPart = Pick<SegmentFooter, 'object' | 'topic' | 'topicId' | 'partition' | 'base' | 'end'>;

export interface MergedVerdicts<T> {
  orphans: T[];
  /** By what they could not be judged for. */
  undecided: { objects: readonly T[]; error: MillraceError }[];
}

/** Of a ledger, or topic, that cannot be looked at all are undecided, and others are judged. */
export async function mergedOrphansAmong<T extends MergedPart>(
  broker: Broker,
  objects: readonly T[],
): Promise<MergedVerdicts<T>> {
  const verdicts: MergedVerdicts<T> = { orphans: [], undecided: [] };
  for (const ofTopic of Map.groupBy(objects, ({ topicId }) => topicId).values()) {
    await decide(verdicts, ofTopic, async () => {
      const topic = await topicOf(broker, ofTopic);
      if (topic === undefined) {
        verdicts.orphans.push(...ofTopic);
        return;
      }
      const byLedger = Map.groupBy(ofTopic, ({ partition }) => ledgerOf(topic, partition).ledger.index);
      for (const [index, ofLedger] of byLedger) {
        await decide(verdicts, ofLedger, () => judge(broker, { topic, index }, ofLedger, verdicts));
      }
    });
  }
  return verdicts;
}

async function decide<T>(verdicts: MergedVerdicts<T>, objects: readonly T[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    verdicts.undecided.push({ objects, error });
  }
}

async function judge<T extends MergedPart>(
  broker: Broker,
  { topic, index }: { topic: Topic; index: number },
  objects: readonly T[],
  verdicts: MergedVerdicts<T>,
): Promise<void> {
  const ledger = { topicId: topic.topicId, index };
  const unnamed = await unnamedAmong(broker, ledger, objects);
  if (unnamed.length === 0) return;
  const lost = await placesLost(broker, { topic, ledger }, unnamed);
  for (const object of lost) {
    const { base, partition } = object;
    const error = undecided(`No segment has the offset ${base} of partition ${partition} of ${topic.name}`);
    verdicts.undecided.push({ objects: [object], error });
  }
  const unneeded = unnamed.filter((object) => !lost.has(object));
  if (unneeded.length === 0) return;
  await closeTo(broker, ledger, Math.max(...unneeded.map(({ object }) => object.birthMs)));
  verdicts.orphans.push(...(await unnamedAmong(broker, ledger, unneeded)));
}

async function unnamedAmong<T extends MergedPart>(
  broker: Broker,
  ledger: LedgerId,
  objects: readonly T[],
): Promise<T[]> {
  const named = await namedAmong(broker, ledger, objects);
  return objects.filter(({ object }) => !named.has(objectIdText(object)));
}

/**
 * Those whose first offset that is in the log is merged and in no segment. Then the table has lost items, and one of
 * them may have named the object: until they are restored (docs/fsck.md), nothing there is an orphan.
 */
async function placesLost<T extends MergedPart>(
  broker: Broker,
  { topic, ledger }: { topic: Topic; ledger: LedgerId },
  objects: readonly T[],
): Promise<Set<T>> {
  const lost = new Set<T>();
  const head = await broker.heads.strong(ledger);
  if (head === undefined || head.merged === 0) return lost;
  const ends = await mergedEnds(broker.metadata, ledger, head);
  for (const object of objects) {
    const { partition, base, end } = object;
    const { slot } = ledgerOf(topic, partition);
    const offset = Math.max(base, head.start[slot] ?? 0);
    const merged = ends?.[slot];
    if (offset >= end || (merged !== undefined && offset >= merged)) continue;
    if (!(await isInSegment(broker, object, offset))) lost.add(object);
  }
  return lost;
}

async function isInSegment({ metadata }: Broker, { topicId, partition }: MergedPart, offset: number): Promise<boolean> {
  const query = { pk: partitionKey(topicId, partition), to: segmentSortKey(offset + 1), descending: true, limit: 1 };
  const [item] = (await metadata.query({ ...query, consistency: 'strong' })).items;
  return item !== undefined && decodeSegmentItem(item).end > offset;
}

/** `undefined`: it is deleted, and nothing can be committed to it. */
async function topicOf({ metadata }: Broker, objects: readonly MergedPart[]): Promise<Topic | undefined> {
  const [{ topic: name, topicId } = { topic: '', topicId: '' }] = objects;
  const item = await metadata.get(topicKey(name), 'strong');
  const topic = item && decodeTopic(name, item);
  if (topic?.topicId !== topicId) return undefined;
  if (topic.state === 'deleting') throw undecided('Whether its topic is deleted is not known yet');
  return topic;
}

async function closeTo(broker: Broker, ledger: LedgerId, birthMs: number): Promise<void> {
  for (let attempt = 0; attempt < topicLimits.configAttemptsMax; attempt++) {
    const lifecycle = await lifecycleOf(broker, ledger);
    if (lifecycle.swept >= birthMs) return;
    const written = await broker.metadata.write(planSegmentFence(ledger, lifecycle, birthMs));
    if (written.outcome === 'applied') return;
  }
  throw undecided('The fence of its ledger cannot be raised');
}

function undecided(why: string): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `${why}; a later sweep looks again.`);
}
