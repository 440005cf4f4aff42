/**
 * Compaction of one partition: one pass over its merged segments, where one is due, in two readings (docs/lifecycle.md). The
 * first notes the newest offset of each key in what is dirty; the second takes what is older out of everything before it.
 *
 * In memory are the keys, 64 MiB at most, and pieces of what is read and written, whatever the partition's size. May be cut
 * off anywhere and overlap with itself and with everything else that changes segments: of two steps one is refused.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { type CompactionPlan, planCompaction } from '../../log/compaction/plan.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Lifecycle } from '../../log/merged/lifecycle-item.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { isInSync, OWN_BUCKET } from '../ledger/replicated.ts';
import { findNewest } from './compact-keys.ts';
import { cleanSegments, lifecycleOf } from './compact-segments.ts';
import { segmentsFrom } from './ledger-pieces.ts';

export interface CompactionRequest {
  topic: Topic;
  partition: number;
  /** Ends the pass early; what of it is whole is committed. */
  signal?: AbortSignal;
  bounds?: CompactionBounds;
}

export interface CompactionBounds {
  /** Memory for keys. */
  keyBytesMax: number;
  /** Dirty bytes that one pass takes on; one segment at least. */
  dirtyBytesMax: number;
}

export interface Compaction {
  /**
   * `none`: nothing is due. `compacted`: what was due, or as much of it as one pass takes on. `stopped`: it was told to.
   * `refused`: someone else has changed the ledger's segments. `unknown`: storage did not say. `unreadable`: something is
   * missing or damaged, and the log is not compacted before it is there again. `not-in-sync`: a replica lags behind, or is
   * not known here.
   */
  outcome: 'none' | 'compacted' | 'stopped' | 'refused' | 'unknown' | 'unreadable' | 'not-in-sync';
  /** Segments that were replaced, and what of them is no more: records, those of them without a key, and bytes. */
  segments: number;
  records: number;
  keyless: number;
  bytes: number;
}

const BOUNDS: CompactionBounds = {
  keyBytesMax: limits.compactionKeyBytesMax,
  dirtyBytesMax: limits.compactionDirtyBytesMax,
};

const NOTHING = { segments: 0, records: 0, keyless: 0, bytes: 0 };

/** Whether a pass is due, and what waits for one. `undefined`: nothing is merged, or this is no moment to say. */
export async function compactionPlan(
  broker: Broker,
  { topic, partition, bounds = BOUNDS }: CompactionRequest,
): Promise<CompactionPlan | undefined> {
  const seen = await look(broker, topic, partition);
  return seen === undefined || seen === 'changing' ? undefined : planOf(broker, topic, seen, bounds);
}

/** Throws where storage fails. */
export async function compactPartition(broker: Broker, request: CompactionRequest): Promise<Compaction> {
  const { topic, partition, bounds = BOUNDS } = request;
  const seen = await look(broker, topic, partition);
  if (seen === undefined) return { ...NOTHING, outcome: 'none' };
  if (seen === 'changing') return { ...NOTHING, outcome: 'refused' };
  const plan = planOf(broker, topic, seen, bounds);
  if (plan.kind === 'nothing') return { ...NOTHING, outcome: 'none' };
  const given = broker.objects.replicas?.given ?? OWN_BUCKET;
  if (!isInSync(seen.head, given)) return { ...NOTHING, outcome: 'not-in-sync' };
  try {
    return { ...NOTHING, ...(await pass(broker, request, seen, plan)) };
  } catch (error) {
    // What is damaged is so for every attempt, unlike what storage could not do now.
    if (!(error instanceof MillraceError) || error.retriable) throw error;
    if (await hasChanged(broker, ledgerOf(topic, partition).ledger, seen)) return { ...NOTHING, outcome: 'refused' };
    broker.log.error('A partition cannot be compacted', { topic: topic.name, partition, error });
    return { ...NOTHING, outcome: 'unreadable' };
  }
}

function planOf(broker: Broker, { config }: Topic, seen: Seen, { dirtyBytesMax }: CompactionBounds): CompactionPlan {
  return planCompaction({ ...seen, nowMs: broker.clock.now(), dirtyBytesMax }, config);
}

/** One state of a partition. */
interface Seen {
  head: LedgerHead;
  lifecycle: Lifecycle;
  logStartOffset: number;
  dirtyFrom?: number;
  /** From the log start on. */
  segments: readonly SegmentItem[];
}

/** `undefined`: nothing is merged. `changing`: segments are being replaced at this moment. */
async function look(broker: Broker, topic: Topic, partition: number): Promise<Seen | 'changing' | undefined> {
  const { ledger, slot } = ledgerOf(topic, partition);
  const lifecycle = await lifecycleOf(broker, ledger);
  const head = lifecycle.version === 0 ? undefined : await broker.heads.strong(ledger);
  if (head === undefined) return undefined;
  const logStartOffset = head.start[slot] as number;
  const segments: SegmentItem[] = [];
  for await (const segment of segmentsFrom(broker.metadata, { topicId: topic.topicId, partition }, logStartOffset)) {
    if (segment.end > logStartOffset) segments.push(segment);
  }
  const seen = { head, lifecycle, logStartOffset, segments };
  // Several queries are not one state.
  if (await hasChanged(broker, ledger, seen)) return 'changing';
  const progress = lifecycle.compacted.get(slot);
  return progress === undefined ? seen : { ...seen, dirtyFrom: progress.dirtyFrom };
}

async function hasChanged(broker: Broker, ledger: LedgerId, { lifecycle }: Pick<Seen, 'lifecycle'>): Promise<boolean> {
  return (await lifecycleOf(broker, ledger)).version !== lifecycle.version;
}

async function pass(
  broker: Broker,
  { topic, partition, signal, bounds = BOUNDS }: CompactionRequest,
  { head, lifecycle, segments }: Seen,
  { from, to }: Extract<CompactionPlan, { kind: 'clean' }>,
): Promise<Partial<Compaction> & Pick<Compaction, 'outcome'>> {
  const stoppable = signal === undefined ? {} : { signal };
  const newest = await findNewest(broker, {
    head,
    segments,
    from,
    to,
    keyBytesMax: bounds.keyBytesMax,
    ...stoppable,
  });
  if (newest === undefined) return { outcome: 'stopped' };
  try {
    const cleaned = await cleanSegments(broker, { topic, partition, head, lifecycle, segments, newest, ...stoppable });
    return { ...cleaned, outcome: cleaned.outcome === 'applied' ? 'compacted' : cleaned.outcome };
  } finally {
    newest.release();
  }
}
