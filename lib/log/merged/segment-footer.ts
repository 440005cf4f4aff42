/**
 * The object of a merged segment: record batches of one partition, and a footer that says which and where.
 *
 *     batches      whole record batches in the order of their offsets, from byte 0; unlike in the objects of flushes, base
 *                  offset and leader epoch are in place, so that ranges of bytes can be handed out as they are
 *     footer       see below
 *     trailer      with the mark "MRM" (lib/log/segment/trailer.ts)
 *
 * The footer, in big-endian integers and LEB128 varints:
 *
 *     object id    14 bytes: birth time u48 (ms) | random 8 bytes
 *     topic id     16 bytes
 *     topic        length varint | name, UTF-8
 *     partition    varint
 *     base         varint: the first offset that the segment covers | varint: how many it covers
 *     records      varint
 *     level        varint: merging passes since the pages
 *     version      varint: of the ledger's segments that it was made from. Where two overlap, the higher one is the newer one
 *     flags        u8: bit 0 = all of it was compacted; bit 1 = with a delete horizon; bit 2 = with timestamps
 *     horizon      u48, with bit 1: the oldest delete horizon of the batches (ms)
 *     newest       u48, with bit 2, and then
 *     oldest       u48, as far as batch headers say
 *     blocks       varint count, then for each, in the order of its bytes
 *       gap        varint: offsets between the end of the one before (or the segment's base) and its first one
 *       offsets    varint: from its first to one past its last
 *       bytes      varint
 *       newest     varint: by how much the newest timestamp so far grows; before the first block it is −1
 *       CRC-32C    u32
 *
 * The item of the segment has nothing that the footer does not have but who holds the object and its storage class: from
 * footers a lost index of segments is made again.
 */
import { assert } from '../../kernel/assert.ts';
import { type ByteReader, ByteWriter, fromBase64Url, toBase64Url, utf8, utf8Text } from '../../kernel/bytes.ts';
import { OBJECT_ID_BYTES, type ObjectId, TOPIC_ID_BYTES, type TopicId } from '../../kernel/ids.ts';
import { finishFooter, lengthWithTrailer, type ObjectFormat, readFooterIn, unreadable } from '../segment/trailer.ts';
import type { SegmentBlock } from './segment-index.ts';
import { packObjectId, type SegmentItem, unpackObjectId } from './segment-item.ts';

const FORMAT: ObjectFormat = { mark: 'MRM', version: 1 };

const COMPACTED = 1;
const HORIZON = 2;
const TIMES = 4;
const FLAGS = COMPACTED | HORIZON | TIMES;

/** The least that a block takes in the footer. */
const BLOCK_BYTES_MIN = 8;

export interface SegmentFooter {
  object: ObjectId;
  topicId: TopicId;
  /** The topic's name. */
  topic: string;
  partition: number;
  base: number;
  end: number;
  records: number;
  level: number;
  /** Of the ledger's segments that it was made from (`Lifecycle.version`). */
  version: number;
  compacted?: boolean;
  horizonMs?: number;
  newestMs?: number;
  oldestMs?: number;
  blocks: readonly SegmentBlock[];
}

/** Footer and trailer, ready to follow the last batch. */
export function encodeSegmentFooter(footer: SegmentFooter): Uint8Array {
  const writer = new ByteWriter(128 + footer.blocks.length * 16);
  const topicId = fromBase64Url(footer.topicId);
  assert(topicId?.length === TOPIC_ID_BYTES, `topic id ${footer.topicId} is not a UUID`);
  const topic = utf8(footer.topic);
  const { base, end, compacted, horizonMs, newestMs, oldestMs } = footer;
  writer.bytes(packObjectId(footer.object)).bytes(topicId).unsignedVarint(topic.length).bytes(topic);
  writer
    .unsignedVarint(footer.partition)
    .unsignedVarint(base)
    .unsignedVarint(end - base);
  writer.unsignedVarint(footer.records).unsignedVarint(footer.level).unsignedVarint(footer.version);
  const horizon = horizonMs === undefined ? 0 : HORIZON;
  const times = newestMs === undefined ? 0 : TIMES;
  writer.u8((compacted === true ? COMPACTED : 0) | horizon | times);
  if (horizonMs !== undefined) writer.u48(horizonMs);
  if (newestMs !== undefined) writer.u48(newestMs).u48(oldestMs as number);
  writer.unsignedVarint(footer.blocks.length);
  let before = { end: base, newestMs: -1 };
  for (const block of footer.blocks) {
    writer
      .unsignedVarint(block.base - before.end)
      .unsignedVarint(block.end - block.base)
      .unsignedVarint(block.bytes);
    writer.unsignedVarint(block.newestMs - before.newestMs).u32(block.crc32c);
    before = block;
  }
  return finishFooter(writer, FORMAT);
}

