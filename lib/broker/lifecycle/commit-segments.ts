/**
 * The end of every step that makes segments: the one transaction, and what becomes of the objects that it was for where
 * it is not applied. They are deleted at once where it is certain that nothing will ever refer to them; else the
 * sweeper does it, which closes the ledger to them first.
 */
import { bytesEqual } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { ObjectId, TopicId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { decodeSegmentItem, type SegmentItem, segmentKey } from '../../log/merged/segment-item.ts';
import type { Broker } from '../broker.ts';
import { deleteStored } from './delete-objects.ts';

export type SegmentsCommitted =
  | { outcome: 'applied' }
  /** By this one of its writes. */
  | { outcome: 'refused'; index: number }
  /** It may have been applied, or may be yet. */
  | { outcome: 'unknown' };

export interface SegmentsCommit {
  /**
   * The writes at this time, for each attempt anew: a process may have been frozen since the one before, and what is
   * replaced has its grace from when it was. Their conditions are the same each time, so that no two attempts both
   * apply.
   */
  plan: (nowMs: number) => readonly Write[];
  /** Born for this commit. */
  objects: readonly ObjectId[];
  /** By a strong read. That it is not does not mean that it never will be. */
  isApplied: () => Promise<boolean>;
}

/**
 * Throws where storage fails, without effect. An answer that was lost is settled by asking again: the transaction
 * applies once.
 */
export async function commitSegments(
  broker: Broker,
  { plan, objects, isApplied }: SegmentsCommit,
): Promise<SegmentsCommitted> {
  let isUnsettled = false;
  for (let attempt = 1; attempt <= storageLimits.unknownOutcomeAttemptsMax; attempt++) {
    try {
      const written = await broker.metadata.write(plan(broker.clock.now()));
      if (written.outcome === 'applied') return { outcome: 'applied' };
      // An earlier attempt may be what refuses this one.
      if (isUnsettled) break;
      await discardObjects(broker, objects);
      return { outcome: 'refused', index: written.index };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      if (error.effect === 'none' && !isUnsettled) {
        await discardObjects(broker, objects);
        throw error;
      }
      isUnsettled = true;
      broker.log.warn('Whether segments were committed is not known yet', { attempt, error });
    }
  }
  return { outcome: (await isApplied()) ? 'applied' : 'unknown' };
}

/** Whether the segment's item is there and is of its object, as a strong read shows. */
export async function isSegmentThere(broker: Broker, topicId: TopicId, segment: SegmentItem): Promise<boolean> {
  const key = segmentKey(topicId, segment);
  const attributes = await broker.metadata.get(key, 'strong');
  if (attributes === undefined) return false;
  return bytesEqual(decodeSegmentItem({ key, attributes }).object.random, segment.object.random);
}

/** Objects that nothing refers to, and nothing ever will. What cannot be deleted now is left to the sweeper. */
export async function discardObjects(broker: Broker, objects: readonly ObjectId[]): Promise<void> {
  if (objects.length === 0) return;
  try {
    await deleteStored(
      broker,
      objects.map((object) => ({ tier: 'merged', object })),
    );
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    broker.log.warn('Segments that were written in vain are left to the sweeper', { objects: objects.length, error });
  }
}
