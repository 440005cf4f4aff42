/**
 * A commit: one object's (or one part of an object's) records of one ledger, as an entry of the head's tail or of a page.
 *
 * An entry counts records and does not know its offsets: it is packed before the update that appends it adds the counts
 * to the head's next offsets. Offsets follow from the head (backwards from `next`) or from the page (forwards from its
 * bases).
 *
 * Packed form, big-endian and LEB128:
 *
 *     flags         u8: bit 0 = the object is inline; bit 1 = of a replicated ledger, with `holders` and `epoch`; bit 2 = a
 *                   bundle (bundle.ts): many commits at once, which are in items of their own; bit 3 = the object has
 *                   nothing but this commit
 *     object id     14 bytes: birth time u48 (ms) | random 8 bytes
 *     part          u8: with the random bytes, the commit id
 *     slots         u16: bit n = slot n has a run
 *     position      varint: of the first run in the object; the others follow without gaps, in slot order. Of a bundle: how
 *                   many items it has
 *     holders       u8, replicated ledgers only: who held the object when it was appended, bit n for replica n
 *     epoch         varint, replicated ledgers only: the leader epoch in which it was appended
 *     per slot      bytes varint | records varint | max timestamp: zigzag varint of its distance from the birth time |
 *                   CRC-32C u32, not of a bundle
 */

import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import { commitId, OBJECT_RANDOM_BYTES, type ObjectId } from '../../kernel/ids.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import type { Run } from '../segment/footer.ts';
import type { CommitTier } from '../segment/object-name.ts';

export interface Commit {
  tier: CommitTier;
  object: ObjectId;
  part: number;
  /** Of the first run in the object. */
  position: number;
  /** In slot order, at most one a slot, at least one, each with at least one record. */
  runs: readonly Run[];
  /** Of a replicated ledger (docs/replication.md). */
  replicated?: ReplicatedCommit;
  /**
   * No other commit is to the object, nor ever will be: who needs this one no longer may delete the object without a
   * look at its footer. That it is not set says nothing.
   */
  alone?: boolean;
  /**
   * Of a bundle: the number of its items. Then there is no such object, and a run is the sum of what the commits of the
   * bundle have in the slot (bundle.ts).
   */
  bundle?: number;
}

export interface ReplicatedCommit {
  /** Who held the object when it was appended: bit n for replica n. */
  holders: number;
  /** The leader epoch in which it was appended. */
  epoch: number;
}

const INLINE = 1;
const REPLICATED = 2;
const BUNDLE = 4;
const ALONE = 8;

/** A commit's id in its ledger. */
export function idOf(commit: Commit): Uint8Array {
  return commitId(commit.object, commit.part);
}

export function packCommit(commit: Commit): Uint8Array {
  const writer = new ByteWriter(32 + commit.runs.length * 16);
  const { replicated, bundle, alone = false } = commit;
  assert(bundle === undefined || (bundle > 0 && commit.position === 0), 'a bundle has items, and no position');
  assert(bundle === undefined || !alone, 'a bundle has no object');
  const flags = (commit.tier === 'inline' ? INLINE : 0) | (alone ? ALONE : 0);
  writer.u8(flags | (replicated === undefined ? 0 : REPLICATED) | (bundle === undefined ? 0 : BUNDLE));
  writer.u48(commit.object.birthMs).bytes(commit.object.random).u8(commit.part);
  let slots = 0;
  let previous = -1;
  for (const { slot } of commit.runs) {
    assert(slot > previous && slot < topicLimits.partitionsPerLedgerMax, `slot ${slot} after ${previous}`);
    slots |= 1 << slot;
    previous = slot;
  }
  assert(commit.runs.length > 0, 'a commit has at least one run');
  writer.u16(slots).unsignedVarint(bundle ?? commit.position);
  if (replicated !== undefined) writer.u8(replicated.holders).unsignedVarint(replicated.epoch);
  for (const run of commit.runs) {
    assert(run.records > 0, 'a run has at least one record');
    writer.unsignedVarint(run.bytes).unsignedVarint(run.records);
    writer.unsignedVarint(zigzag(run.maxTimestamp - commit.object.birthMs));
    if (bundle === undefined) writer.u32(run.crc32c);
  }
  return writer.finish();
}

export function unpackCommit(packed: Uint8Array): Commit {
  const reader = new ByteReader(packed);
  const commit = readCommit(reader);
  assert(reader.remaining === 0, `a packed commit has ${reader.remaining} bytes too many`);
  return commit;
}

function readCommit(reader: ByteReader): Commit {
  const flags = reader.u8();
  const tier = flags & INLINE ? 'inline' : 'segments';
  const object = { birthMs: reader.u48(), random: reader.bytes(OBJECT_RANDOM_BYTES).slice() };
  const part = reader.u8();
  const slots = reader.u16();
  const place = reader.unsignedVarint();
  const bundle = flags & BUNDLE ? place : undefined;
  const replicated = flags & REPLICATED ? { holders: reader.u8(), epoch: reader.unsignedVarint() } : undefined;
  const runs: Run[] = [];
  for (let slot = 0; slot < 16; slot++) {
    if (!(slots & (1 << slot))) continue;
    const bytes = reader.unsignedVarint();
    const records = reader.unsignedVarint();
    const maxTimestamp = unzigzag(reader.unsignedVarint()) + object.birthMs;
    runs.push({ slot, bytes, records, maxTimestamp, crc32c: bundle === undefined ? reader.u32() : 0 });
  }
  return {
    tier,
    object,
    part,
    position: bundle === undefined ? place : 0,
    runs,
    ...(replicated && { replicated }),
    ...(flags & ALONE && { alone: true }),
    ...(bundle !== undefined && { bundle }),
  };
}

/** Small numbers of either sign to small numbers: 0, −1, 1, −2 … Timestamps leave room: |n| stays below 2^51. */
function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
