/**
 * Produce: records into partitions.
 *
 * Records are partitioned, checked one by one, and made into one run of batches per partition; a partition's records of
 * one request are written together or not at all, and partitions are independent of each other. What depends on an
 * offset, or on a producer's sequence, is of one partition and all or nothing.
 */

import { type KeylessPlace, requestPartitioner } from '../../coordination/producers/partitioner.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { NewRecord, RecordHeader } from '../../log/record-batch/record.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { ProducerSequence } from '../append/unit.ts';
import type { Broker } from '../broker.ts';
import { type Acks, appendToPartition, createdAnew, isGone, leaveInBackground } from './append-to-partition.ts';
import { producerKey } from './producer-key.ts';
import { encodeRecords, recordFault, tenantMissing } from './record-batches.ts';

export interface ProduceRecord {
  /** By key hash, or one partition for all keyless records of the request, where absent. */
  partition?: number;
  /**
   * Milliseconds since the epoch. Where absent it becomes the time of the request, as all do where the topic says so.
   */
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
  /** Append once only, whatever the number of times that this is asked for; of one named partition likewise. */
  producer?: RequestSequence;
  /** The same for all parts of what the caller sees as one request. */
  keyless?: KeylessPlace;
}

/** Which of a producer's records a request has. */
export interface RequestSequence {
  /** Whose producer it is; empty where nobody is asked who they are. */
  principal: string;
  /** A name that the principal chose, or a number that it was given, in decimal. */
  id: string;
  epoch: number;
  /** Of the request's first record. */
  firstSequence: number;
}

/** What became of one record, in request order. */
export type RecordOutcome =
  | { outcome: 'written'; partition: number; offset: number; timestamp: number }
  /** An idempotent producer's record that was there before. Its timestamp is known where the request says it. */
  | { outcome: 'duplicate'; partition: number; offset: number; timestamp: number | undefined }
  /** With acks=none: on its way. */
  | { outcome: 'accepted'; partition: number }
  | { outcome: 'failed'; partition?: number; error: MillraceError };

/** Writes records; every record has its own outcome. Throws where the request as a whole cannot be served. */
export async function produceRecords(broker: Broker, request: ProduceRecordsRequest): Promise<RecordOutcome[]> {
  const named = request.records.reduce((most, { partition = 0 }) => Math.max(most, partition), 0);
  const topic = await broker.topics.getWith(request.topic, named);
  const writing = writeAll(broker, topic, request);
  const stored = redirected(broker, topic, request, writing);
  if (request.acks !== 'none') return stored;
  leaveInBackground(broker, stored.then(firstFailure(writing)));
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
  const sequenced = sequencedRequest(topic, request);
  const refused = Array<RecordOutcome | undefined>(request.records.length);
  const groups = partitioned(broker, topic, request, nowMs, refused);
  if (request.expectedOffset !== undefined || sequenced !== undefined) refuseScattered(request, groups, refused);
  const outcomes = refused.slice();
  const batches = encode(broker, topic, [...groups.values()]);
  const writes = batches.map((group) => write(broker, topic, { ...request, sequenced }, group, outcomes));
  return { groups, refused, stored: Promise.all(writes).then(() => outcomes as RecordOutcome[]) };
}

interface Sequenced {
  sequence: ProducerSequence;
  /** The timestamps as the request says them, by index. */
  timestamps: readonly (number | undefined)[];
}

/** Before the records get their timestamps. */
function sequencedRequest({ config }: Topic, { producer, records }: ProduceRecordsRequest): Sequenced | undefined {
  if (producer === undefined) return undefined;
  const { principal, id, epoch, firstSequence } = producer;
  const createTime = config['message.timestamp.type'] === 'CreateTime';
  return {
    sequence: { producer: producerKey(principal, id), epoch, firstSequence },
    timestamps: records.map(({ timestamp }) => (createTime ? timestamp : undefined)),
  };
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

/** Throws the fault of a record that was accepted and then not stored. */
function firstFailure(writing: Writing) {
  return (outcomes: readonly RecordOutcome[]): void => {
    const [first] = lost(writing, outcomes, () => true);
    const outcome = first === undefined ? undefined : outcomes[first];
    if (outcome?.outcome === 'failed') throw outcome.error;
  };
}

/** The records of one request for one partition, with their places in the request. */
interface Group {
  partition: number;
  records: NewRecord[];
  indexes: number[];
}

/**
 * Groups the records that pass their own checks; the others get their outcome. Records get their timestamps in place:
 * this runs for each of up to 10,000 in a request, and what it makes lives until they are stored.
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

function refuseScattered(
  request: ProduceRecordsRequest,
  groups: ReadonlyMap<number, Group>,
  outcomes: readonly (RecordOutcome | undefined)[],
): void {
  if (groups.size > 1 || request.records.some((record) => record.partition === undefined)) {
    const what = request.expectedOffset === undefined ? 'the headers of a producer' : 'expected_offset';
    throw new MillraceError('INVALID_REQUEST', `With ${what} all records must name the same partition.`);
  }
  const failed = outcomes.find((outcome) => outcome?.outcome === 'failed');
  if (failed?.outcome === 'failed') throw failed.error; // all or nothing
}

async function write(
  broker: Broker,
  topic: Topic,
  { acks, expectedOffset, sequenced }: { acks: Acks; expectedOffset?: number; sequenced: Sequenced | undefined },
  { partition, records, indexes, batches }: EncodedGroup,
  outcomes: (RecordOutcome | undefined)[],
): Promise<void> {
  try {
    const sequence = sequenced?.sequence;
    const { baseOffset, duplicate } = await appendToPartition(broker, topic, {
      partition,
      batches,
      expectedOffset,
      sequence,
      acks,
    });
    for (let order = 0; order < indexes.length; order++) {
      const index = indexes[order] as number;
      const offset = baseOffset + order;
      const { timestamp } = records[order] as NewRecord;
      outcomes[index] = duplicate
        ? { outcome: 'duplicate', partition, offset, timestamp: sequenced?.timestamps[index] }
        : { outcome: 'written', partition, offset, timestamp };
    }
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    for (const index of indexes) outcomes[index] = { outcome: 'failed', partition, error };
  }
}

interface EncodedGroup extends Group {
  batches: Uint8Array[];
}

function encode(broker: Broker, topic: Topic, groups: readonly Group[]): EncodedGroup[] {
  const lists = groups.map(({ records }) => records);
  const batches = encodeRecords(broker, topic, lists);
  return groups.map((group, index) => ({ ...group, batches: batches[index] as Uint8Array[] }));
}
