/**
 * Merging a ledger's pages: one step writes what the first pages have of all slots to segments, and commits them by one
 * transaction (docs/lifecycle.md).
 *
 * May be cut off anywhere, run twice and overlap with itself: it has done nothing then, or all of it, and of two one
 * wins. A source that is missing or damaged ends a step before its page, and is never left out.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Page } from '../../log/ledger/page.ts';
import { type MergePolicy, mergeDue, type PageFacts, pageFacts } from '../../log/merged/due.ts';
import type { Lifecycle } from '../../log/merged/lifecycle-item.ts';
import { planMerge } from '../../log/merged/plans.ts';
import { mergePolicyOf, segmentTargetBytes, stepTargetBytes } from '../../log/merged/topic-policy.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { isInSync, OWN_BUCKET, replicasOf, sealable } from '../ledger/replicated.ts';
import type { Unreadable } from './commit-bytes.ts';
import { commitSegments, isSegmentThere, type SegmentsCommitted } from './commit-segments.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { pagesFrom } from './ledger-pieces.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { SharedSources } from './shared-sources.ts';
import { type OpenedPage, type PagesWritten, writePages } from './write-pages.ts';

export interface PageMergeRequest {
  topic: Topic;
  ledger: LedgerId;
  /** What other ledgers have parts of is read once for all of them that are merged with it. */
  shared?: SharedSources | undefined;
  /** Ends the step before the next page; what it has is committed. */
  signal?: AbortSignal;
  policy?: MergePolicy;
}

/** What is sealed and not merged, as far as it was looked at. */
export interface MergeBacklog {
  pages: number;
  bytes: number;
  /** The birth of the oldest object in it; absent where there is nothing. */
  oldestMs?: number;
}

export interface PageMerge {
  /**
   * `none`: nothing is due, or it was told to stop. `refused`: someone else has changed the ledger. `unknown`: storage
   * did not say. `blocked`: the first page has something that cannot be read. `not-in-sync`: a replica lags behind, or
   * is not known here.
   */
  outcome: 'none' | 'merged' | 'refused' | 'unknown' | 'blocked' | 'not-in-sync';
  pages: number;
  segments: number;
  bytes: number;
  /** Behind it. */
  left: MergeBacklog;
}

const NOTHING: Omit<PageMerge, 'outcome'> = { pages: 0, segments: 0, bytes: 0, left: { pages: 0, bytes: 0 } };

/** One step. Throws where storage fails. */
export async function mergePages(broker: Broker, request: PageMergeRequest): Promise<PageMerge> {
  const { topic, ledger, shared, signal } = request;
  const due = await duePages(broker, request);
  const none = { ...NOTHING, left: due.left };
  const { head } = due;
  if (head === undefined || due.pages.length === 0 || signal?.aborted === true) return { ...none, outcome: 'none' };
  if (!canBeMerged(broker, head)) return { ...none, outcome: 'not-in-sync' };
  const lifecycle = await lifecycleOf(broker, ledger);
  // Someone has merged since the head was read.
  if ((lifecycle.marks.at(-1)?.pages ?? 0) > head.merged) return { ...none, outcome: 'refused' };
  const step = { broker, topic, ledger, head, lifecycle, shared, signal };
  const written = await writeReadable(step, await opened(broker, request, due.pages));
  if (written === 'overtaken') return { ...none, outcome: 'refused' };
  if (written.outcome === 'unreadable') return { ...none, outcome: 'blocked' };
  if (written.pages === 0) return { ...none, outcome: 'none' };
  const { pages, segments, bytes } = written;
  const committed = await commit(step, written);
  if (committed.outcome !== 'applied') {
    const { outcome } = committed;
    broker.log.info('Merged pages were not committed', { ledger: ledgerName(ledger), outcome, ...refusal(committed) });
    return { ...none, outcome };
  }
  return { outcome: 'merged', pages, segments: segments.length, bytes, left: due.leftBehind(pages) };
}

export interface DuePages {
  /** After an old tail was sealed; absent where the topic is deleted. */
  head?: LedgerHead;
  /** The first ones that are not merged; none where none are due. */
  pages: readonly Page[];
  left: MergeBacklog;
  /** What is left once so many of the pages are merged. */
  leftBehind: (pages: number) => MergeBacklog;
}

/** What a step would merge. Where nothing waits, it costs one read. */
export async function duePages(
  broker: Broker,
  { topic, ledger, policy = mergePolicyOf(topic.config) }: PageMergeRequest,
): Promise<DuePages> {
  const head = await sealedHead(broker, ledger, policy);
  if (head === undefined) return { pages: [], left: NOTHING.left, leftBehind: () => NOTHING.left };
  const pages = await firstPages(broker, ledger, head, policy);
  const facts = pages.map(pageFacts);
  const to = mergeDue(head, facts, broker.clock.now(), policy) ?? head.merged;
  const leftBehind = (merged: number) => backlogOf(head, facts.slice(merged), merged);
  return { head, pages: pages.slice(0, to - head.merged), left: leftBehind(0), leftBehind };
}

interface Step {
  broker: Broker;
  topic: Topic;
  ledger: LedgerId;
  head: LedgerHead;
  lifecycle: Lifecycle;
  shared: SharedSources | undefined;
  signal: AbortSignal | undefined;
}

