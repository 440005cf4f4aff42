/**
 * The footer of a segment object: which ledgers its bytes were written for, and where each partition's run of record
 * batches lies. Readers do not need it (the ledger tells them); the sweeper and a rebuild do.
 *
 * An object is
 *
 *     batches      the runs, one after the other from byte 0
 *     footer       see below
 *     trailer      with the mark "MRS" (trailer.ts)
 *
 * and the footer is, in big-endian integers and LEB128 varints,
 *
 *     object id    14 bytes: birth time u48 (ms) | random 8 bytes
 *     parts        varint count, then for each part
 *       topic id   16 bytes
 *       ledger     varint
 *       part       u8: with the object's random bytes, the commit id
 *       seen       varint: seals of the ledger that its writer had seen before it uploaded; the commit is in no
 *                  earlier page
 *       runs       varint count, then for each run, in the order of its bytes
 *         slot u8 | bytes varint | records varint | max timestamp u48 | CRC-32C u32
 *
 * Runs follow each other without gaps in footer order, so positions are sums of lengths.
 */

import { assert } from '../../kernel/assert.ts';
import { type ByteReader, ByteWriter, fromBase64Url, toBase64Url } from '../../kernel/bytes.ts';
import { type LedgerId, OBJECT_RANDOM_BYTES, type ObjectId, TOPIC_ID_BYTES } from '../../kernel/ids.ts';
import { finishFooter, lengthWithTrailer, type ObjectFormat, readFooterIn, unreadable } from './trailer.ts';

const FORMAT: ObjectFormat = { mark: 'MRS', version: 1 };

/** A partition's record batches in one object: contiguous bytes. */
export interface Run {
  slot: number;
  bytes: number;
  records: number;
  /** The newest record timestamp in the run, ms. */
  maxTimestamp: number;
  crc32c: number;
}

/** What one commit to one ledger covers. */
export interface Part {
  ledger: LedgerId;
  part: number;
  seen: number;
  runs: readonly Run[];
}

export interface Footer {
  object: ObjectId;
  parts: readonly Part[];
}

/** Footer and trailer, ready to follow the last run. */
export function encodeFooter(footer: Footer): Uint8Array {
  const writer = new ByteWriter(64 + footer.parts.length * 64);
  writer.u48(footer.object.birthMs).bytes(footer.object.random).unsignedVarint(footer.parts.length);
  for (const part of footer.parts) {
    const topicId = fromBase64Url(part.ledger.topicId);
    assert(topicId?.length === TOPIC_ID_BYTES, `topic id ${part.ledger.topicId} is not a UUID`);
    writer.bytes(topicId).unsignedVarint(part.ledger.index).u8(part.part).unsignedVarint(part.seen);
    writer.unsignedVarint(part.runs.length);
    for (const run of part.runs) {
      writer.u8(run.slot).unsignedVarint(run.bytes).unsignedVarint(run.records).u48(run.maxTimestamp).u32(run.crc32c);
    }
  }
  return finishFooter(writer, FORMAT);
}

/** How many bytes footer and trailer take, from an object's last `TRAILER_BYTES`. */
export function footerBytes(trailer: Uint8Array): number {
  return lengthWithTrailer(trailer, FORMAT);
}

/** Reads the footer from the end of an object; `tail` must hold at least `footerBytes`. */
export function decodeFooter(tail: Uint8Array): Footer {
  return readFooterIn(tail, FORMAT, readFooter);
}

function readFooter(reader: ByteReader): Footer {
  const object = { birthMs: reader.u48(), random: reader.bytes(OBJECT_RANDOM_BYTES).slice() };
  const parts: Part[] = [];
  for (let count = reader.unsignedVarint(); count > 0; count--) {
    const topicId = toBase64Url(reader.bytes(TOPIC_ID_BYTES));
    const ledger = { topicId, index: reader.unsignedVarint() };
    const part = reader.u8();
    const seen = reader.unsignedVarint();
    const runs: Run[] = [];
    for (let left = reader.unsignedVarint(); left > 0; left--) {
      runs.push({
        slot: reader.u8(),
        bytes: reader.unsignedVarint(),
        records: reader.unsignedVarint(),
        maxTimestamp: reader.u48(),
        crc32c: reader.u32(),
      });
    }
    parts.push({ ledger, part, seen, runs });
  }
  if (reader.remaining > 0) throw unreadable(`its footer has ${reader.remaining} bytes too many`);
  return { object, parts };
}
