/**
 * Two processes of the gateway over the same stores: what one has said the other knows, and nothing else connects them.
 */
import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { type Clock, systemClock } from '../../../lib/kernel/clock.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { type GatewayWorld, type GatewayWorldOptions, gatewayWorld, memoryBroker } from './gateway-world.ts';

export async function twoGateways(
  options: GatewayWorldOptions & { clock?: Clock } = {},
): Promise<[GatewayWorld, GatewayWorld]> {
  const { clock = systemClock } = options;
  const first = memoryBroker(clock);
  return [
    await gatewayWorld({ ...options, broker: first }),
    await gatewayWorld({ ...options, broker: another(first) }),
  ];
}

/** With caches and random numbers of its own. */
function another({ metadata, objects, compression, clock }: Broker): Broker {
  return createBroker({ metadata, objects, compression, clock, random: seededRandom(2) });
}
