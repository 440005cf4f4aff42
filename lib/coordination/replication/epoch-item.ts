/**
 * The history of a ledger's leader epochs: one immutable item for each election, written with it in one transaction.
 *
 * Key: `ledger#<topicId>#<index>` / `epoch#<epoch as 12 digits>`. Attributes:
 *
 *     l   number   the leader
 *     o   bytes    for each of the 16 slots: varint offset at which the epoch begins
 *     f   bytes    after an unclean election only. For each of the 16 slots: varint first offset that may be lost |
 *                  varint how many. Offsets are never given twice: readers pass over what no replica has
 *
 * Epoch 0 has no item; it begins at offset 0.
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import type { ReplicaId } from './replica-state.ts';

export interface LostRange {
  from: number;
  /** One past the last. */
  to: number;
}

export interface LeaderEpoch {
  epoch: number;
  leader: ReplicaId;
  /** By slot, 16 of them. */
  starts: readonly number[];
  /** By slot, 16 of them; empty ranges where nothing of the slot is lost. */
  lost?: readonly LostRange[];
}

const PREFIX = 'epoch#';
const DIGITS = 12;
const SLOTS = topicLimits.partitionsPerLedgerMax;

/** Sort keys of all epochs of a ledger: from … to. */
export const EPOCHS_START = PREFIX;
export const EPOCHS_END = 'epoch$';

/** `head` is the key of the ledger's head. */
export function epochKey(head: ItemKey, epoch: number): ItemKey {
  assert(Number.isSafeInteger(epoch) && epoch > 0 && epoch < 10 ** DIGITS, `epoch ${epoch}`);
  return { pk: head.pk, sk: PREFIX + String(epoch).padStart(DIGITS, '0') };
}

export function encodeEpoch({ leader, starts, lost }: LeaderEpoch): Attributes {
  const attributes: Attributes = { l: leader, o: packSlots((writer, slot) => writer.unsignedVarint(at(starts, slot))) };
  if (lost !== undefined) {
    attributes.f = packSlots((writer, slot) => {
      const { from, to } = at(lost, slot);
      writer.unsignedVarint(from).unsignedVarint(to - from);
    });
  }
  return attributes;
}

export function decodeEpoch(epoch: number, { l, o, f }: Attributes): LeaderEpoch {
  assert(typeof l === 'number' && o instanceof Uint8Array, `epoch ${epoch} has l and o`);
  const decoded = { epoch, leader: l, starts: unpackSlots(o, (reader) => reader.unsignedVarint()) };
  if (f === undefined) return decoded;
  assert(f instanceof Uint8Array, `f of epoch ${epoch} is bytes`);
  const lost = unpackSlots(f, (reader) => {
    const from = reader.unsignedVarint();
    return { from, to: from + reader.unsignedVarint() };
  });
  return { ...decoded, lost };
}

/**
 * Where the records of an epoch end for a slot, which is what `OffsetForLeaderEpoch` answers: where the first of the
 * later epochs began, or at `logEnd`. A later election may have cut below where an earlier one began, so the lowest
 * start counts.
 */
export function endOfEpoch(epoch: number, later: readonly LeaderEpoch[], slot: number, logEnd: number): number {
  return later
    .filter((other) => other.epoch > epoch)
    .reduce((end, { starts }) => Math.min(end, at(starts, slot)), logEnd);
}

function packSlots(write: (writer: ByteWriter, slot: number) => void): Uint8Array {
  const writer = new ByteWriter(64);
  for (let slot = 0; slot < SLOTS; slot++) write(writer, slot);
  return writer.finish();
}

function unpackSlots<T>(packed: Uint8Array, read: (reader: ByteReader) => T): T[] {
  const reader = new ByteReader(packed);
  const values = Array.from({ length: SLOTS }, () => read(reader));
  assert(reader.remaining === 0, `${reader.remaining} bytes too many in an epoch`);
  return values;
}

function at<T>(values: readonly T[], slot: number): T {
  const value = values[slot];
  assert(value !== undefined, `there is a value for slot ${slot}`);
  return value;
}
