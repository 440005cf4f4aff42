import { describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { deleteKey } from '../../../lib/broker/keys/delete-key.ts';
import { plainExchange } from '../../../lib/kafka/sasl/plain.ts';
import { TopicWorld } from '../../support/topic-world.ts';

function world() {
  const { broker } = new TopicWorld().process();
  return { broker, authenticator: createAuthenticator({ broker, staticKeys: [{ id: 'admin', secret: 'pä:ss' }] }) };
}

describe('PLAIN', () => {
  it.each([['\0admin\0pä:ss'], ['admin\0admin\0pä:ss']])('takes %j', async (message) => {
    const { authenticator } = world();
    expect(await plainExchange(authenticator).step(Buffer.from(message))).toMatchObject({
      outcome: 'proved',
      identity: { principal: { id: 'admin' } },
    });
  });

  it('takes a stored key, and knows when it is gone', async () => {
    const { broker, authenticator } = world();
    const { id, secret } = await createKey(broker, { grants: [{ scope: 'produce' }] });
    const step = await plainExchange(authenticator).step(Buffer.from(`\0${id}\0${secret}`));
    if (step.outcome !== 'proved') throw new Error('it was refused');
    const principal = { id, grants: [{ scope: 'produce' }] };
    expect(step.identity.principal).toEqual(principal);
    expect(await step.identity.now?.()).toEqual(principal);
    await deleteKey(broker, id);
    expect(await step.identity.now?.()).toBeUndefined();
  });

  it.each([
    ['\0admin\0wrong'],
    ['\0nobody\0pä:ss'],
    ['other\0admin\0pä:ss'],
    ['\0\0pä:ss'],
    ['\0admin\0'],
    ['admin\0pä:ss'],
    ['\0admin\0pä:ss\0'],
    [''],
  ])('refuses %j', async (message) => {
    expect(await plainExchange(world().authenticator).step(Buffer.from(message))).toMatchObject({ outcome: 'refused' });
  });

  it('refuses what is not UTF-8', async () => {
    const bytes = Buffer.from([0, 0xff, 0, 0xfe]);
    expect(await plainExchange(world().authenticator).step(bytes)).toMatchObject({ outcome: 'refused' });
  });
});
