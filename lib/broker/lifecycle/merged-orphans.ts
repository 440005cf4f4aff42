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
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { isNamed, readMergedObject } from './merged-object.ts';

/** Not of an object that is gone already. */
export async function isMergedOrphan(broker: Broker, name: string): Promise<boolean> {
  const footer = (await readMergedObject(broker, name))?.footer;
  if (footer === undefined) return false;
  const ledger = await ledgerOfSegment(broker, footer);
  if (ledger === undefined) return true;
  if (await isNamed(broker, ledger, footer)) return false;
  await closeTo(broker, ledger, footer.object);
  return !(await isNamed(broker, ledger, footer));
}

/** `undefined`: its topic is deleted, and nothing can be committed to it. */
async function ledgerOfSegment(
  { metadata }: Broker,
  { topic: name, topicId, partition }: SegmentFooter,
): Promise<LedgerId | undefined> {
  const item = await metadata.get(topicKey(name), 'strong');
  const topic = item && decodeTopic(name, item);
  if (topic?.topicId !== topicId) return undefined;
  if (topic.state === 'deleting') throw undecided('Whether its topic is deleted is not known yet');
  return { topicId, index: Math.floor(partition / topic.ledgerPartitions) };
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
