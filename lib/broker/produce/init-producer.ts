/**
 * Hands out a producer id with its epoch (Kafka: InitProducerId without a transactional id), or the next epoch of one
 * that the principal has. The first records with the new epoch fence the older ones, partition by partition.
 */
import {
  decodeProducerId,
  PRODUCER_EPOCH_MAX,
  planHandOut,
  planNextEpoch,
  producerIdKey,
} from '../../coordination/producers/producer-id-item.ts';
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';

export interface InitProducerRequest {
  /** Empty where nobody is asked who they are. */
  principal: string;
  /** One that was handed out to the principal: its next epoch. */
  producerId?: number;
}

export interface InitializedProducer {
  producerId: number;
  epoch: number;
}

/** Throws `INVALID_PRODUCER_ID_MAPPING` for an id that was not handed out to the principal. */
export async function initProducer(broker: Broker, request: InitProducerRequest): Promise<InitializedProducer> {
  const { principal, producerId } = request;
  return producerId === undefined ? handOut(broker, principal) : nextEpoch(broker, principal, producerId);
}

async function handOut(broker: Broker, principal: string): Promise<InitializedProducer> {
  const producerId = await broker.producerIds.next();
  await decideAgain('handing out of a producer id', async () => {
    const { outcome, item } = await broker.metadata.write([planHandOut(producerId, principal)]);
    const isThere = outcome === 'applied' || (item !== undefined && decodeProducerId(item).principal === principal);
    assert(isThere, 'nobody else has taken the id');
    return { done: undefined };
  });
  return { producerId, epoch: 0 };
}

/**
 * An attempt whose outcome is unknown may have raised the epoch: another is raised above it, and the one between is
 * nobody's.
 */
async function nextEpoch(broker: Broker, principal: string, producerId: number): Promise<InitializedProducer> {
  const epoch = await decideAgain('change of a producer epoch', async () => {
    const item = await broker.metadata.get(producerIdKey(producerId), 'strong');
    const known = item && decodeProducerId(item);
    if (known?.principal !== principal) throw unknownProducerId(producerId);
    // As Kafka, which keeps the last one for a coordinator that fences.
    if (known.epoch >= PRODUCER_EPOCH_MAX - 1) return { done: undefined };
    const { outcome } = await broker.metadata.write([planNextEpoch(producerId, known.epoch)]);
    return outcome === 'applied' ? { done: known.epoch + 1 } : 'again';
  });
  return epoch === undefined ? handOut(broker, principal) : { producerId, epoch };
}

function unknownProducerId(producerId: number): MillraceError {
  const detail = `The producer id ${producerId} was not handed out to you; leave it out to get one.`;
  return new MillraceError('INVALID_PRODUCER_ID_MAPPING', detail);
}
