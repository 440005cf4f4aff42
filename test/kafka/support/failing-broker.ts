import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { InterceptedMetadata } from '../../support/intercepted-stores.ts';
import { memoryBroker } from './gateway-world.ts';

/** One whose storage works until it is told not to. */
export function failingBroker(): { broker: Broker; fail: () => void } {
  const working = memoryBroker();
  const metadata = new InterceptedMetadata(working.metadata);
  const fails = () => Promise.reject(new MillraceError('KAFKA_STORAGE_ERROR', 'Storage is away.'));
  return {
    broker: createBroker({ ...working, metadata, random: seededRandom(3) }),
    fail: () => Object.assign(metadata, { onGet: fails, onQuery: fails, onWrite: fails }),
  };
}
