/**
 * What a ledger knows of one producer: its sequences in each of the ledger's partitions, and when it last appended.
 *
 * It is one binary value, in the ledger's head or in an item of its own, and it changes as a whole: whoever appends for
 * the producer expects the bytes they have seen. The same bytes never come back, because every change but the move from
 * one home to the other adds a batch, and a batch names its commit: an attempt that expects bytes which are gone can
 * never be applied any more.
 *
 *     last        u48: when the producer last appended, ms since the epoch, by the writer's clock
 *     for each partition, in the order of its slots:
 *       slot      u8
 *       epoch     varint
 *       first     varint: the sequence of the oldest kept batch
 *       batches   u8: how many are kept, 0 (an election cut all of them off) to 5; then for each, oldest first:
 *         records varint
 *         place   varint: 0 = in a commit, then: commit id 9 bytes | seen varint | before varint
 *                 otherwise 1 + the base offset
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import { OBJECT_RANDOM_BYTES } from '../../kernel/ids.ts';
import { isSequence, type KeptBatch, type Place, type Sequences } from './sequences.ts';

export interface ProducerState {
  lastMs: number;
  /** By slot. */
  slots: ReadonlyMap<number, Sequences>;
}

const COMMIT_ID_BYTES = OBJECT_RANDOM_BYTES + 1;

export function packProducer(state: ProducerState): Uint8Array {
  const writer = new ByteWriter(64).u48(state.lastMs);
  for (const slot of [...state.slots.keys()].sort((a, b) => a - b)) {
    const { epoch, firstSequence, batches } = state.slots.get(slot) as Sequences;
    assert(isSequence(firstSequence), 'kept sequences have a first sequence');
    writer.u8(slot).unsignedVarint(epoch).unsignedVarint(firstSequence).u8(batches.length);
    for (const { records, place } of batches) packPlace(writer.unsignedVarint(records), place);
  }
  return writer.finish();
}

function packPlace(writer: ByteWriter, place: Place): void {
  if (place.at === 'offset') {
    writer.unsignedVarint(place.offset + 1);
    return;
  }
  assert(place.id.length === COMMIT_ID_BYTES, 'a commit id has 9 bytes');
  writer.unsignedVarint(0).bytes(place.id).unsignedVarint(place.seen).unsignedVarint(place.before);
}

export function unpackProducer(packed: Uint8Array): ProducerState {
  const reader = new ByteReader(packed);
  const lastMs = reader.u48();
  const slots = new Map<number, Sequences>();
  while (reader.remaining > 0) {
    const slot = reader.u8();
    const epoch = reader.unsignedVarint();
    const firstSequence = reader.unsignedVarint();
    const batches: KeptBatch[] = [];
    for (let left = reader.u8(); left > 0; left--) {
      batches.push({ records: reader.unsignedVarint(), place: unpackPlace(reader) });
    }
    slots.set(slot, { epoch, firstSequence, batches });
  }
  return { lastMs, slots };
}

function unpackPlace(reader: ByteReader): Place {
  const offset = reader.unsignedVarint();
  if (offset > 0) return { at: 'offset', offset: offset - 1 };
  const id = reader.bytes(COMMIT_ID_BYTES).slice();
  return { at: 'commit', id, seen: reader.unsignedVarint(), before: reader.unsignedVarint() };
}

/** When the producer last appended, without unpacking the rest. */
export function lastAppendMs(packed: Uint8Array): number {
  return new ByteReader(packed).u48();
}

/** Whether a producer that last appended at `lastMs` is forgotten now (Kafka: `producer.id.expiration.ms`). */
export function isExpired(lastMs: number, nowMs: number, expirationMs: number): boolean {
  return nowMs - lastMs >= expirationMs;
}

/**
 * The state with the offsets of its batches in place of their commits, where `offsetOf` knows them: fewer bytes, and a
 * duplicate is answered without looking for the commit.
 */
export function withOffsets(
  state: ProducerState,
  offsetOf: (slot: number, place: Extract<Place, { at: 'commit' }>) => number | undefined,
): ProducerState {
  const slots = new Map<number, Sequences>();
  for (const [slot, sequences] of state.slots) {
    const batches = sequences.batches.map((batch): KeptBatch => {
      const offset = batch.place.at === 'commit' ? offsetOf(slot, batch.place) : undefined;
      return offset === undefined ? batch : { records: batch.records, place: { at: 'offset', offset } };
    });
    slots.set(slot, { ...sequences, batches });
  }
  return { lastMs: state.lastMs, slots };
}