/** A tail that is old is sealed first: of what is written no more, it would never become a page. */
async function sealedHead(
  broker: Broker,
  ledger: LedgerId,
  { ageMsMin }: MergePolicy,
): Promise<LedgerHead | undefined> {
  const head = await broker.heads.strong(ledger);
  if (head === undefined || sealable(head) === 0 || !canBeMerged(broker, head)) return head;
  const oldestMs = Math.min(...head.tail.map(({ object }) => object.birthMs));
  if (broker.clock.now() - oldestMs < ageMsMin) return head;
  await broker.sealer.seal(ledger);
  return broker.heads.strong(ledger);
}

/** Whether all replicas have what readers see, and can be written to from here. */
function canBeMerged({ objects }: Broker, head: LedgerHead): boolean {
  return isInSync(head, objects.replicas?.given ?? OWN_BUCKET);
}

/** Those that are not merged, as many as one step may take. */
async function firstPages(
  { metadata }: Broker,
  ledger: LedgerId,
  { merged, sealed }: LedgerHead,
  { stepBytesMax }: MergePolicy,
): Promise<Page[]> {
  const pages: Page[] = [];
  if (merged === sealed) return pages;
  const to = Math.min(sealed, merged + mergingLimits.mergePagesPerStepMax);
  let bytes = 0;
  for await (const page of pagesFrom(metadata, ledger, { from: merged, to })) {
    if (page.sequence !== merged + pages.length) break;
    pages.push(page);
    bytes += pageFacts(page).bytes;
    if (bytes > stepBytesMax) break;
  }
  if (pages.length > 0) return pages;
  throw new MillraceError('KAFKA_STORAGE_ERROR', `Page ${merged} of the ledger ${ledgerName(ledger)} is not found.`);
}

function backlogOf(head: LedgerHead, rest: readonly PageFacts[], merged: number): MergeBacklog {
  const [first] = rest;
  return {
    pages: head.sealed - head.merged - merged,
    bytes: rest.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(first !== undefined && { oldestMs: first.oldestMs }),
  };
}

/** As many of the pages as have no more in bundles than is held in memory together; one at least. */
async function opened(
  broker: Broker,
  { ledger, policy }: PageMergeRequest,
  pages: readonly Page[],
): Promise<OpenedPage[]> {
  const commitsMax = policy?.stepBundledCommitsMax ?? mergingLimits.mergeBundledCommitsMax;
  const found: OpenedPage[] = [];
  let bundled = 0;
  for (const page of pages) {
    const bundles = new Map<Commit, readonly Commit[]>();
    for (const entry of page.commits) {
      if (!isBundle(entry)) continue;
      const commits = await broker.pages.bundle(ledger, entry);
      bundles.set(entry, commits);
      bundled += commits.length;
    }
    if (found.length > 0 && bundled > commitsMax) break;
    found.push({ page, bundles });
  }
  return found;
}

/**
 * All pages, or those before the first that cannot be read: these once more, because what was written is of half a
 * page. `overtaken`: others have merged them, and what they name is gone by right.
 */
async function writeReadable(step: Step, pages: readonly OpenedPage[]): Promise<PagesWritten | 'overtaken'> {
  const { broker, topic, ledger, head, lifecycle, shared, signal } = step;
  const stepBytes = pages.reduce((sum, { page }) => sum + pageFacts(page).bytes, 0);
  const replicas = replicasOf(head);
  const writerOf = (slot: number, base: number) =>
    new SegmentWriter(broker, {
      identity: {
        topicId: topic.topicId,
        topic: topic.name,
        partition: ledger.index * topic.ledgerPartitions + slot,
        level: 0,
        version: lifecycle.version,
      },
      base,
      bytesMax: stepTargetBytes(segmentTargetBytes(topic.config), stepBytes),
      sweptMs: lifecycle.swept,
      ...(replicas !== undefined && { replicas }),
    });
  const written = await writePages(broker, { head, pages, writerOf, shared, signal });
  if (written.outcome === 'written') return written;
  // A step that was frozen for longer than the grace would take that for a loss.
  if ((await broker.heads.strong(ledger))?.merged !== head.merged) return 'overtaken';
  tell(step, written.unreadable);
  if (written.pages === 0) return written;
  return writePages(broker, { head, pages: pages.slice(0, written.pages), writerOf, shared, signal });
}

function tell({ broker, topic, ledger }: Step, { name, run, reason }: Unreadable): void {
  broker.log.error('Records cannot be read, and their ledger is not merged beyond them', {
    topic: topic.name,
    partition: ledger.index * topic.ledgerPartitions + run.slot,
    fromOffset: run.baseOffset,
    toOffset: run.endOffset - 1,
    object: name,
    reason,
  });
}

async function commit(
  { broker, ledger, head, lifecycle }: Step,
  written: Extract<PagesWritten, { outcome: 'written' }>,
): Promise<SegmentsCommitted> {
  const { pages, segments, objects } = written;
  const to = head.merged + pages;
  const isApplied = async () => {
    const [first] = segments;
    if (first !== undefined) return isSegmentThere(broker, ledger.topicId, first);
    return ((await broker.heads.strong(ledger))?.merged ?? 0) >= to;
  };
  const plan = (nowMs: number) => planMerge(ledger, head, lifecycle, { to, segments, nowMs });
  return commitSegments(broker, { plan, objects, isApplied });
}

/** What of the ledger was not as it had been. */
function refusal(committed: SegmentsCommitted): { by?: string } {
  if (committed.outcome !== 'refused') return {};
  return { by: ['head', 'lifecycle'][committed.index] ?? 'segment' };
}
