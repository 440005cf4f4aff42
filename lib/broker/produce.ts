/**
 * Produce: records or whole batches into partitions.
 *
 * Records are partitioned, checked one by one, and made into one run of batches per partition; a partition's records of
 * one request are written together or not at all, and partitions are independent of each other. Batches that come ready
 * made are checked as Kafka's brokers check them and stored as they are.
 */

import { type KeylessPlace, requestPartitioner } from '../coordination/producers/partitioner.ts';
import { MillraceError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import { encodeBatches } from '../log/record-batch/encode.ts';
import { batchHeaders } from '../log/record-batch/header.ts';
import type { NewRecord, RecordHeader } from '../log/record-batch/record.ts';
import { ledgerOf, type Topic } from '../log/topic/topic.ts';
import { acceptBatches, runOf } from './append/accept-batches.ts';
import type { Broker } from './broker.ts';
import { unknownPartition } from './topic-cache.ts';

/** `none`: answered before the records are stored; `leader` and `all`: after they are stored and sequenced. */
export type Acks = 'all' | 'leader' | 'none';

export interface ProduceRecord {
  /** By key hash, or one partition for all keyless records of the request, where absent. */
  partition?: number;
  /** Milliseconds since the epoch. Where absent it becomes the time of the request, as all do where the topic says so. */
  timestamp?: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: RecordHeader[];
}

export interface ProduceRecordsRequest {
  topic: string;
  records: readonly ProduceRecord[];
  acks: Acks;
  /** Append only if the partition's next offset is this one; all records must then go to one named partition. */
  expectedOffset?: number;
  /** The same for all parts of what the caller sees as one request. */
  keyless?: KeylessPlace;
}

/** What became of one record, in request order. */
export type RecordOutcome =
  | { outcome: 'written'; partition: number; offset: number; timestamp: number }
  /** With acks=none: on its way. */
  | { outcome: 'accepted'; partition: number }
  | { outcome: 'failed'; partition?: number; error: MillraceError };

export interface ProduceBatchesRequest {
  topic: string;
  partition: number;
  /**
   * Whole record batches (magic 2), one after the other. All or nothing. The bytes are taken over: the caller must
   * neither change them nor pass them again, since what is kept of them in memory gets its offsets in place.
   */
  batches: Uint8Array;
  acks: Acks;
  expectedOffset?: number;
}

export interface ProduceBatchesResult {
  partition: number;
  /** Absent with acks=none. */
  baseOffset?: number;
  recordCount: number;
}

/** Writes records; every record has its own outcome. Throws where the request as a whole cannot be served. */
export async function produceRecords(broker: Broker, request: ProduceRecordsRequest): Promise<RecordOutcome[]> {
  const named = request.records.reduce((most, { partition = 0 }) => Math.max(most, partition), 0);
  const topic = await broker.topics.getWith(request.topic, named);
  const writing = writeAll(broker, topic, request);
  const stored = redirected(broker, topic, request, writing);
  if (request.acks !== 'none') return stored;
  leave(broker, stored.then(firstFailure(writing)));
  return accepted(writing);
}

interface Writing {
  groups: ReadonlyMap<number, Group>;
  /** By index: the records that are not even tried, known before anything is stored. */
  refused: readonly (RecordOutcome | undefined)[];
  stored: Promise<RecordOutcome[]>;
}

function writeAll(broker: Broker, topic: Topic, request: ProduceRecordsRequest): Writing {
  const nowMs = broker.clock.now();
  const refused = Array<RecordOutcome | undefined>(request.records.length);
  const groups = partitioned(broker, topic, request, nowMs, refused);
  if (request.expectedOffset !== undefined) refuseScattered(request, groups, refused);
  const outcomes = refused.slice();
  const batches = encode(broker, topic, [...groups.values()]);
  const writes = batches.map((group) => write(broker, topic, request, group, outcomes));
  return { groups, refused, stored: Promise.all(writes).then(() => outcomes as RecordOutcome[]) };
}

/** What is known before anything is stored: which records are refused, and where the others go. */
function accepted({ groups, refused }: Writing): RecordOutcome[] {
  const outcomes = refused.slice();
  for (const { partition, indexes } of groups.values()) {
    for (const index of indexes) outcomes[index] = { outcome: 'accepted', partition };
  }
  return outcomes as RecordOutcome[];
}

/**
 * Writes again what found the topic deleted, where it has been created anew since its config was read: with other
 * partitions perhaps, so that the records are partitioned anew too.
 */
async function redirected(
  broker: Broker,
  topic: Topic,
  request: ProduceRecordsRequest,
  writing: Writing,
): Promise<RecordOutcome[]> {
  const outcomes = await writing.stored;
  const indexes = lost(writing, outcomes, isGone);
  const fresh = indexes.length === 0 ? undefined : await createdAnew(broker, topic);
  if (fresh === undefined) return outcomes;
  const records = indexes.map((index) => request.records[index] as ProduceRecord);
  const again = await writeAll(broker, fresh, { ...request, records }).stored;
  for (const [order, index] of indexes.entries()) outcomes[index] = again[order] as RecordOutcome;
  return outcomes;
}

/** The indexes of the records that were tried and then not stored, for a fault of this kind. */
function lost(
  { refused }: Writing,
  outcomes: readonly RecordOutcome[],
  kind: (error: MillraceError) => boolean,
): number[] {
  const indexes: number[] = [];
  for (let index = 0; index < outcomes.length; index++) {
    const outcome = outcomes[index];
    if (outcome?.outcome === 'failed' && refused[index] === undefined && kind(outcome.error)) indexes.push(index);
  }
  return indexes;
}

/** Nothing was written, because there is no such topic any more. */
function isGone(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION' && error.effect === 'none';
}

/** The topic that now has the name; `undefined` where it is still the same one, or there is none. */
async function createdAnew(broker: Broker, topic: Topic): Promise<Topic | undefined> {
  try {
    const fresh = await broker.topics.getFresh(topic.name);
    return fresh.topicId === topic.topicId ? undefined : fresh;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Throws the fault of a record that was accepted and then not stored. */
function firstFailure(writing: Writing) {
  return (outcomes: readonly RecordOutcome[]): void => {
    const [first] = lost(writing, outcomes, () => true);
    const outcome = first === undefined ? undefined : outcomes[first];
    if (outcome?.outcome === 'failed') throw outcome.error;
  };
}

/** Writes whole batches to one partition, all or nothing. */
export async function produceBatches(broker: Broker, request: ProduceBatchesRequest): Promise<ProduceBatchesResult> {
  const { partition, acks, expectedOffset } = request;
  const topic = await broker.topics.getWith(request.topic, partition);
  if (partition >= topic.partitions) throw unknownPartition(topic, partition);
  const accepted = acceptBatches(broker, topic, request.batches);
  refuseSequences(accepted.batches);
  const appended = appendBatches(broker, topic, { partition, batches: accepted.batches, expectedOffset });
  if (acks === 'none') {
    leave(broker, appended);
    return { partition, recordCount: accepted.records };
  }
  return { partition, baseOffset: await appended, recordCount: accepted.records };
}

/** The records of one request for one partition, with their places in the request. */
interface Group {
  partition: number;
  records: NewRecord[];
  indexes: number[];
}

/**
 * Groups the records that pass their own checks; the others get their outcome. Records get their timestamps in place: this
 * runs for each of up to 10,000 in a request, and what it makes lives until they are stored.
 */
function partitioned(
  broker: Broker,
  topic: Topic,
  { records, keyless }: ProduceRecordsRequest,
  nowMs: number,
  refused: (RecordOutcome | undefined)[],
): Map<number, Group> {
  const groups = new Map<number, Group>();
  const appendTime = topic.config['message.timestamp.type'] === 'LogAppendTime';
  const choose = requestPartitioner(topic.config, topic.partitions, broker.random, keyless);
  let group: Group | undefined;
  for (let index = 0; index < records.length; index++) {
    const record = records[index] as ProduceRecord;
    const partition = record.partition ?? choose(record);
    if (partition === undefined) {
      refused[index] = { outcome: 'failed', error: tenantMissing(topic) };
      continue;
    }
    const error = recordFault(topic, record, partition, nowMs);
    if (error !== undefined) {
      refused[index] = { outcome: 'failed', partition, error };
      continue;
    }
    if (group?.partition !== partition) group = groupFor(groups, partition);
    group.records.push(stamped(record, appendTime ? nowMs : (record.timestamp ?? nowMs)));
    group.indexes.push(index);
  }
  return groups;
}

function tenantMissing({ config }: Topic): MillraceError {
  const header = config['partitioner.tenant.header'];
  const needed = header === '' ? 'a key' : `the header ${JSON.stringify(header)}`;
  const detail = `A record needs ${needed} that names its tenant, or a partition: the topic has partitioner=tenant.`;
  return new MillraceError('INVALID_RECORD', detail);
}

function groupFor(groups: Map<number, Group>, partition: number): Group {
  let group = groups.get(partition);
  if (group === undefined) {
    group = { partition, records: [], indexes: [] };
    groups.set(partition, group);
  }
  return group;
}

function stamped(record: ProduceRecord, timestamp: number): NewRecord {
  record.timestamp = timestamp;
  return record as NewRecord;
}

/** Why this record cannot be written; `undefined` where it can. */
function recordFault(topic: Topic, record: ProduceRecord, partition: number, nowMs: number): MillraceError | undefined {
  if (partition >= topic.partitions) return unknownPartition(topic, partition);
  const bytesMax = topic.config['max.message.bytes'];
  const bytes = recordBytesMax(record);
  if (bytes > bytesMax) {
    const detail = `A record of ${bytes} bytes is larger than the topic's max.message.bytes of ${bytesMax}.`;
    return new MillraceError('MESSAGE_TOO_LARGE', detail);
  }
  if (record.key === null && topic.config['cleanup.policy'].includes('compact')) {
    return new MillraceError('INVALID_RECORD', 'A record of a compacted topic needs a key.');
  }
  const { timestamp } = record;
  if (timestamp === undefined || topic.config['message.timestamp.type'] === 'LogAppendTime') return undefined;
  return timestampFault(topic, timestamp, nowMs);
}

function timestampFault(topic: Topic, timestamp: number, nowMs: number): MillraceError | undefined {
  const earliest = nowMs - topic.config['message.timestamp.before.max.ms'];
  const latest = Math.min(nowMs + topic.config['message.timestamp.after.max.ms'], limits.timestampMsMax);
  if (timestamp >= Math.max(0, earliest) && timestamp <= latest) return undefined;
  const detail = `The timestamp ${timestamp} is not between ${Math.max(0, earliest)} and ${latest}, as the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms allow.`;
  return new MillraceError('INVALID_TIMESTAMP', detail);
}

/** The bytes of a batch, and of a record in it, beside key, value and headers: an upper bound. */
const BATCH_OVERHEAD_MAX = 61;
const RECORD_OVERHEAD_MAX = 32;

/** At least the size of a batch that holds this record alone. */
function recordBytesMax(record: ProduceRecord): number {
  let bytes = BATCH_OVERHEAD_MAX + RECORD_OVERHEAD_MAX + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headers) bytes += key.length * 3 + 10 + (value?.length ?? 0);
  return bytes;
}

function refuseScattered(
  request: ProduceRecordsRequest,
  groups: ReadonlyMap<number, Group>,
  outcomes: readonly (RecordOutcome | undefined)[],
): void {
  if (groups.size > 1 || request.records.some((record) => record.partition === undefined)) {
    throw new MillraceError('INVALID_REQUEST', 'With expected_offset all records must name the same partition.');
  }
  const failed = outcomes.find((outcome) => outcome?.outcome === 'failed');
  if (failed?.outcome === 'failed') throw failed.error; // all or nothing
}

async function write(
  broker: Broker,
  topic: Topic,
  request: ProduceRecordsRequest,
  { partition, records, indexes, batches }: EncodedGroup,
  outcomes: (RecordOutcome | undefined)[],
): Promise<void> {
  try {
    const baseOffset = await append(broker, topic, { partition, batches, expectedOffset: request.expectedOffset });
    for (let order = 0; order < indexes.length; order++) {
      const { timestamp } = records[order] as NewRecord;
      outcomes[indexes[order] as number] = { outcome: 'written', partition, offset: baseOffset + order, timestamp };
    }
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    for (const index of indexes) outcomes[index] = { outcome: 'failed', partition, error };
  }
}

interface EncodedGroup extends Group {
  batches: Uint8Array[];
}

/** The records as batches, each within the topic's `max.message.bytes`. */
function encode(broker: Broker, topic: Topic, groups: readonly Group[]): EncodedGroup[] {
  const type = topic.config['compression.type'];
  const options = {
    compressionType: type === 'producer' || type === 'uncompressed' ? ('none' as const) : type,
    compression: broker.compression,
    timestampType: topic.config['message.timestamp.type'],
  };
  const lists = groups.map(({ records }) => splitToFit(records, topic.config['max.message.bytes']));
  const batches = encodeBatches(lists.flat(), options);
  let next = 0;
  return groups.map((group, index) => {
    const first = next;
    next += (lists[index] as NewRecord[][]).length;
    return { ...group, batches: batches.slice(first, next) };
  });
}

/** The records in runs that each fit a batch of so many bytes. */
function splitToFit(records: NewRecord[], bytesMax: number): NewRecord[][] {
  const runs: NewRecord[][] = [];
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < records.length; index++) {
    const size = recordBytesMax(records[index] as NewRecord);
    if (index > from && bytes + size > bytesMax) {
      runs.push(records.slice(from, index));
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  runs.push(from === 0 ? records : records.slice(from));
  return runs;
}

interface Append {
  partition: number;
  batches: readonly Uint8Array[];
  expectedOffset?: number;
}

async function append(broker: Broker, topic: Topic, { partition, batches, expectedOffset }: Append): Promise<number> {
  const run = runOf(batches);
  const deadlineMs = broker.clock.monotonic() + limits.produceDeadlineMs;
  const baseOffset = await broker.appender.append({ ...ledgerOf(topic, partition), run, expectedOffset, deadlineMs });
  broker.meter.produced(run.records, run.bytes);
  return baseOffset;
}

/** Appends, and once more where the topic has been deleted and created anew since its config was read. */
async function appendBatches(broker: Broker, topic: Topic, batches: Append): Promise<number> {
  try {
    return await append(broker, topic, batches);
  } catch (error) {
    const fresh = isGone(error) ? await createdAnew(broker, topic) : undefined;
    if (fresh === undefined || batches.partition >= fresh.partitions) throw error;
    return append(broker, fresh, batches);
  }
}

/** With acks=none nobody waits for the outcome; a failure is only logged. */
function leave(broker: Broker, appended: Promise<unknown>): void {
  const logged = (error: unknown) => broker.log.warn('Records sent with acks=none were lost', { error });
  broker.background.add(appended.then(() => {}, logged));
}

/**
 * A batch with a producer id asks for a check of its sequence, and a transactional one to be held back. Neither is done
 * here, and storing it without would be a lie.
 */
function refuseSequences(chunks: readonly Uint8Array[]): void {
  for (const chunk of chunks) {
    for (const { producerId } of batchHeaders(chunk)) {
      if (producerId === -1n) continue;
      const detail = `A batch carries the producer id ${producerId}; only batches without one (-1) are taken.`;
      throw new MillraceError('INVALID_RECORD', detail);
    }
  }
}
