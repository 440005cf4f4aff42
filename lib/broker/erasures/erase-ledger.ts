/**
 * Takes a subject's records out of one ledger: its pages are merged past the erasure's extent, then the segments below
 * it are rewritten that hold the subject. All others stay as they are, byte for byte.
 *
 * Nothing comes back: who merges or compacts segments that were read before they were rewritten is refused, and what is
 * in pages lies above the extent.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { erasureLimits } from '../../kernel/limits/erasures.ts';
import { BatchEraser, type Subject } from '../../log/erasure/erase.ts';
import {
  type ErasureLedger,
  type ErasureSlot,
  planErasureOutcome,
  planErasureStep,
} from '../../log/erasure/erasure-ledger-item.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import type { BatchHeader } from '../../log/record-batch/header.ts';
import { type Rewrite, UNCHANGED } from '../../log/record-batch/rewrite.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { topicOrNone } from '../groups/topic-directory.ts';
import { lifecycleOf } from '../lifecycle/ledger-lifecycle.ts';
import { segmentsFrom } from '../lifecycle/ledger-pieces.ts';
import { replaceSegments } from '../lifecycle/replace-segments.ts';
import { rewriteSegments } from '../lifecycle/rewrite-segments.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { mergePast } from './merge-past.ts';

export interface LedgerErasure {
  id: string;
  subject: Subject;
  signal?: AbortSignal;
}

/** Whether it is done with. May be cut off anywhere, run twice and overlap with itself. */
export async function eraseLedger(broker: Broker, request: LedgerErasure, of: ErasureLedger): Promise<boolean> {
  const { id, signal } = request;
  const topic = await topicOrNone(broker, of.topic, { fresh: true });
  // Another one of its name is not meant.
  if (topic?.topicId !== of.ledger.topicId) return conclude(broker, id, of);
  const ends = of.slots.map(({ end }) => end);
  const merged = await mergePast(broker, { topic, ledger: of.ledger, ends, ...(signal && { signal }) });
  if (merged.outcome === 'gone') return conclude(broker, id, of);
  if (merged.outcome === 'left') return leave(broker, id, of, merged.problem);
  for (const slot of of.slots) {
    try {
      if (!(await eraseSlot(broker, request, { topic, of, slot }))) return false;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.retriable) throw error;
      broker.log.error('A segment cannot be read, and not be searched for what is to be erased', { id, error });
      return leave(broker, id, of, `Partition ${slot.partition} of the topic "${of.topic}": ${error.message}`);
    }
  }
  return conclude(broker, id, of);
}

async function conclude({ metadata }: Broker, id: string, { ledger }: ErasureLedger): Promise<true> {
  await writeRepeatedly(metadata, [planErasureOutcome(id, ledger, {})]);
  return true;
}

async function leave({ metadata }: Broker, id: string, of: ErasureLedger, problem: string | undefined): Promise<false> {
  if (problem !== undefined && problem !== of.problem) {
    await writeRepeatedly(metadata, [planErasureOutcome(id, of.ledger, { problem })]);
  }
  return false;
}

interface SlotErasure {
  topic: Topic;
  of: ErasureLedger;
  slot: ErasureSlot;
}

/** Whether all of it was looked at. */
async function eraseSlot(broker: Broker, request: LedgerErasure, erasing: SlotErasure): Promise<boolean> {
  const { end } = erasing.slot;
  let { erasedTo } = erasing.slot;
  for (let failed = 0; erasedTo < end; ) {
    if (request.signal?.aborted === true || failed === erasureLimits.erasureAttemptsMax) return false;
    const reached = await eraseSome(broker, request, erasing, erasedTo);
    if (reached === undefined) failed++;
    else erasedTo = reached;
  }
  return true;
}

/** The offset below which all was looked at; `undefined` where others have changed the ledger meanwhile. */
async function eraseSome(
  broker: Broker,
  { id, subject, signal }: LedgerErasure,
  { topic, of: { ledger }, slot: { slot, partition, end } }: SlotErasure,
  from: number,
): Promise<number | undefined> {
  // In this order: what is replaced must not be older than the version that it is replaced on.
  const lifecycle = await lifecycleOf(broker, ledger);
  const head = await broker.heads.strong(ledger);
  if (head === undefined) return end;
  const segments = await segmentsBetween(broker, { topicId: topic.topicId, partition }, { from, end });
  // While some are replaced a query may lack them, and what is behind would be taken for all there is.
  if ((await lifecycleOf(broker, ledger)).version !== lifecycle.version) return undefined;
  const last = segments.at(-1);
  const note = async (erasedTo: number) => {
    await writeRepeatedly(broker.metadata, [planErasureStep(id, ledger, { slot, erasedTo })]);
    return erasedTo;
  };
  if (last === undefined) return note(end);
  const rewrite = eraserBelow(end, new BatchEraser(subject, broker.compression));
  const isCompacted = ({ compacted }: SegmentItem) => compacted === true;
  let { version } = lifecycle;
  const at = () => ({ ...lifecycle, version });
  const stoppable = signal && { signal };
  const rewriting = { topic, ledger, segments, head, lifecycle: at, rewrite, isCompacted, ...stoppable };
  for await (const rewritten of rewriteSegments(broker, rewriting)) {
    const { remove, records: removed } = rewritten;
    const erasedTo = Math.min(remove.at(-1)?.end ?? from, end);
    // Counted by the same transaction, which applies once: an answer that is lost must not count twice.
    const step = planErasureStep(id, ledger, { slot, erasedTo, removed, segments: remove.length });
    const replacement = { ledger, lifecycle: at(), rewritten: [rewritten], with: step };
    const committed = await replaceSegments(broker, replacement);
    if (committed.outcome !== 'applied') return undefined;
    broker.segments.forget({ topicId: topic.topicId, partition });
    // Nobody else has written between: the next ones are on the condition of this version.
    version += 1;
  }
  // Told to stop it may have left the last ones out.
  if (signal?.aborted === true) return undefined;
  return note(Math.min(last.end, end));
}

/** Neighbours that begin below `end`, as many as one step goes through. Records were deleted where there is a gap. */
async function segmentsBetween(
  { metadata }: Broker,
  place: { topicId: string; partition: number },
  { from, end }: { from: number; end: number },
): Promise<SegmentItem[]> {
  const found: SegmentItem[] = [];
  for await (const segment of segmentsFrom(metadata, place, from)) {
    const before = found.at(-1);
    const isNext = before === undefined || before.end === segment.base;
    if (segment.base >= end || !isNext || found.length === erasureLimits.erasureSegmentsPerStep) break;
    if (segment.end > from) found.push(segment);
  }
  return found;
}

/** What was produced after the erasure was asked for is not its concern. */
function eraserBelow(end: number, eraser: BatchEraser): (bytes: Uint8Array, header: BatchHeader) => Rewrite {
  return (bytes, header) => (header.baseOffset >= end ? UNCHANGED : eraser.erase(bytes, header));
}
