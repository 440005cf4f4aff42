/** Making, using, listing and deleting API keys. */
import { describe, expect, it } from 'vitest';
import { authenticate, createAuthenticator } from '../../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { deleteKey } from '../../../lib/broker/keys/delete-key.ts';
import { listKeys } from '../../../lib/broker/keys/list-keys.ts';
import type { Grant } from '../../../lib/coordination/tenants/principal.ts';
import { keyLimits } from '../../../lib/kernel/limits/keys.ts';
import { TopicWorld } from '../../support/topic-world.ts';

const grants: Grant[] = [{ scope: 'produce', topicPrefix: 'eu.' }, { scope: 'consume' }];
const unauthenticated = { code: 'UNAUTHENTICATED' };

describe('a key', () => {
  it('is its bearer for every process, at once', async () => {
    const world = new TopicWorld();
    const { id, secret, createdMs } = await createKey(world.process().broker, { grants });
    expect(createdMs).toBe(world.clock.now());
    const { broker } = world.process();
    expect(await authenticate(broker, { secret })).toEqual({ id, grants });
    expect(await authenticate(broker, { id, secret })).toEqual({ id, grants });
  });

  it('is not whoever shows another secret', async () => {
    const { broker } = new TopicWorld().process();
    const { id, secret } = await createKey(broker, { grants });
    const other = await createKey(broker, { grants });
    const flipped = secret.slice(0, -2) + (secret.endsWith('AA') ? 'BB' : 'AA');
    for (const credentials of [
      { secret: '' },
      { secret: flipped },
      { secret: secret.slice(0, -1) },
      { id: other.id, secret },
      { id: '', secret },
      { secret: secret.replace(id, '0000000000000000') },
      { secret: secret.replace(id, other.id) },
    ]) {
      expect(await authenticate(broker, credentials)).toBeUndefined();
    }
  });

  it('is stored without its secret', async () => {
    const world = new TopicWorld();
    const { secret } = await createKey(world.process().broker, { grants });
    const random = secret.slice(-43);
    const stored = JSON.stringify(await world.items(), (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(stored).toContain('scram256');
    expect(stored).not.toContain(random);
    expect(stored).not.toContain(Buffer.from(random, 'base64url').toString('latin1'));
  });

  it('costs no read while it is in memory', async () => {
    const world = new TopicWorld();
    const { secret } = await createKey(world.process().broker, { grants });
    let reads = 0;
    const { broker } = world.process({ before: () => void reads++ });
    await Promise.all(Array.from({ length: 20 }, () => authenticate(broker, { secret })));
    world.clock.advance(keyLimits.principalCacheMs - 1);
    await authenticate(broker, { secret });
    expect(reads).toBe(1);
    world.clock.advance(1);
    await authenticate(broker, { secret });
    expect(reads).toBe(2);
  });

  it('costs no read for a secret that no stored key can have', async () => {
    let reads = 0;
    const { broker } = new TopicWorld().process({ before: () => void reads++ });
    await authenticate(broker, { secret: 'password' });
    await authenticate(broker, { id: 'x'.repeat(10_000), secret: 'y'.repeat(10_000) });
    expect(reads).toBe(0);
  });

  it('ends with its deletion: here at once, elsewhere when memory of it ends', async () => {
    const world = new TopicWorld();
    const here = world.process().broker;
    const there = world.process().broker;
    const { id, secret } = await createKey(here, { grants });
    await authenticate(here, { secret });
    await authenticate(there, { secret });
    await deleteKey(here, id);
    expect(await authenticate(here, { secret })).toBeUndefined();
    world.clock.advance(keyLimits.principalCacheMs);
    expect(await authenticate(there, { secret })).toBeUndefined();
    expect(await world.items()).toEqual([]);
  });

  it.each(['0123456789abcdef', 'nope', '', '../config', 'x'.repeat(5_000)])(
    'that is not there is not deleted: %j',
    async (id) => {
      const { broker } = new TopicWorld().process();
      await expect(deleteKey(broker, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    },
  );

  it('with grants that nobody can have is not made', async () => {
    const { broker, store } = new TopicWorld().process();
    await expect(createKey(broker, { grants: [] })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(store.writes).toBe(0);
  });

  it('is listed with its grants, without its secret, a page at a time', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    const made = [];
    for (let n = 0; n < 3; n++) made.push(await createKey(broker, { grants }));
    const ids = made.map(({ id }) => id).sort();
    const first = await listKeys(broker, { limit: 2 });
    const second = await listKeys(broker, { limit: 2, cursor: first.next });
    expect([...first.keys, ...second.keys]).toEqual(ids.map((id) => ({ id, grants, createdMs: world.clock.now() })));
    expect(second.next).toBeUndefined();
  });

  it.each(['lost-before', 'lost-after'] as const)(
    'is made and deleted once though an answer was lost (%s)',
    async (fault) => {
      const world = new TopicWorld();
      const { broker } = world.process({ fault: (write) => (write % 2 === 0 ? fault : undefined) });
      const { id, secret } = await createKey(broker, { grants });
      expect(await authenticate(world.process().broker, { secret })).toEqual({ id, grants });
      expect((await listKeys(broker)).keys).toHaveLength(1);
      await deleteKey(broker, id);
      expect(await world.items()).toEqual([]);
    },
  );
});

describe('the authenticator', () => {
  const staticKeys = [
    { id: 'admin', secret: 'first secret' },
    { id: 'admin', secret: 'second secret' },
    { id: 'ops', secret: 'pä:ss' },
  ];

  it('takes declared keys with all scopes, without storage', async () => {
    let reads = 0;
    const { broker } = new TopicWorld().process({ before: () => void reads++ });
    const authenticator = createAuthenticator({ broker, staticKeys });
    const admin = { id: 'admin', grants: [{ scope: 'admin' }] };
    expect(await authenticator.authenticate({ secret: 'first secret' })).toEqual(admin);
    expect(await authenticator.authenticate({ secret: 'second secret' })).toEqual(admin);
    expect(await authenticator.authenticate({ id: 'admin', secret: 'first secret' })).toEqual(admin);
    expect(await authenticator.authenticate({ id: 'ops', secret: 'pä:ss' })).toMatchObject({ id: 'ops' });
    expect(reads).toBe(0);
  });

  it('takes stored keys beside them', async () => {
    const { broker } = new TopicWorld().process();
    const { id, secret } = await createKey(broker, { grants });
    expect(await createAuthenticator({ broker, staticKeys }).authenticate({ secret })).toEqual({ id, grants });
    expect(await createAuthenticator({ broker }).authenticate({ secret })).toEqual({ id, grants });
  });

  it.each([
    { secret: '' },
    { secret: 'first' },
    { secret: 'first secret ' },
    { secret: 'admin' },
    { id: 'ops', secret: 'first secret' },
    { id: 'admin', secret: 'pä:ss' },
    { id: 'nobody', secret: 'first secret' },
  ])('refuses %j without a word of what was wrong', async (credentials) => {
    const { broker } = new TopicWorld().process();
    await expect(createAuthenticator({ broker, staticKeys }).authenticate(credentials)).rejects.toMatchObject({
      ...unauthenticated,
      message: 'The API key is not valid.',
    });
  });
});
