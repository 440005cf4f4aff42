/** Producer ids over HTTP. */
import type { Context } from 'hono';
import { initProducer } from '../../broker/produce/init-producer.ts';
import type { Principal } from '../../coordination/tenants/principal.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { jsonAnswer } from '../answer.ts';
import type { Door, DoorEnv } from '../door.ts';
import { jsonBody, mount } from './mount.ts';
import { initProducerRoute, initProducerSchema } from './producers-routes.ts';

export function mountProducers(door: Door): void {
  mount(door, initProducerRoute, async ({ context, principal }) => {
    requireProducer(principal);
    const { producer_id: producerId } = hasBody(context) ? await jsonBody(door, context, initProducerSchema) : {};
    const producer = await initProducer(door.options.broker, { principal: principal?.id ?? '', producerId });
    return jsonAnswer(JSON.stringify({ producer_id: producer.producerId, producer_epoch: producer.epoch }), 201);
  });
}

/** Who may produce to any topic at all; ids are of no topic. */
function requireProducer(principal: Principal | undefined): void {
  if (principal === undefined || principal.grants.some(({ scope }) => scope !== 'consume')) return;
  throw new MillraceError('FORBIDDEN', `The key "${principal.id}" lacks the scope produce.`);
}

/** Nothing at all asks for a new id. */
function hasBody({ req }: Context<DoorEnv>): boolean {
  const length = req.header('content-length') ?? (req.header('transfer-encoding') === undefined ? '0' : undefined);
  return length !== '0' || req.header('content-type') !== undefined;
}