/** How many bytes footer and trailer take, from an object's last bytes; a segment's item says it too. */
export function segmentFooterBytes(tail: Uint8Array): number {
  return lengthWithTrailer(tail, FORMAT);
}

/** Reads the footer from the end of an object. Throws `CORRUPT_MESSAGE`, which says what is wrong. */
export function decodeSegmentFooter(tail: Uint8Array): SegmentFooter {
  return readFooterIn(tail, FORMAT, readFooter);
}

function readFooter(reader: ByteReader): SegmentFooter {
  const object = unpackObjectId(reader.bytes(OBJECT_ID_BYTES));
  const topicId = toBase64Url(reader.bytes(TOPIC_ID_BYTES));
  const topic = utf8Text(reader.bytes(reader.unsignedVarint()));
  if (topic === undefined) throw unreadable("its topic's name is not UTF-8");
  const partition = reader.unsignedVarint();
  const base = reader.unsignedVarint();
  const end = base + reader.unsignedVarint();
  const [records, level, version] = [reader.unsignedVarint(), reader.unsignedVarint(), reader.unsignedVarint()];
  const flags = reader.u8();
  if ((flags & ~FLAGS) !== 0) throw unreadable(`its flags are ${flags}`);
  const horizonMs = flags & HORIZON ? reader.u48() : undefined;
  const times = flags & TIMES ? { newestMs: reader.u48(), oldestMs: reader.u48() } : {};
  const blocks = readBlocks(reader, base);
  if (reader.remaining > 0) throw unreadable(`its footer has ${reader.remaining} bytes too many`);
  if (!Number.isSafeInteger(end) || end <= base || (blocks.at(-1)?.end ?? base) > end) {
    throw unreadable(`it covers the offsets ${base} to ${end}, and its blocks end at ${blocks.at(-1)?.end ?? base}`);
  }
  return {
    object,
    topicId,
    topic,
    partition,
    base,
    end,
    records,
    level,
    version,
    ...(flags & COMPACTED && { compacted: true }),
    ...(horizonMs !== undefined && { horizonMs }),
    ...times,
    blocks,
  };
}

function readBlocks(reader: ByteReader, base: number): SegmentBlock[] {
  const count = reader.unsignedVarint();
  // Before anything is made of a number that someone may have put there.
  if (count * BLOCK_BYTES_MIN > reader.remaining) throw unreadable(`${count} blocks are more than its footer can hold`);
  const blocks: SegmentBlock[] = [];
  let [offset, position, newestMs] = [base, 0, -1];
  for (let left = count; left > 0; left--) {
    const first = offset + reader.unsignedVarint();
    offset = first + reader.unsignedVarint();
    const bytes = reader.unsignedVarint();
    newestMs += reader.unsignedVarint();
    blocks.push({ base: first, end: offset, position, bytes, newestMs, crc32c: reader.u32() });
    position += bytes;
    const sums = Number.isSafeInteger(offset) && Number.isSafeInteger(position) && Number.isSafeInteger(newestMs);
    if (!sums || offset === first || bytes === 0) throw unreadable(`its block of the offsets from ${first} on is none`);
  }
  return blocks;
}

/** The item of a segment whose object ends with this footer, in so many bytes. */
export function itemOfFooter(footer: SegmentFooter, footerBytes: number): SegmentItem {
  const { partition, base, end, object, records, level, newestMs, oldestMs, compacted, horizonMs } = footer;
  const last = footer.blocks.at(-1);
  const bytes = last === undefined ? 0 : last.position + last.bytes;
  return {
    partition,
    base,
    end,
    object,
    bytes,
    footerBytes,
    records,
    level,
    ...(newestMs !== undefined && { newestMs }),
    ...(oldestMs !== undefined && { oldestMs }),
    ...(compacted === true && { compacted }),
    ...(horizonMs !== undefined && { horizonMs }),
  };
}
