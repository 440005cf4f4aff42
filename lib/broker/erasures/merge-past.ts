/** Merges a ledger past offsets, whatever is due: what is erased from segments must not come back from pages. */
import type { LedgerId } from '../../kernel/ids.ts';
import { erasureLimits } from '../../kernel/limits/erasures.ts';
import { type LedgerHead, tailStart } from '../../log/ledger/head.ts';
import { DEFAULT_POLICY, type MergePolicy } from '../../log/merged/due.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { isInSync, OWN_BUCKET } from '../ledger/replicated.ts';
import { mergePages } from '../lifecycle/merge-pages.ts';

/** Whatever there is; also a tail from which a clock that is ahead has made the oldest object. */
const FORCED: MergePolicy = { ...DEFAULT_POLICY, bytesMin: 0, pagesMin: 1, ageMsMin: Number.NEGATIVE_INFINITY };

export interface MergingPast {
  topic: Topic;
  ledger: LedgerId;
  /** By slot. Those that are not there count as 0. */
  ends: readonly number[];
  signal?: AbortSignal;
}

export type MergedPast =
  /** Records below `ends` are in segments, and nowhere else for readers. */
  | { outcome: 'merged' }
  /** The topic is deleted. */
  | { outcome: 'gone' }
  /** It is to be gone on with later. */
  | { outcome: 'left'; problem?: string };

export async function mergePast(broker: Broker, { topic, ledger, ends, signal }: MergingPast): Promise<MergedPast> {
  for (let failed = 0; failed < erasureLimits.erasureAttemptsMax; ) {
    const head = await broker.heads.strong(ledger);
    if (head === undefined) return { outcome: 'gone' };
    // Also where nothing is to be merged: what is rewritten is given to every replica.
    if (!isInSync(head, broker.objects.replicas?.given ?? OWN_BUCKET)) return lagging(topic);
    if (await isMergedPast(broker, { ledger, head, ends })) return { outcome: 'merged' };
    if (signal?.aborted === true) break;
    const { outcome } = await mergePages(broker, { topic, ledger, policy: FORCED, ...(signal && { signal }) });
    if (outcome === 'blocked') return { outcome: 'left', problem: problemOf(topic, 'records of it cannot be read') };
    if (outcome === 'not-in-sync') return lagging(topic);
    if (outcome !== 'merged') failed++;
  }
  return { outcome: 'left' };
}

function lagging({ name }: Topic): MergedPast {
  return { outcome: 'left', problem: `Nothing of the topic "${name}" can be rewritten while a replica lags behind.` };
}

function problemOf({ name }: Topic, why: string): string {
  return `The topic "${name}" cannot be merged: ${why}.`;
}

async function isMergedPast(
  broker: Broker,
  { ledger, head, ends }: { ledger: LedgerId; head: LedgerHead; ends: readonly number[] },
): Promise<boolean> {
  const page = head.merged < head.sealed ? await broker.pages.get(ledger, head.merged) : undefined;
  return ends.every((end, slot) => {
    const mergedTo = page === undefined ? tailStart(head, slot) : (page.bases[slot] as number);
    return mergedTo >= Math.min(end, head.next[slot] as number);
  });
}
