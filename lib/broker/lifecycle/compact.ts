/**
 * Compaction of one partition: a step of a pass over its merged segments, where one is due or under way, in two
 * readings (docs/lifecycle.md). The first notes the newest offset of each key in what is dirty; the second takes what
 * is older out of everything before it, group by group, and is gone on with by the next step where this one's bytes or
 * time are used up.
 *
 * In memory are the keys, 64 MiB at most, and pieces of what is read and written, whatever the partition's size. May be
 * cut off anywhere and overlap with itself and with everything else that changes segments: of two steps one is refused.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { compactionLimits } from '../../kernel/limits/compaction.ts';
import { type CompactionPlan, planCompaction } from '../../log/compaction/plan.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { isInSync, OWN_BUCKET } from '../ledger/replicated.ts';
import { findNewest } from './compact-keys.ts';
import { cleanSegments } from './compact-segments.ts';
import { type CompactionState, compactionState, unlessReplaced } from './compaction-state.ts';

export interface CompactionRequest {
  topic: Topic;
  partition: number;
  /** Ends the step early; what of it is whole is committed. */
  signal?: AbortSignal;
  bounds?: Partial<CompactionBounds>;
}

export interface CompactionBounds {
  /** Memory for keys. */
  keyBytesMax: number;
  /** Dirty bytes that one pass takes on; one segment at least. */
  dirtyBytesMax: number;
  /** How long the first reading may take; a piece of a segment is read at least. */
  rangeMsMax: number;
  /** Segments that are cleaned and committed together; one at least. */
  groupBytesMax: number;
  /** What the second reading goes through, and how long both may take; one group at least. */
  stepBytesMax: number;
  stepMsMax: number;
}

export interface Compaction {
  /**
   * `none`: nothing is due. `compacted`: a pass has come to its end, of what was due or as much of it as one takes on.
   * `advanced`: the next step goes on with the pass. `stopped`: it was told to, and so does the next one. `refused`:
   * someone else has changed the ledger's segments. `unknown`: storage did not say. `unreadable`: something is missing
   * or damaged, and the log is not compacted before it is there again. `not-in-sync`: a replica lags behind, or is not
   * known here.
   */
  outcome: 'none' | 'compacted' | 'advanced' | 'stopped' | 'refused' | 'unknown' | 'unreadable' | 'not-in-sync';
  /** Segments that were replaced, and what of them is no more: records, those of them without a key, and bytes. */
  segments: number;
  records: number;
  keyless: number;
  bytes: number;
}

const BOUNDS: CompactionBounds = {
  keyBytesMax: compactionLimits.compactionKeyBytesMax,
  dirtyBytesMax: compactionLimits.compactionDirtyBytesMax,
  rangeMsMax: compactionLimits.compactionRangeMsMax,
  groupBytesMax: compactionLimits.compactionGroupBytesMax,
  stepBytesMax: compactionLimits.compactionStepBytesMax,
  stepMsMax: compactionLimits.compactionStepMsMax,
};

const NOTHING = { segments: 0, records: 0, keyless: 0, bytes: 0 };

/** Whether a pass is due, and what waits for one. `undefined`: nothing is merged, or this is no moment to say. */
export async function compactionPlan(
  broker: Broker,
  { topic, partition, bounds }: CompactionRequest,
): Promise<CompactionPlan | undefined> {
  const state = await compactionState(broker, topic, partition);
  return state === undefined || state === 'changing' ? undefined : planOf(broker, topic, state, boundsOf(bounds));
}

/** Throws where storage fails. */
export async function compactPartition(broker: Broker, request: CompactionRequest): Promise<Compaction> {
  const { topic, partition } = request;
  const bounds = boundsOf(request.bounds);
  const state = await compactionState(broker, topic, partition);
  if (state === undefined) return { ...NOTHING, outcome: 'none' };
  if (state === 'changing') return { ...NOTHING, outcome: 'refused' };
  const plan = planOf(broker, topic, state, bounds);
  if (plan.kind === 'nothing') return { ...NOTHING, outcome: 'none' };
  const given = broker.objects.replicas?.given ?? OWN_BUCKET;
  if (!isInSync(state.head, given)) return { ...NOTHING, outcome: 'not-in-sync' };
  try {
    return { ...NOTHING, ...(await step(broker, { ...request, bounds }, state, plan)) };
  } catch (error) {
    // What is damaged is so for every attempt, unlike what storage could not do now.
    if (!(error instanceof MillraceError) || error.retriable) throw error;
    broker.log.error('A partition cannot be compacted', { topic: topic.name, partition, error });
    return { ...NOTHING, outcome: 'unreadable' };
  }
}

function boundsOf(bounds: Partial<CompactionBounds> = {}): CompactionBounds {
  return { ...BOUNDS, ...bounds };
}

function planOf(
  broker: Broker,
  { config }: Topic,
  { segments, logStartOffset, progress }: CompactionState,
  { dirtyBytesMax }: CompactionBounds,
): CompactionPlan {
  const situation = { segments, logStartOffset, nowMs: broker.clock.now(), dirtyBytesMax };
  return planCompaction({ ...situation, ...progress }, config);
}

async function step(
  broker: Broker,
  { topic, partition, signal, bounds }: CompactionRequest & { bounds: CompactionBounds },
  state: CompactionState,
  { from, to, cleanedTo }: Extract<CompactionPlan, { kind: 'clean' }>,
): Promise<Partial<Compaction> & Pick<Compaction, 'outcome'>> {
  const stoppable = signal === undefined ? {} : { signal };
  const lastMs = broker.clock.monotonic() + bounds.stepMsMax;
  const { head, lifecycle, segments } = state;
  const { ledger } = ledgerOf(topic, partition);
  const newest = await unlessReplaced(broker, { ledger, lifecycle }, () =>
    findNewest(broker, { head, segments, from, to, ...bounds, ...stoppable }),
  );
  if (newest === undefined) return { outcome: 'stopped' };
  if (newest === 'refused') return { outcome: 'refused' };
  try {
    const cleaning = { topic, partition, state, newest, cleanedTo, bounds, lastMs, ...stoppable };
    const cleaned = await cleanSegments(broker, cleaning);
    return { ...cleaned, outcome: cleaned.outcome === 'applied' ? 'compacted' : cleaned.outcome };
  } finally {
    newest.release();
  }
}
