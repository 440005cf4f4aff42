/**
 * Producers' sequences without the batches that an election cuts off.
 *
 * Kept batches name their commits, so those to drop are known. What is kept after that is what was kept before they
 * were appended, without those that had left for them. The next sequence is the first one of the oldest batch that was
 * cut off, also where no batch is left; where more of a producer's batches were cut off than are kept, it is that of
 * the oldest kept one, and the producer learns of the loss by a gap. A batch whose commit was replaced by an offset is
 * not dropped: only what is below the high watermark, which nothing cuts, may be written so.
 *
 * An attempt to append that expects what is gone, or what comes back here, can not pass: it is of the old epoch.
 */
import { bytesEqual } from '../../kernel/bytes.ts';
import { type ProducerState, packProducer, unpackProducer } from '../producers/producer-state.ts';
import type { KeptBatch, Sequences } from '../producers/sequences.ts';

/** The packed sequences that change, by the producer's key. */
export function rollBackProducers(
  producers: ReadonlyMap<string, Uint8Array>,
  cutOff: readonly Uint8Array[],
): Map<string, Uint8Array> {
  const changed = new Map<string, Uint8Array>();
  for (const [key, packed] of producers) {
    const state = unpackProducer(packed);
    const after = withoutCutOff(state, cutOff);
    if (after !== state) changed.set(key, packProducer(after));
  }
  return changed;
}

/** The same object where nothing was cut off. */
export function withoutCutOff(state: ProducerState, cutOff: readonly Uint8Array[]): ProducerState {
  const slots = new Map([...state.slots].map(([slot, sequences]) => [slot, cutShort(sequences, cutOff)]));
  const isChanged = [...slots].some(([slot, sequences]) => sequences !== state.slots.get(slot));
  return isChanged ? { lastMs: state.lastMs, slots } : state;
}

/**
 * The same object where nothing was cut off. A producer's batches are in the order of the ledger, so the rest goes too.
 */
function cutShort(sequences: Sequences, cutOff: readonly Uint8Array[]): Sequences {
  const first = sequences.batches.findIndex((batch) => isCutOff(batch, cutOff));
  return first < 0 ? sequences : { ...sequences, batches: sequences.batches.slice(0, first) };
}

function isCutOff({ place }: KeptBatch, cutOff: readonly Uint8Array[]): boolean {
  return place.at === 'commit' && cutOff.some((id) => bytesEqual(id, place.id));
}
