/**
 * The partitions that a producer of Kafka's protocol has named, as the state of its transactional id keeps them: which are in
 * its open transaction, and where the sequences of each go on. Sequences count all records of an epoch, whatever became of the
 * transactions that they were in, so that a request which comes twice, or late, is known even when its transaction is over.
 *
 * Packed, in LEB128 varints:
 *
 *     topics        count, then for each
 *       topic id    16 bytes
 *       partitions  count, then for each
 *         partition
 *         flags     u8: 1 = in the open (or newest) transaction; the batches that are kept, times 2
 *         first     the sequence of the oldest kept batch; of none, where the first one begins: at 0
 *         batches   for each its records, oldest first
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { readTopicId, writeTopicId } from '../groups/partitions.ts';
import { judge, type Place, type Sequences, sequenceAfter, withBatch } from '../producers/sequences.ts';

export interface PartitionName {
  topicId: TopicId;
  partition: number;
}

export interface EnlistedPartition extends PartitionName {
  /** Whether it is in the newest transaction. */
  isCurrent: boolean;
  /** The records of its newest batches, oldest first; the first of them has the sequence `firstSequence`. */
  firstSequence: number;
  batches: readonly number[];
}

/** Records of one partition that come together. */
export interface SequencedRun extends PartitionName {
  firstSequence: number;
  records: number;
}

export type RunVerdict =
  | { verdict: 'accepted' }
  /** It is there already; where, nobody knows before the commit. */
  | { verdict: 'duplicate' }
  | { verdict: 'out-of-order'; expected: number }
  /** Nobody has said that the transaction is to have the partition. */
  | { verdict: 'not-enlisted' };

/** An epoch's sequences are not told apart by epoch here: a newer one begins with an empty list. */
const ONLY_EPOCH = 0;
/** Records of an open transaction are at no offset yet. */
const NOWHERE: Place = { at: 'offset', offset: -1 };

/** The list with these in the transaction; `begins`: in a new one, which has no others. */
export function enlist(
  known: readonly EnlistedPartition[],
  added: readonly PartitionName[],
  { begins }: { begins: boolean },
): EnlistedPartition[] {
  const list = new Map(
    known.map((one) => [nameOf(one), { ...one, isCurrent: one.isCurrent && !begins }] as [string, EnlistedPartition]),
  );
  for (const { topicId, partition } of added) {
    const before = list.get(nameOf({ topicId, partition })) ?? { topicId, partition, firstSequence: 0, batches: [] };
    list.set(nameOf(before), { ...before, isCurrent: true });
  }
  return [...list.values()];
}

/** Whether all of these are in the transaction. */
export function areEnlisted(known: readonly EnlistedPartition[], named: readonly PartitionName[]): boolean {
  const current = new Set(known.filter(({ isCurrent }) => isCurrent).map(nameOf));
  return named.every((partition) => current.has(nameOf(partition)));
}

/** What becomes of runs that come in this order, and the list after those that are accepted. */
export function judgeRuns(
  known: readonly EnlistedPartition[],
  runs: readonly SequencedRun[],
): { verdicts: RunVerdict[]; next: EnlistedPartition[] } {
  const next = new Map(known.map((one) => [nameOf(one), one]));
  const verdicts = runs.map((run): RunVerdict => {
    const entry = next.get(nameOf(run));
    if (entry?.isCurrent !== true) return { verdict: 'not-enlisted' };
    const sequences = sequencesOf(entry);
    const given = { epoch: ONLY_EPOCH, firstSequence: run.firstSequence, records: run.records };
    const judged = judge(sequences, given);
    assert(judged.verdict !== 'fenced', 'sequences of one epoch are compared');
    if (judged.verdict === 'accepted') {
      next.set(nameOf(run), { ...entry, ...keptOf(withBatch(sequences, given, NOWHERE)) });
      return judged;
    }
    if (judged.verdict === 'out-of-order') return { verdict: 'out-of-order', expected: judged.expected };
    return { verdict: 'duplicate' };
  });
  return { verdicts, next: [...next.values()] };
}

/** The sequence of the newest record; of one that has batches. */
export function lastSequenceOf({ firstSequence, batches }: EnlistedPartition): number {
  return sequenceAfter(firstSequence, batches.reduce((sum, records) => sum + records, 0) - 1);
}

function nameOf({ topicId, partition }: PartitionName): string {
  return `${topicId}/${partition}`;
}

function sequencesOf({ firstSequence, batches }: EnlistedPartition): Sequences {
  return { epoch: ONLY_EPOCH, firstSequence, batches: batches.map((records) => ({ records, place: NOWHERE })) };
}

function keptOf({ firstSequence, batches }: Sequences): Pick<EnlistedPartition, 'firstSequence' | 'batches'> {
  return { firstSequence, batches: batches.map(({ records }) => records) };
}

export function packEnlisted(partitions: readonly EnlistedPartition[]): Uint8Array {
  const writer = new ByteWriter(64);
  const topics = Map.groupBy(partitions, ({ topicId }) => topicId);
  writer.unsignedVarint(topics.size);
  for (const [topicId, own] of topics) {
    writeTopicId(writer, topicId).unsignedVarint(own.length);
    for (const { partition, isCurrent, firstSequence, batches } of own) {
      writer.unsignedVarint(partition).u8(batches.length * 2 + Number(isCurrent));
      writer.unsignedVarint(firstSequence);
      for (const records of batches) writer.unsignedVarint(records);
    }
  }
  return writer.finish();
}

export function unpackEnlisted(packed: Uint8Array): EnlistedPartition[] {
  const reader = new ByteReader(packed);
  const partitions: EnlistedPartition[] = [];
  for (let topics = reader.unsignedVarint(); topics > 0; topics--) {
    const topicId = readTopicId(reader);
    for (let left = reader.unsignedVarint(); left > 0; left--) {
      const partition = reader.unsignedVarint();
      const flags = reader.u8();
      const firstSequence = reader.unsignedVarint();
      const batches = Array.from({ length: flags >> 1 }, () => reader.unsignedVarint());
      partitions.push({ topicId, partition, isCurrent: (flags & 1) === 1, firstSequence, batches });
    }
  }
  assert(reader.remaining === 0, `a list of partitions has ${reader.remaining} bytes too many`);
  return partitions;
}
