/**
 * A partition's merged segments, some at a time: they follow each other without gaps or overlaps from the log start to
 * where the pages that are not merged begin, and their objects are there.
 *
 * Segments are replaced by transactions that raise the version of the ledger's lifecycle. What was read between two
 * reads of the same version is one state; else it is read anew.
 */
import { checkLimits } from '../../kernel/limits/check.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { sentence } from '../../kernel/sentence.ts';
import { decodeHead, headKey } from '../../log/ledger/head.ts';
import {
  decodeSegmentItem,
  partitionKey,
  SEGMENTS_END,
  type SegmentItem,
  segmentKey,
  segmentSortKey,
} from '../../log/merged/segment-item.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { inSyncReplicas } from '../ledger/replicated.ts';
import { lifecycleOf } from '../lifecycle/ledger-lifecycle.ts';
import { copyFindings, named, readable } from './check-commit.ts';
import type { CheckContext } from './context.ts';
import { type Finding, type FindingKind, finding, type ObjectProblem } from './finding.ts';
import type { LedgerInView } from './ledger-in-view.ts';
import { mergedEnds } from './merged-ends.ts';
import type { ObjectCopies } from './replica-copies.ts';
import { damageInSegment } from './segment-bytes.ts';
import { decoded } from './unreadable.ts';

export interface SegmentPlace {
  topic: Topic;
  partition: number;
  /** The first base offset that was not looked at yet. */
  from: number;
  /** Where the segment before it ends; absent where there is none. */
  end?: number;
}

export interface SegmentLook {
  findings: Finding[];
  /** Where to go on with the partition; absent at its end. */
  next?: { from: number; end: number };
}

export async function checkSegments(context: CheckContext, place: SegmentPlace): Promise<SegmentLook> {
  const { metadata } = context.broker;
  const { topic, partition } = place;
  const ledger = { topicId: topic.topicId, index: Math.floor(partition / topic.ledgerPartitions) };
  const readVersion = async () => (await lifecycleOf(context.broker, ledger)).version;
  for (let attempt = 0; attempt < checkLimits.checkAttemptsMax; attempt++) {
    const version = await readVersion();
    const attributes = await metadata.get(headKey(ledger), 'strong');
    // A head that is missing or cannot be read is found with the ledger's pages.
    const head = attributes && decoded(() => decodeHead(attributes)).value;
    if (head === undefined) return { findings: [] };
    const partitionOf = (slot: number) => ledger.index * topic.ledgerPartitions + slot;
    const look = await lookAt(context, { topic, ledger, head, partitionOf }, place);
    if ((await readVersion()) === version) return look;
  }
  context.counts.unjudged++;
  return { findings: [] };
}

async function lookAt(
  context: CheckContext,
  view: LedgerInView,
  { topic, partition, from, end }: SegmentPlace,
): Promise<SegmentLook> {
  const { metadata } = context.broker;
  const slot = partition % topic.ledgerPartitions;
  const pk = partitionKey(topic.topicId, partition);
  const page = await metadata.query({
    pk,
    from: segmentSortKey(from),
    to: SEGMENTS_END,
    limit: checkLimits.checkSegmentsPerStep,
    consistency: 'strong',
  });
  const findings: Finding[] = [];
  const segments: SegmentItem[] = [];
  for (const item of page.items) {
    const { value, reason } = decoded(() => decodeSegmentItem(item));
    if (value !== undefined) segments.push(value);
    else {
      const what = `A merged segment of partition ${partition} cannot be read: ${reason}.`;
      findings.push(finding('item-unreadable', { topic: topic.name, item: item.key }, what));
    }
  }
  const start = view.head.start[slot] as number;
  let reached = end ?? start;
  for (const segment of segments) {
    // Retention deletes what is below the log start some time after it has moved.
    if (segment.end > start || end !== undefined) findings.push(...joint(view, { partition, slot }, reached, segment));
    reached = Math.max(reached, segment.end);
  }
  const sized = await mapBounded(segments, checkLimits.checkLooksInFlightMax, (segment) =>
    checkSegmentObject(context, view, segment),
  );
  findings.push(...sized.flat());
  const last = segments.at(-1);
  if (page.next !== undefined && last !== undefined) return { findings, next: { from: last.base + 1, end: reached } };
  const merged = (await mergedEnds(metadata, view.ledger, view.head))?.[slot];
  if (merged !== undefined && merged !== reached && merged >= start) {
    findings.push(atTheEnd(view, { partition, slot }, reached, merged));
  }
  return { findings };
}

interface Slot {
  partition: number;
  slot: number;
}

/** How a segment goes on from what is before it. The first one may begin below the log start. */
function joint(view: LedgerInView, at: Slot, reached: number, { base }: SegmentItem): Finding[] {
  const start = view.head.start[at.slot] as number;
  if (base === reached || (reached <= start && base <= start)) return [];
  const item = segmentKey(view.topic.topicId, { partition: at.partition, base });
  return [between(view, at, base > reached ? 'segment-gap' : 'segment-overlap', { a: reached, b: base, item })];
}

function atTheEnd(view: LedgerInView, at: Slot, reached: number, merged: number): Finding {
  return between(view, at, merged > reached ? 'segment-gap' : 'segment-overlap', { a: reached, b: merged });
}

function between(
  { topic, head }: LedgerInView,
  { partition, slot }: Slot,
  kind: FindingKind,
  { a, b, item }: { a: number; b: number; item?: Finding['item'] },
): Finding {
  const affected = readable(head, slot, { partition, from: Math.min(a, b), to: Math.max(a, b) });
  const what = kind === 'segment-gap' ? 'are in no merged segment and in no page' : 'are in more than one place';
  const place = { topic: topic.name, affected, ...(item && { item }) };
  return finding(kind, place, `Offsets of partition ${partition} ${what}${named(affected)}.`);
}

async function checkSegmentObject(context: CheckContext, view: LedgerInView, segment: SegmentItem): Promise<Finding[]> {
  context.counts.segments++;
  const { topic, head } = view;
  const { partition, base, end } = segment;
  const object = objectName('merged', segment.object);
  const problem = await problemOf(segment, context.copies, context.deep);
  const affected = readable(head, partition % topic.ledgerPartitions, { partition, from: base, to: end });
  const place = { topic: topic.name, affected, object, item: segmentKey(topic.topicId, { partition, base }) };
  if (problem === undefined) {
    const holders = inSyncReplicas(head) & (segment.holders ?? 0);
    const look = (copies: ObjectCopies) => problemOf(segment, copies, context.deep);
    return copyFindings(await context.replicas.lookAt(holders, look), place);
  }
  const what = sentence(`The merged object ${object} ${problem.what}${named(affected)}`);
  return [finding(`object-${problem.kind}`, place, what, affected.length === 0 ? 'conflict' : undefined)];
}

async function problemOf(
  segment: SegmentItem,
  { objects, sizes }: ObjectCopies,
  deep: boolean,
): Promise<ObjectProblem | undefined> {
  const size = await sizes.of(objectName('merged', segment.object));
  if (size === undefined) return { kind: 'missing', what: 'is missing' };
  const expected = segment.bytes + segment.footerBytes;
  if (size !== expected) return { kind: 'short', what: `has ${size} bytes, and should have ${expected}` };
  const damage = deep ? await damageInSegment(objects, segment) : undefined;
  return damage === undefined ? undefined : { kind: 'corrupt', what: `is damaged: ${damage}` };
}
