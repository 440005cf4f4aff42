import { describe, expect, it } from 'vitest';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { saltSeed } from '../../../lib/broker/keys/salt-seed.ts';
import { ScramCredentials } from '../../../lib/broker/keys/scram-credentials.ts';
import { scramVerifier } from '../../../lib/broker/keys/secrets.ts';
import { keyLimits } from '../../../lib/kernel/limits/keys.ts';
import { TopicWorld } from '../../support/topic-world.ts';

const declared = [
  { id: 'admin', secret: 'first' },
  { id: 'admin', secret: 'second' },
];

describe('the credential of SCRAM', () => {
  it('of a stored key is what was stored with it', async () => {
    const { broker } = new TopicWorld().process();
    const { id } = await createKey(broker, { grants: [{ scope: 'produce' }] });
    const { scram256, scram512 } = (await broker.principals.get(id)) ?? {};
    const credentials = new ScramCredentials(broker, declared);
    expect(await credentials.of('sha256', id)).toMatchObject({ salt: scram256?.salt, principal: { id } });
    expect(await credentials.of('sha512', id)).toMatchObject({
      verifiers: [{ storedKey: scram512?.storedKey, serverKey: scram512?.serverKey }],
    });
  });

  it('of declared keys with one id has one salt, and a verifier for each secret', async () => {
    const { broker } = new TopicWorld().process();
    const { salt, verifiers, principal } = await new ScramCredentials(broker, declared).of('sha256', 'admin');
    expect(principal).toEqual({ id: 'admin', grants: [{ scope: 'admin' }] });
    const made = await Promise.all(declared.map(({ secret }) => scramVerifier('sha256', salt, secret)));
    expect(verifiers).toEqual(made);
  });

  it('of an id that no key has looks like any other, the same in every process', async () => {
    const world = new TopicWorld();
    const [here, there] = [world.process(), world.process()].map(
      ({ broker }) => new ScramCredentials(broker, declared),
    );
    for (const digest of ['sha256', 'sha512'] as const) {
      const nobody = await here?.of(digest, 'nobody');
      const admin = await here?.of(digest, 'admin');
      expect(nobody?.principal).toBeUndefined();
      expect(nobody?.iterations).toBe(keyLimits.scramIterations);
      expect(nobody?.salt.length).toBe(admin?.salt.length);
      expect(nobody?.verifiers[0]?.storedKey.length).toBe(admin?.verifiers[0]?.storedKey.length);
      expect(await there?.of(digest, 'nobody')).toEqual(nobody);
      expect((await here?.of(digest, 'somebody'))?.salt).not.toEqual(nobody?.salt);
    }
  });

  it('is there again when storage answers again', async () => {
    let isDown = true;
    const before = () => {
      if (isDown) throw new Error('down');
    };
    const { broker } = new TopicWorld().process({ before });
    const credentials = new ScramCredentials(broker, declared);
    await expect(credentials.of('sha256', 'admin')).rejects.toThrow('down');
    isDown = false;
    expect(await credentials.of('sha256', 'admin')).toMatchObject({ principal: { id: 'admin' } });
  });
});

it('the seed of salts is made once, by whichever process asks first', async () => {
  const world = new TopicWorld();
  const seeds = await Promise.all([1, 2, 3].map(() => saltSeed(world.process().broker)));
  expect(new Set(seeds.map((seed) => Buffer.from(seed).toString('hex'))).size).toBe(1);
  expect(seeds[0]).toHaveLength(32);
});
