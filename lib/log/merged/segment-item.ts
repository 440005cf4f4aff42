/**
 * The item of a merged segment: which offsets of one partition are in which object.
 *
 * Key: `partition#<topicId>#<partition, 5 digits>` / `segment#<base offset, 16 digits>`. It covers the offsets from its
 * base to its end, whatever records compaction has left of them; from the log start on, each segment of a partition begins
 * where the one before it ends. Attributes:
 *
 *     o   bytes    the object's id, 14 bytes; its name is `merged/<hour>/<id>`
 *     e   number   end: one past the last offset that it covers
 *     b   number   bytes of record batches; they are the object's first ones
 *     f   number   bytes of the footer with its index, which are the object's last ones: b + f is its size
 *     n   number   records
 *     t   number   newest record timestamp, ms; absent = the records carry none
 *     a   number   oldest record timestamp, ms, as far as batch headers say; absent = the records carry none
 *     l   number   how many times its records were merged again since they left their pages; absent = 0
 *     h   number   of a replicated ledger: who held the object when it was committed, bit n for replica n
 *     c   boolean  all of it was compacted at least once; absent = it was not
 *     z   number   compacted only: the oldest delete horizon of its batches, from which on tombstones may go, ms; absent =
 *                  no batch has one
 *     s   string   storage class of the object; absent = the bucket's standard (segment/archive-class.ts)
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import { OBJECT_ID_BYTES, OBJECT_RANDOM_BYTES, type ObjectId, type TopicId } from '../../kernel/ids.ts';
import type { Attributes, Item, ItemKey } from '../../kernel/items.ts';

export interface SegmentItem {
  partition: number;
  /** The first offset that it covers. */
  base: number;
  /** One past the last offset that it covers. */
  end: number;
  object: ObjectId;
  /** Of record batches. */
  bytes: number;
  /** Of index, footer and trailer together. */
  footerBytes: number;
  records: number;
  /** ms; absent where no record carries a timestamp, as is `oldestMs`. */
  newestMs?: number;
  /** As far as batch headers say. */
  oldestMs?: number;
  level: number;
  /** Of a replicated ledger: who held the object when it was committed. */
  holders?: number;
  /** All of it was compacted at least once. */
  compacted?: boolean;
  /** The oldest delete horizon of its batches. */
  horizonMs?: number;
  /** Absent: the bucket's standard. */
  storageClass?: string;
}

const PARTITION_DIGITS = 5;
const OFFSET_DIGITS = 16;
const PREFIX = 'segment#';

/** A query between the two is for all segments of a partition. */
export const SEGMENTS_START = PREFIX;
export const SEGMENTS_END = 'segment$';

/** The partition key of a partition's segments. */
export function partitionKey(topicId: TopicId, partition: number): string {
  assert(isCount(partition) && partition < 10 ** PARTITION_DIGITS, `partition ${partition}`);
  return `partition#${topicId}#${String(partition).padStart(PARTITION_DIGITS, '0')}`;
}

/**
 * The segment that covers an offset is the last one before `segmentSortKey(offset + 1)`: a descending query with that
 * as its exclusive end.
 */
export function segmentSortKey(base: number): string {
  assert(isCount(base), `offset ${base}`);
  return PREFIX + String(base).padStart(OFFSET_DIGITS, '0');
}

export function segmentKey(topicId: TopicId, { partition, base }: { partition: number; base: number }): ItemKey {
  return { pk: partitionKey(topicId, partition), sk: segmentSortKey(base) };
}

/** What the key says, or `undefined` where it is not a segment's. */
export function parseSegmentKey({
  pk,
  sk,
}: ItemKey): { topicId: TopicId; partition: number; base: number } | undefined {
  const partition = /^partition#([\w-]{22})#(\d{5})$/.exec(pk);
  const offset = /^segment#(\d{16})$/.exec(sk);
  if (partition === null || offset === null) return undefined;
  const base = Number(offset[1]);
  if (!Number.isSafeInteger(base)) return undefined;
  return { topicId: partition[1] as string, partition: Number(partition[2]), base };
}

export function encodeSegmentItem(segment: SegmentItem): Attributes {
  checkSegment(segment);
  const { newestMs, oldestMs, level, holders, compacted, horizonMs, storageClass } = segment;
  return {
    o: packObjectId(segment.object),
    e: segment.end,
    b: segment.bytes,
    f: segment.footerBytes,
    n: segment.records,
    ...(newestMs !== undefined && { t: newestMs }),
    ...(oldestMs !== undefined && { a: oldestMs }),
    ...(level !== 0 && { l: level }),
    ...(holders !== undefined && { h: holders }),
    ...(compacted === true && { c: true }),
    ...(horizonMs !== undefined && { z: horizonMs }),
    ...(storageClass !== undefined && { s: storageClass }),
  };
}

function checkSegment({ base, end, bytes, footerBytes, records, level, newestMs, oldestMs }: SegmentItem): void {
  assert(isCount(base) && isCount(end) && base < end, `a segment covers offsets, not ${base} to ${end}`);
  assert(isCount(bytes) && isCount(footerBytes) && isCount(level), 'a segment has its sizes and its level');
  assert(isCount(records) && records <= end - base, `${records} records have no place from ${base} to ${end}`);
  assert(
    (newestMs === undefined) === (oldestMs === undefined),
    'a segment has a newest and an oldest time, or neither',
  );
}

export function decodeSegmentItem({ key, attributes }: Item): SegmentItem {
  const place = parseSegmentKey(key);
  assert(place !== undefined, `${key.pk} / ${key.sk} is the key of a segment`);
  const { o, c, s } = attributes;
  assert(o instanceof Uint8Array && o.length === OBJECT_ID_BYTES, 'a segment item has an object id');
  assert(c === undefined || typeof c === 'boolean', 'a segment item says whether it was compacted');
  assert(s === undefined || typeof s === 'string', 'a storage class is text');
  const [newestMs, oldestMs] = [optional(attributes, 't'), optional(attributes, 'a')];
  const [holders, horizonMs] = [optional(attributes, 'h'), optional(attributes, 'z')];
  return {
    partition: place.partition,
    base: place.base,
    end: count(attributes, 'e'),
    object: unpackObjectId(o),
    bytes: count(attributes, 'b'),
    footerBytes: count(attributes, 'f'),
    records: count(attributes, 'n'),
    ...(newestMs !== undefined && { newestMs }),
    ...(oldestMs !== undefined && { oldestMs }),
    level: optional(attributes, 'l') ?? 0,
    ...(holders !== undefined && { holders }),
    ...(c === true && { compacted: true }),
    ...(horizonMs !== undefined && { horizonMs }),
    ...(s !== undefined && { storageClass: s }),
  };
}

/** As segment items and condemned items hold it. */
export function packObjectId({ birthMs, random }: ObjectId): Uint8Array {
  return new ByteWriter(OBJECT_ID_BYTES).u48(birthMs).bytes(random).finish();
}

export function unpackObjectId(packed: Uint8Array): ObjectId {
  const reader = new ByteReader(packed);
  return { birthMs: reader.u48(), random: reader.bytes(OBJECT_RANDOM_BYTES).slice() };
}

function count(attributes: Attributes, name: string): number {
  const value = optional(attributes, name);
  assert(value !== undefined, `a segment item has ${name}`);
  return value;
}

function optional(attributes: Attributes, name: string): number | undefined {
  const value = attributes[name];
  assert(value === undefined || isCount(value), `segment attribute ${name} is a count`);
  return value;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
