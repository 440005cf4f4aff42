/** The broker of a process over its stores, and who may call it. */

import { type Broker, createBroker } from '../broker/broker.ts';
import { checkHealth } from '../broker/check-health.ts';
import { nodeCompression } from '../broker/compression.ts';
import { createAuthenticator, type KeyAuthenticator } from '../broker/keys/authenticate.ts';
import { MillraceError } from '../kernel/errors.ts';
import { DECLARED_SECRET_LENGTH_ADVISED } from './declared-keys.ts';
import type { Logger } from './logger.ts';
import type { LocalOptions } from './options.ts';
import type { ServiceContext } from './service-process.ts';
import type { Stores } from './stores.ts';

type BrokerOptions = Pick<LocalOptions, 'producerIdExpirationMs' | 'replicaLagMsMax'>;

/** A table that is missing or not allowed is better told now than at the first request: throws a `MillraceError`. */
export async function openBroker(
  { producerIdExpirationMs, replicaLagMsMax }: BrokerOptions,
  stores: Stores,
  { clock, random, log }: ServiceContext,
): Promise<Broker> {
  const broker = createBroker({
    ...stores,
    compression: nodeCompression,
    clock,
    random,
    log,
    producerIdExpirationMs,
    replicaLagMsMax,
  });
  const health = await checkHealth(broker);
  if (health.healthy) return broker;
  throw new MillraceError('KAFKA_STORAGE_ERROR', `The storage does not answer. ${health.reason}`);
}

/** `undefined` without declared keys: nobody is asked who they are. */
export function authenticatorOf(
  { apiKeys }: Pick<LocalOptions, 'apiKeys'>,
  broker: Broker,
  log: Logger,
): KeyAuthenticator | undefined {
  const weak = apiKeys.filter(({ secret }) => secret.length < DECLARED_SECRET_LENGTH_ADVISED).map(({ id }) => id);
  if (weak.length > 0) {
    log.warn(`API keys with a secret shorter than ${DECLARED_SECRET_LENGTH_ADVISED} characters can be guessed`, {
      ids: weak,
    });
  }
  return apiKeys.length === 0 ? undefined : createAuthenticator({ broker, staticKeys: apiKeys });
}
