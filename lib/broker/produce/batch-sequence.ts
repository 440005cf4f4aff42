/** Which of a producer's records a producer's own batches are, by their headers. */
import { sequenceAfter } from '../../coordination/producers/sequences.ts';
import type { ProducerIdentity } from '../../coordination/transactions/transactional-item.ts';
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type BatchHeader, batchError, batchHeaders } from '../../log/record-batch/header.ts';
import type { ProducerSequence } from '../append/unit.ts';
import { producerKey } from './producer-key.ts';

/**
 * `undefined` where no batch carries a producer id. All of them are written together, so that they must be one
 * producer's, and follow each other. Throws `INVALID_RECORD` where they don't, and for transactional ones, which are to
 * be held back until their transaction ends.
 */
export function batchSequence(principal: string, chunks: readonly Uint8Array[]): ProducerSequence | undefined {
  const first = firstOf(chunks, false);
  if (first === undefined || first.producerId === -1n) return undefined;
  const { producerId, producerEpoch, baseSequence } = first;
  return { producer: producerKey(principal, String(producerId)), epoch: producerEpoch, firstSequence: baseSequence };
}

/**
 * The same for batches that are to be in a transaction, each of which says so. Throws `INVALID_PRODUCER_ID_MAPPING` of
 * an id that nobody was given.
 */
export function transactionalSequence(chunks: readonly Uint8Array[]): {
  producer: ProducerIdentity;
  firstSequence: number;
} {
  const first = firstOf(chunks, true);
  assert(first !== undefined, 'what was accepted has a batch');
  const { producerId, producerEpoch, baseSequence } = first;
  if (producerId > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new MillraceError('INVALID_PRODUCER_ID_MAPPING', `The producer id ${producerId} was not handed out.`);
  }
  return { producer: { id: Number(producerId), epoch: producerEpoch }, firstSequence: baseSequence };
}

function firstOf(chunks: readonly Uint8Array[], transactional: boolean): BatchHeader | undefined {
  let first: BatchHeader | undefined;
  let next = 0;
  for (const chunk of chunks) {
    for (const header of batchHeaders(chunk)) {
      if (header.transactional !== transactional) {
        const reason = transactional
          ? 'it is not transactional, as others with it are'
          : 'it is transactional, and not in a transaction here';
        throw batchError('INVALID_RECORD', header.position, reason);
      }
      if (first === undefined) first = header;
      else requireNext(first, header, next);
      next = sequenceAfter(header.baseSequence, header.recordCount);
    }
  }
  return first;
}

function requireNext(first: BatchHeader, header: BatchHeader, next: number): void {
  const { position, producerId, producerEpoch, baseSequence } = header;
  if (producerId !== first.producerId || (producerId !== -1n && producerEpoch !== first.producerEpoch)) {
    const reason = `its producer is ${producerId} (epoch ${producerEpoch}), that of the first batch is ${first.producerId} (epoch ${first.producerEpoch})`;
    throw batchError('INVALID_RECORD', position, reason);
  }
  if (producerId !== -1n && baseSequence !== next) {
    throw batchError(
      'INVALID_RECORD',
      position,
      `its base sequence is ${baseSequence}, after the batch before it ${next}`,
    );
  }
}
