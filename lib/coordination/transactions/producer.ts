/**
 * The producer of a transactional id as Kafka's clients know it, by producer id and an epoch of 16 bits.
 *
 * The epochs of a transactional id are whole numbers that only go up: one number says who is newer, whoever asks.
 * Kafka's name of the same is the producer id that initialization handed out and the number of epochs since. Before
 * these run out of 16 bits the next initialization hands out another producer id, with the epoch 0 again; the
 * transactional id's own epoch goes on, so that everyone with the old producer id has an older one.
 */
import { PRODUCER_EPOCH_MAX } from '../producers/producer-id-item.ts';
import type { ProducerIdentity, TransactionalState } from './transactional-item.ts';

/** Who has the newest epoch; `undefined` where no producer id was handed out. */
export function producerOf({ producer, epoch }: TransactionalState): ProducerIdentity | undefined {
  return producer && { id: producer.id, epoch: epoch - producer.firstEpoch };
}

/**
 * The transactional id's epoch that the producer means; `undefined` where its id is not, or no longer, the one of the
 * state.
 */
export function epochOf({ producer }: TransactionalState, identity: ProducerIdentity): number | undefined {
  return producer?.id === identity.id ? producer.firstEpoch + identity.epoch : undefined;
}

/**
 * Whether the producer id has no epoch to give out any more. The largest one is given to nobody, as in Kafka, where a
 * coordinator must always be able to fence.
 */
export function isExhausted({ epoch }: ProducerIdentity): boolean {
  return epoch >= PRODUCER_EPOCH_MAX - 1;
}

export function isSameProducer(one: ProducerIdentity | undefined, other: ProducerIdentity): boolean {
  return one?.id === other.id && one.epoch === other.epoch;
}
