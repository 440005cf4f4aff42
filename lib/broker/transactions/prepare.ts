/**
 * What a transaction is to write, checked as a whole: a fault of one record or offset is a fault of the transaction.
 */
import type { FencedMember } from '../../coordination/groups/fence.ts';
import {
  type CommittedOffset,
  OFFSETS_PER_ITEM,
  type OffsetsItemId,
  offsetsKey,
  planOffsets,
} from '../../coordination/groups/offsets-item.ts';
import { type Partitioner, requestPartitioner } from '../../coordination/producers/partitioner.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import type { PlacedRecord } from '../../coordination/transactions/receipt.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { NewRecord } from '../../log/record-batch/record.ts';
import type { BatchRun } from '../../log/segment/layout.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import { runOf } from '../append/accept-batches.ts';
import type { Broker } from '../broker.ts';
import { listGroup } from '../groups/group-directory.ts';
import { encodeRecords, recordFault, tenantMissing, type UncheckedRecord } from '../produce/record-batches.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import { requireResting } from '../triggers/claim.ts';

export interface TransactionRecord extends UncheckedRecord {
  topic: string;
  /**
   * By the topic's partitioner where absent: by key hash, and one partition for all records of a topic without a key.
   */
  partition?: number;
}

export interface GroupOffset {
  topic: string;
  partition: number;
  offset: number;
  leaderEpoch?: number;
  metadata?: string;
}

export interface GroupOffsets {
  group: string;
  /** Who commits them; they are fenced by its epoch. Absent: nobody in particular. */
  member?: FencedMember;
  offsets: readonly GroupOffset[];
}

/** A partition's records of one transaction. */
export interface PreparedRun {
  topic: Topic;
  partition: number;
  ledger: LedgerId;
  slot: number;
  run: BatchRun;
}

export interface PreparedRecords {
  runs: readonly PreparedRun[];
  /** In the request's order; a place is the index of a run. */
  records: readonly PlacedRecord[];
}

interface Group {
  topic: Topic;
  partition: number;
  records: NewRecord[];
}

export async function prepareRecords(broker: Broker, records: readonly TransactionRecord[]): Promise<PreparedRecords> {
  const topics = await topicsOf(broker, records);
  const nowMs = broker.clock.now();
  const groups: Group[] = [];
  const placeOf = new Map<string, number>();
  const partitioners = new Map<string, Partitioner>();
  const placed: PlacedRecord[] = [];
  for (const [index, record] of records.entries()) {
    const topic = topics.get(record.topic) as Topic;
    const partition = record.partition ?? partitionerOf(broker, topic, partitioners)(record);
    if (partition === undefined) throw ofRecord(tenantMissing(topic), index);
    const fault = recordFault(topic, record, partition, nowMs);
    if (fault !== undefined) throw ofRecord(fault, index);
    const name = `${topic.name}/${partition}`;
    let place = placeOf.get(name);
    if (place === undefined) {
      place = groups.length;
      placeOf.set(name, place);
      groups.push({ topic, partition, records: [] });
    }
    const appendTime = topic.config['message.timestamp.type'] === 'LogAppendTime';
    const timestamp = appendTime ? nowMs : (record.timestamp ?? nowMs);
    const { key, value, headers } = record;
    (groups[place] as Group).records.push({ timestamp, key, value, headers });
    placed.push({ place, timestamp });
  }
  return { runs: encoded(broker, groups), records: placed };
}

/** In the groups' order; a topic's batches are encoded together. */
function encoded(broker: Broker, groups: readonly Group[]): PreparedRun[] {
  const runs: PreparedRun[] = [];
  for (const indexes of Map.groupBy(groups.keys(), (index) => groups[index]?.topic.topicId).values()) {
    const own = indexes.map((index) => groups[index] as Group);
    const { topic } = own[0] as Group;
    const batches = encodeRecords(
      broker,
      topic,
      own.map(({ records }) => records),
    );
    for (const [order, { partition }] of own.entries()) {
      const { ledger, slot } = ledgerOf(topic, partition);
      const run = runOf(batches[order] as Uint8Array[]);
      runs[indexes[order] as number] = { topic, partition, ledger, slot, run };
    }
  }
  return runs;
}

