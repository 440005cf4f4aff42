/**
 * Merging small segments of a partition, which are next to each other, into larger ones (log/merged/levels.ts). One
 * step makes one segment; the objects of those that it replaces are condemned by the same transaction.
 *
 * May be cut off anywhere, run twice and overlap with anything: it has done nothing then, or all of it. Memory is a few
 * pieces of what is read and what an upload keeps, whatever the segments' size.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId, ObjectId } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { proposeSegmentMerge, type SegmentMerge } from '../../log/merged/levels.ts';
import type { Lifecycle } from '../../log/merged/lifecycle-item.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { segmentTargetBytes } from '../../log/merged/topic-policy.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { isInSync, OWN_BUCKET, replicasOf } from '../ledger/replicated.ts';
import { readOrder } from '../read/visible.ts';
import { discardObjects } from './commit-segments.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { segmentsBack } from './ledger-pieces.ts';
import { readSegment } from './read-segment.ts';
import { replaceSegments } from './replace-segments.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface SegmentMergeRequest {
  topic: Topic;
  ledger: LedgerId;
  partition: number;
  /** Ends the step early; nothing comes of it then. */
  signal?: AbortSignal;
  /** What segments grow to; by default what the topic says. */
  targetBytes?: number;
}

export interface SegmentsMerged {
  /** As of pages (merge-pages.ts). `blocked`: one of the segments cannot be read. */
  outcome: 'none' | 'merged' | 'refused' | 'unknown' | 'blocked' | 'not-in-sync';
  /** That were replaced. */
  segments: number;
  bytes: number;
}

const NOTHING = { segments: 0, bytes: 0 };

/** One step. Throws where storage fails. */
export async function mergeSegments(broker: Broker, request: SegmentMergeRequest): Promise<SegmentsMerged> {
  const { topic, ledger, partition, signal, targetBytes = segmentTargetBytes(topic.config) } = request;
  const lifecycle = await lifecycleOf(broker, ledger);
  if (lifecycle.version === 0 || signal?.aborted === true) return { ...NOTHING, outcome: 'none' };
  const proposed = proposeSegmentMerge(await lastSegments(broker, { topicId: topic.topicId, partition }), {
    targetBytes,
  });
  if (proposed === undefined) return { ...NOTHING, outcome: 'none' };
  const head = await broker.heads.strong(ledger);
  if (head === undefined) return { ...NOTHING, outcome: 'none' };
  if (!isInSync(head, broker.objects.replicas?.given ?? OWN_BUCKET)) return { ...NOTHING, outcome: 'not-in-sync' };
  const replicas = replicasOf(head);
  const writer = new SegmentWriter(broker, {
    identity: identityOf(topic, proposed, lifecycle),
    base: (proposed.segments[0] as SegmentItem).base,
    bytesMax: Number.POSITIVE_INFINITY,
    sweptMs: lifecycle.swept,
    ...(replicas !== undefined && { replicas }),
  });
  const order = readOrder(head, undefined) ?? { first: OWN_BUCKET };
  const copied = await copySegments(broker, { topic, ledger, lifecycle, merge: proposed, writer, order, signal });
  if (copied.outcome !== 'written') return { ...NOTHING, outcome: copied.outcome };
  const { add, objects } = copied;
  const rewritten = [{ remove: proposed.segments, add, objects, records: 0 }];
  const committed = await replaceSegments(broker, { ledger, lifecycle, rewritten });
  if (committed.outcome !== 'applied') return { ...NOTHING, outcome: committed.outcome };
  broker.segments.forget({ topicId: topic.topicId, partition });
  const bytes = add.reduce((sum, segment) => sum + segment.bytes, 0);
  return { outcome: 'merged', segments: proposed.segments.length, bytes };
}

function identityOf({ topicId, name }: Topic, { segments, level }: SegmentMerge, { version }: Lifecycle) {
  const { partition } = segments[0] as SegmentItem;
  const compacted = segments.every((segment) => segment.compacted === true);
  return { topicId, topic: name, partition, level, version, ...(compacted && { compacted }) };
}

/** What is small is among the last ones, or stays as it is: of those before a full one little is left. */
async function lastSegments(
  { metadata }: Broker,
  place: { topicId: string; partition: number },
): Promise<SegmentItem[]> {
  const found: SegmentItem[] = [];
  for await (const segment of segmentsBack(metadata, place, Number.MAX_SAFE_INTEGER)) {
    found.push(segment);
    if (found.length === mergingLimits.segmentsLookedAtMax) break;
  }
  return found.reverse();
}

interface SegmentsCopying {
  topic: Topic;
  ledger: LedgerId;
  /** As of when the segments were looked up. */
  lifecycle: Lifecycle;
  merge: SegmentMerge;
  writer: SegmentWriter;
  order: Parameters<Broker['objects']['reading']>[0];
  signal: AbortSignal | undefined;
}

type SegmentsCopied =
  | { outcome: 'written'; add: readonly SegmentItem[]; objects: readonly ObjectId[] }
  | { outcome: 'none' | 'refused' | 'blocked' };

async function copySegments(
  broker: Broker,
  { topic, ledger, lifecycle, merge, writer, order, signal }: SegmentsCopying,
): Promise<SegmentsCopied> {
  const objects = broker.objects.reading(order);
  const letGo = async () => {
    await writer.abort();
    await discardObjects(broker, writer.objects);
  };
  let under: SegmentItem | undefined;
  try {
    for (under of merge.segments) {
      for await (const { bytes } of readSegment(objects, under)) {
        if (signal?.aborted === true) {
          await letGo();
          return { outcome: 'none' };
        }
        await writer.write(bytes);
      }
    }
    const add = await writer.finish((under as SegmentItem).end);
    return { outcome: 'written', add, objects: writer.objects };
  } catch (error) {
    await letGo();
    if (!(error instanceof MillraceError) || error.retriable) throw error;
    // What others have replaced is gone by right once its grace is over, for which this step may have been frozen.
    const { version } = await lifecycleOf(broker, ledger);
    if (version !== lifecycle.version) return { outcome: 'refused' };
    broker.log.error('A merged segment cannot be read, and stays by itself', {
      topic: topic.name,
      partition: under?.partition,
      fromOffset: under?.base,
      toOffset: (under?.end ?? 0) - 1,
      error,
    });
    return { outcome: 'blocked' };
  }
}
