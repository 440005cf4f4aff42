/**
 * The Kafka gateway alone: stores, broker and Kafka's protocol in one process, without HTTP and without the chores of a
 * local server, so that any number of them can serve one table and bucket.
 */
import { settled } from '../../broker/broker.ts';
import { assert } from '../../kernel/assert.ts';
import { openGateway } from '../kafka/kafka-gateway.ts';
import { authenticatorOf, openBroker } from '../open-broker.ts';
import type { ServiceContext } from '../service-process.ts';
import { openStores } from '../stores.ts';
import type { GatewayOptions } from './options.ts';

export interface RunningGateway {
  /** Where the first virtual broker listens: `host:port`. */
  address: string;
  /** Answers what has begun, then ends. Calling it again waits for the same end. */
  close(): Promise<void>;
}

/**
 * Throws `ListenError`, `OptionsError`, or a `MillraceError` of the storage; each message is a sentence for whoever
 * starts it.
 */
export async function startGateway(options: GatewayOptions, context: ServiceContext): Promise<RunningGateway> {
  const { clock, log } = context;
  // Kafka's clients get records, never the URL of an object.
  const stores = await openStores(options, { ...context, baseUrl: () => '' });
  try {
    const broker = await openBroker(options, stores, context);
    const authenticator = authenticatorOf(options, broker, log);
    const gateway = await openGateway(options.kafka, { broker, authenticator, clock, log });
    assert(gateway !== undefined, 'a gateway that is required listens or throws');
    let closing: Promise<void> | undefined;
    const close = async () => {
      await gateway.close();
      await settled(broker);
      await stores.close();
    };
    return { address: gateway.address, close: () => (closing ??= close()) };
  } catch (error) {
    await stores.close();
    throw error;
  }
}