/** The topics by name; each as it is cached, unless that lacks a partition that a record names. */
async function topicsOf(
  broker: Broker,
  records: readonly { topic: string; partition?: number }[],
): Promise<Map<string, Topic>> {
  const named = new Map<string, number>();
  for (const { topic, partition = 0 } of records) named.set(topic, Math.max(named.get(topic) ?? 0, partition));
  const topics = new Map<string, Topic>();
  for (const [name, partition] of named) topics.set(name, await broker.topics.getWith(name, partition));
  return topics;
}

/** One for each topic: its records without a key stay together. */
function partitionerOf(
  broker: Broker,
  { name, config, partitions }: Topic,
  known: Map<string, Partitioner>,
): Partitioner {
  const partitioner = known.get(name) ?? requestPartitioner(config, partitions, broker.random);
  known.set(name, partitioner);
  return partitioner;
}

function ofRecord({ code, message, facts }: MillraceError, index: number): MillraceError {
  return new MillraceError(code, message, { facts: { ...facts, field: `records[${index}]` } });
}

/** Throws `INVALID_GROUP_ID`, `UNKNOWN_TOPIC_OR_PARTITION`, `OFFSET_METADATA_TOO_LARGE`, `INVALID_REQUEST`. */
export async function prepareOffsets(
  broker: Broker,
  { group, offsets }: Pick<GroupOffsets, 'group' | 'offsets'>,
): Promise<PendingOffset[]> {
  checkGroupId(group);
  const topics = await topicsOf(broker, offsets);
  const seen = new Set<string>();
  return offsets.map(({ topic: name, partition, offset, leaderEpoch, metadata }) => {
    const topic = topics.get(name) as Topic;
    if (partition >= topic.partitions) throw unknownPartition(topic, partition);
    if (metadata !== undefined && utf8(metadata).length > transactionLimits.offsetMetadataBytesMax) {
      const detail = `The metadata of ${name} ${partition} is longer than ${transactionLimits.offsetMetadataBytesMax} bytes.`;
      throw new MillraceError('OFFSET_METADATA_TOO_LARGE', detail);
    }
    if (seen.has(`${name}/${partition}`)) {
      throw new MillraceError('INVALID_REQUEST', `The offset of ${name} ${partition} is there twice.`);
    }
    seen.add(`${name}/${partition}`);
    return { group, topic: name, topicId: topic.topicId, partition, offset, leaderEpoch, metadata };
  });
}

/**
 * The same for offsets that may be committed with no member of the group behind them, who would have it listed and whom
 * no group that a trigger drives has. Throws `INCONSISTENT_GROUP_PROTOCOL` of such a group.
 */
export async function prepareListedOffsets(broker: Broker, offsets: GroupOffsets): Promise<PendingOffset[]> {
  const pending = await prepareOffsets(broker, offsets);
  if (pending.length === 0 || offsets.member !== undefined) return pending;
  await requireResting(broker, offsets.group);
  await listGroup(broker, offsets.group);
  return pending;
}

/** One update for each item; of an offset that is there twice the later one counts. */
export function offsetWrites(pending: readonly PendingOffset[], committedMs: number): Write[] {
  const items = new Map<string, { id: OffsetsItemId; topic: string; slots: Map<number, CommittedOffset> }>();
  for (const { group, topic, topicId, partition, offset, leaderEpoch, metadata } of pending) {
    const id = { group, topicId, index: Math.floor(partition / OFFSETS_PER_ITEM) };
    const { pk, sk } = offsetsKey(id);
    const name = JSON.stringify([pk, sk]);
    const item = items.get(name) ?? { id, topic, slots: new Map<number, CommittedOffset>() };
    item.slots.set(partition % OFFSETS_PER_ITEM, { offset, committedMs, leaderEpoch, metadata });
    items.set(name, item);
  }
  return [...items.values()].map(({ id, topic, slots }) => planOffsets(id, topic, slots));
}
