/**
 * Moves old segments of a ledger to the class of storage that the topic's `archive.storage.class` names, and notes it
 * in their items. Readers see the same bytes before, meanwhile and after.
 *
 * May be cut off anywhere, run twice and overlap with anything: what was moved and not noted is looked at again, and
 * not moved again. A segment that was replaced or deleted while it was moved may be there once more; it is condemned
 * once more then.
 */
import { bytesEqual, toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { archiveLimits } from '../../kernel/limits/archive.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import { headKey } from '../../log/ledger/head.ts';
import { type ArchiveRules, archiveDue, archiveRules } from '../../log/merged/archive-due.ts';
import { type CondemnedAt, condemnedKey, encodeCondemned } from '../../log/merged/condemned-item.ts';
import { planReplace } from '../../log/merged/plans.ts';
import { decodeSegmentItem, type SegmentItem, segmentKey } from '../../log/merged/segment-item.ts';
import { FIXED_CLASS } from '../../log/segment/archive-class.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { ArchiveOutcome } from '../../storage/objects/port.ts';
import type { Broker } from '../broker.ts';
import { deleteStored } from './delete-objects.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { segmentsFrom } from './ledger-pieces.ts';

export interface SegmentArchiving {
  topic: Topic;
  ledger: LedgerId;
  /** Ends it before the next few segments. */
  signal?: AbortSignal;
  /** By default what the topic says. */
  rules?: ArchiveRules;
}

export interface ArchivingReport {
  /** That were moved, … */
  segments: number;
  /** … and the size of their batches. */
  bytes: number;
  /** Those whose object is not there; each was reported with its offsets. */
  missing: number;
}

interface Step {
  broker: Broker;
  topic: Topic;
  ledger: LedgerId;
  rules: ArchiveRules;
  report: ArchivingReport;
}

/** As many as one step takes on; the next one goes on behind them. Throws where storage fails. */
export async function archiveSegments(broker: Broker, request: SegmentArchiving): Promise<ArchivingReport> {
  const { topic, ledger, signal, rules = archiveRules(topic.config) } = request;
  const report: ArchivingReport = { segments: 0, bytes: 0, missing: 0 };
  if (rules === undefined) return report;
  const step = { broker, topic, ledger, rules, report };
  for (const some of chunked(await dueSegments(step), archiveLimits.archivesNotedTogether)) {
    if (signal?.aborted === true) break;
    await moveAndNote(step, some);
  }
  return report;
}

/** Of all of the ledger's partitions, in the order of their offsets. */
async function dueSegments({ broker, topic, ledger, rules }: Step): Promise<SegmentItem[]> {
  const due: SegmentItem[] = [];
  const head = await broker.heads.strong(ledger);
  if (head === undefined || head.merged === 0) return due;
  const nowMs = broker.clock.now();
  for (const [slot, start] of head.start.entries()) {
    const partition = ledger.index * topic.ledgerPartitions + slot;
    if (slot >= topic.ledgerPartitions || partition >= topic.partitions) break;
    for await (const segment of segmentsFrom(broker.metadata, { topicId: topic.topicId, partition }, start)) {
      const when = archiveDue(segment, rules, nowMs);
      if (when === 'young') break;
      if (when === 'due') due.push(segment);
      if (due.length === archiveLimits.archivesPerStepMax) return due;
    }
  }
  return due;
}

/** A segment that is where its item is to say. */
interface Moved {
  segment: SegmentItem;
  storageClass: string;
}

async function moveAndNote(step: Step, due: readonly SegmentItem[]): Promise<void> {
  const { broker, ledger, rules, report } = step;
  // What was condemned meanwhile must not be copied any more.
  const { there } = await asTheyAre(broker, ledger, due);
  const outcomes = await mapBounded(there, archiveLimits.archivesInFlightMax, (segment) => move(step, segment));
  const those = (outcome: ArchiveOutcome) => there.filter((_, index) => outcomes[index] === outcome);
  await tellMissing(step, those('missing'));
  const archived = those('archived');
  const moved = archived.map((segment) => ({ segment, storageClass: rules.storageClass as string }));
  const fixed = those('unsupported').map((segment) => ({ segment, storageClass: FIXED_CLASS }));
  await note(step, [...moved, ...fixed]);
  report.segments += archived.length;
  report.bytes += archived.reduce((sum, { bytes }) => sum + bytes, 0);
  const failure = outcomes.find((outcome) => outcome instanceof MillraceError);
  if (failure !== undefined) throw failure;
}

/** A failure is not thrown yet: others are moved at the same time, and are to be noted. */
async function move({ broker, rules }: Step, { object }: SegmentItem): Promise<ArchiveOutcome | MillraceError> {
  try {
    return await broker.objects.archive(objectName('merged', object), rules.storageClass);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
}

/** Whoever changes segments of the ledger at the same moment is first; then it is looked at again. */
async function note({ broker, ledger }: Step, moved: readonly Moved[]): Promise<void> {
  let left = moved.map(({ segment }) => segment);
  const classes = new Map(moved.map(({ segment, storageClass }) => [placeOf(segment), storageClass]));
  for (let attempt = 0; attempt < archiveLimits.archiveNotesMax && left.length > 0; attempt++) {
    const lifecycle = await lifecycleOf(broker, ledger);
    const { there, gone } = await asTheyAre(broker, ledger, left);
    await condemnAgain(broker, ledger, gone);
    if (there.length === 0) return;
    const add = there.map((segment) => ({ ...segment, storageClass: classes.get(placeOf(segment)) as string }));
    const condemned = condemnedNow(broker);
    const writes = planReplace(ledger, lifecycle, { remove: there, add, condemned });
    if ((await broker.metadata.write(writes)).outcome === 'applied') return;
    left = there;
  }
}

/** The segments' items as a strong read finds them, and those segments that the ledger does not have any more. */
async function asTheyAre(
  { metadata }: Broker,
  { topicId }: LedgerId,
  segments: readonly SegmentItem[],
): Promise<{ there: SegmentItem[]; gone: SegmentItem[] }> {
  const now = await mapBounded(segments, storageLimits.storageFanOutMax, async (segment) => {
    const key = segmentKey(topicId, segment);
    const attributes = await metadata.get(key, 'strong');
    const found = attributes && decodeSegmentItem({ key, attributes });
    return found !== undefined && bytesEqual(found.object.random, segment.object.random) ? found : undefined;
  });
  return {
    there: now.filter((segment) => segment !== undefined),
    gone: segments.filter((_, index) => now[index] === undefined),
  };
}

/**
 * What the ledger had and has no more is referred to by nobody: an object belongs to one item for as long as it is
 * there. The copy may have come after the deletion; without a ledger it is deleted at once, as all that the topic had
 * is.
 */
async function condemnAgain(broker: Broker, ledger: LedgerId, gone: readonly SegmentItem[]): Promise<void> {
  if (gone.length === 0) return;
  const objects = gone.map(({ object }) => ({ tier: 'merged' as const, object }));
  const condemned = condemnedNow(broker);
  const { outcome } = await broker.metadata.write([
    { kind: 'check', key: headKey(ledger), conditions: [{ clause: 'item-exists' }] },
    {
      kind: 'put',
      key: condemnedKey(ledger, condemned),
      attributes: encodeCondemned(objects),
      conditions: [{ clause: 'item-absent' }],
    },
  ]);
  if (outcome === 'refused') await deleteStored(broker, objects);
}

function condemnedNow({ clock, random }: Broker): CondemnedAt {
  return { ms: clock.now(), random: toHex(random.bytes(4)) };
}

function placeOf({ partition, base }: SegmentItem): string {
  return `${partition}/${base}`;
}

/** Unless it is missing because nobody needs it any more. */
async function tellMissing({ broker, topic, ledger, report }: Step, missing: readonly SegmentItem[]): Promise<void> {
  const { there } = await asTheyAre(broker, ledger, missing);
  report.missing += there.length;
  for (const { partition, base, end, object } of there) {
    broker.log.error('The object of a segment is missing, and its records cannot be read', {
      topic: topic.name,
      partition,
      fromOffset: base,
      toOffset: end - 1,
      object: objectName('merged', object),
    });
  }
}
