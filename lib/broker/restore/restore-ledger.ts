/**
 * The merged segments that a ledger has lost: which objects they are, as far as that can be told, and their items made
 * again.
 *
 * The table is right wherever it still says something: a segment that has its item stays, what is condemned was
 * replaced, and what was made from the version that the ledger is at was never committed.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, objectIdText } from '../../kernel/ids.ts';
import { restoreLimits } from '../../kernel/limits/restore.ts';
import { decodeHead, headKey, type LedgerHead } from '../../log/ledger/head.ts';
import { type ChosenSegments, chooseSegments, type FoundSegment } from '../../log/merged/choose-segments.ts';
import type { Lifecycle } from '../../log/merged/lifecycle-item.ts';
import { planRestore } from '../../log/merged/restore.ts';
import {
  decodeSegmentItem,
  partitionKey,
  SEGMENTS_END,
  SEGMENTS_START,
  type SegmentItem,
} from '../../log/merged/segment-item.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { mergedEnds } from '../check/merged-ends.ts';
import { decoded } from '../check/unreadable.ts';
import { replicasOf } from '../ledger/replicated.ts';
import { lifecycleOf } from '../lifecycle/ledger-lifecycle.ts';
import { condemnedMerged } from '../lifecycle/merged-object.ts';

export interface PartitionProposal extends ChosenSegments {
  partition: number;
}

export interface LedgerProposal {
  topic: Topic;
  ledger: LedgerId;
  lifecycle: Lifecycle;
  newestVersion: number;
  /** Those that lack something. */
  partitions: readonly PartitionProposal[];
  /** What cannot be judged, and why: sentences. */
  unjudged: readonly string[];
  /** Replicas that have what is merged, of a replicated ledger. */
  holders?: number;
}

export interface LedgerObjects {
  topic: Topic;
  index: number;
  /** By partition. */
  found: ReadonlyMap<number, readonly FoundSegment[]>;
  /** No object is unreadable, of any ledger. */
  isWhole: boolean;
}

/** Changes nothing. Throws where the store does not answer. */
export async function proposeLedger(broker: Broker, objects: LedgerObjects): Promise<LedgerProposal> {
  const { metadata } = broker;
  const { topic, index } = objects;
  const ledger = { topicId: topic.topicId, index };
  // First: what is written later is on the condition of its version.
  const lifecycle = await lifecycleOf(broker, ledger);
  const attributes = await metadata.get(headKey(ledger), 'strong');
  const head = attributes && decoded(() => decodeHead(attributes)).value;
  const proposal = { topic, ledger, lifecycle, newestVersion: 0, partitions: [], unjudged: [] };
  if (head === undefined) return { ...proposal, unjudged: [`The head of its ledger ${index} cannot be read.`] };
  if (head.merged === 0) return proposal;
  const ends = await mergedEnds(metadata, ledger, head);
  if (ends === undefined) {
    return {
      ...proposal,
      unjudged: [`Where the segments of its ledger ${index} end cannot be read: page ${head.merged}.`],
    };
  }
  return { ...proposal, ...(await proposePartitions(broker, objects, { ledger, lifecycle, head, ends })) };
}

interface KnownLedger {
  ledger: LedgerId;
  lifecycle: Lifecycle;
  head: LedgerHead;
  ends: readonly number[];
}

async function proposePartitions(
  broker: Broker,
  { topic, index, found, isWhole }: LedgerObjects,
  { ledger, lifecycle, head, ends }: KnownLedger,
) {
  const condemned = new Set<string>();
  for await (const object of condemnedMerged(broker, ledger)) condemned.add(objectIdText(object));
  const partitions: PartitionProposal[] = [];
  const unjudged: string[] = [];
  let newestVersion = 0;
  const first = index * topic.ledgerPartitions;
  const last = Math.min(first + topic.ledgerPartitions, topic.partitions);
  for (let partition = first; partition < last; partition++) {
    const slot = partition - first;
    const objects = found.get(partition) ?? [];
    for (const { version } of objects) newestVersion = Math.max(newestVersion, version);
    const { value: present, reason } = await presentSegments(broker, ledger, partition);
    if (present === undefined) {
      unjudged.push(`A merged segment of its partition ${partition} cannot be read: ${reason}.`);
      continue;
    }
    const known = { present, from: head.start[slot] as number, to: ends[slot] as number, isWhole };
    const choice = chooseSegments(objects.filter(mayBeCommitted(lifecycle, condemned)), known);
    if (choice.chosen.length > 0 || choice.gaps.length > 0) partitions.push({ partition, ...choice });
  }
  const holders = replicasOf(head);
  return { partitions, unjudged, newestVersion, ...(holders !== undefined && { holders }) };
}

function mayBeCommitted({ version: reached }: Lifecycle, condemned: ReadonlySet<string>) {
  return ({ segment, version }: FoundSegment) =>
    (reached === 0 || version < reached) && !condemned.has(objectIdText(segment.object));
}

async function presentSegments({ metadata }: Broker, { topicId }: LedgerId, partition: number) {
  const pk = partitionKey(topicId, partition);
  const segments: SegmentItem[] = [];
  let from: string | undefined = SEGMENTS_START;
  while (from !== undefined) {
    const query = { pk, from, to: SEGMENTS_END, limit: restoreLimits.restoreSegmentsPerQuery };
    const page = await metadata.query({ ...query, consistency: 'strong' });
    const { value, reason } = decoded(() => page.items.map(decodeSegmentItem));
    if (value === undefined) return { reason };
    segments.push(...value);
    from = page.next;
  }
  return { value: segments };
}

/** May be cut off and repeated, from a new proposal. Throws where something else has changed the ledger meanwhile. */
export async function restoreLedger({ metadata }: Broker, proposal: LedgerProposal): Promise<void> {
  const { ledger, lifecycle, partitions, newestVersion, holders } = proposal;
  const segments = partitions.flatMap(({ chosen }) =>
    chosen.map(({ segment }) => ({ ...segment, ...(holders !== undefined && { holders }) })),
  );
  for (const writes of planRestore(ledger, lifecycle, { segments, newestVersion })) {
    const written = await metadata.write(writes);
    if (written.outcome === 'applied') continue;
    const what = `The segments of the ledger ${ledgerName(ledger)} have changed meanwhile: nothing else may be at work.`;
    throw new MillraceError('KAFKA_STORAGE_ERROR', what);
  }
}
