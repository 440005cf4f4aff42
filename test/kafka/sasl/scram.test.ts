import { assert, asyncProperty, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { scramVerifier } from '../../../lib/broker/keys/secrets.ts';
import { scramExchange } from '../../../lib/kafka/sasl/scram.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { TopicWorld } from '../../support/topic-world.ts';
import { ScramClient } from '../support/scram-client.ts';

const random = seededRandom(3);
const staticKeys = [
  { id: 'admin', secret: 'first secret' },
  { id: 'admin', secret: 'second secret' },
];

function world() {
  const { broker } = new TopicWorld().process();
  return { broker, authenticator: createAuthenticator({ broker, staticKeys }) };
}

type World = ReturnType<typeof world>;

interface Deviations {
  digest?: 'sha256' | 'sha512';
  header?: string;
  changed?: { binding?: string; nonce?: string };
}

async function exchanged(
  { authenticator }: World,
  client: ScramClient,
  { digest = 'sha256', header = 'n,,', changed = {} }: Deviations = {},
) {
  const exchange = scramExchange({ digest, authenticator, random });
  const first = await exchange.step(client.first(header));
  if (first.outcome !== 'continues') return { first };
  return { first, last: await exchange.step(client.final(first.bytes, changed)) };
}

describe('an exchange', () => {
  it.each(['sha256', 'sha512'] as const)(
    'of %s proves who has the secret of a stored key, to both sides',
    async (digest) => {
      const there = world();
      const { id, secret } = await createKey(there.broker, { grants: [{ scope: 'consume' }] });
      const client = new ScramClient({ digest, id, secret });
      const { last } = await exchanged(there, client, { digest });
      if (last?.outcome !== 'proved') throw new Error('it was refused');
      expect(last.identity.principal).toEqual({ id, grants: [{ scope: 'consume' }] });
      expect(client.trusts(last.bytes)).toBe(true);
    },
  );

  it.each(staticKeys)('proves who has one of the declared secrets of an id (%j)', async ({ id, secret }) => {
    const client = new ScramClient({ digest: 'sha512', id, secret });
    const { last } = await exchanged(world(), client, { digest: 'sha512' });
    if (last?.outcome !== 'proved') throw new Error('it was refused');
    expect(last.identity.principal).toEqual({ id, grants: [{ scope: 'admin' }] });
    expect(client.trusts(last.bytes)).toBe(true);
  });

  it('shows salt, iterations and nonces as RFC 7677, section 3, writes them', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const verifier = await scramVerifier('sha256', salt, 'pencil', 4096);
    const principal = { id: 'user', grants: [] };
    const authenticator = {
      ...world().authenticator,
      scramCredential: async () => ({ salt, iterations: 4096, verifiers: [verifier], principal }),
    };
    const exchange = scramExchange({ digest: 'sha256', authenticator, random: seededRandom(7) });
    const first = await exchange.step(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'));
    if (first.outcome !== 'continues') throw new Error('it was refused');
    const text = Buffer.from(first.bytes).toString();
    expect(text).toMatch(/^r=rOprNGfwEbeRWgbNEkqO[\w-]{32},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096$/);
  });

  it('takes an id with a comma and an equals sign as the RFC writes it, and an id to act as that is the same', async () => {
    const { authenticator } = world();
    const asked: string[] = [];
    const exchange = () =>
      scramExchange({
        digest: 'sha256',
        random,
        authenticator: {
          ...authenticator,
          scramCredential: (digest, id) => {
            asked.push(id);
            return authenticator.scramCredential(digest, id);
          },
        },
      });
    await exchange().step(Buffer.from('n,a=a=2Cb=3D,n=a=2Cb=3D,r=x'));
    expect(asked).toEqual(['a,b=']);
  });

  it("takes the client's nonce twice, as old librdkafkas send it", async () => {
    const { authenticator } = world();
    const client = new ScramClient({ digest: 'sha256', id: 'admin', secret: 'first secret', nonce: 'mine' });
    const exchange = scramExchange({ digest: 'sha256', authenticator, random });
    const first = await exchange.step(client.first());
    if (first.outcome !== 'continues') throw new Error('it was refused');
    const [, nonce] = /^r=([^,]*)/.exec(Buffer.from(first.bytes).toString()) ?? [];
    expect(await exchange.step(client.final(first.bytes, { nonce: `mine${nonce}` }))).toMatchObject({
      outcome: 'proved',
    });
  });

  it('uses a nonce of its own each time', async () => {
    const there = world();
    const client = new ScramClient({ digest: 'sha256', id: 'admin', secret: 'x' });
    const [one, other] = [await exchanged(there, client), await exchanged(there, client)];
    expect(one.first).not.toEqual(other.first);
  });
});

describe('refused is', () => {
  it('a wrong secret', async () => {
    const { last } = await exchanged(world(), new ScramClient({ digest: 'sha256', id: 'admin', secret: 'third' }));
    expect(last).toEqual({ outcome: 'refused' });
  });

  it('an id that no key has, as late and with the same words as a wrong secret', async () => {
    const there = world();
    const { id, secret } = await createKey(there.broker, { grants: [{ scope: 'consume' }] });
    for (const nobody of ['nobody', '0123456789abcdef']) {
      const { first, last } = await exchanged(there, new ScramClient({ digest: 'sha256', id: nobody, secret }));
      const known = await exchanged(there, new ScramClient({ digest: 'sha256', id, secret: 'wrong' }));
      expect(last).toEqual({ outcome: 'refused' });
      expect(last).toEqual(known.last);
      expect(shape(first)).toBe(shape(known.first));
    }
  });

  it('such an id with the same salt each time, in every process, and another one than other ids', async () => {
    const { broker } = new TopicWorld().process();
    const salt = async (id: string) => {
      const authenticator = createAuthenticator({ broker, staticKeys });
      return (await authenticator.scramCredential('sha256', id)).salt;
    };
    expect(await salt('nobody')).toEqual(await salt('nobody'));
    expect(await salt('admin')).toEqual(await salt('admin'));
    expect(await salt('nobody')).not.toEqual(await salt('somebody'));
  });

  it.each([
    ['another binding of the channel', { binding: 'eSws' }],
    ["another nonce than the server's", { nonce: 'fyko+d2lbbFgONRv9qkxdawL' }],
  ])('%s', async (_what, changed) => {
    const client = new ScramClient({ digest: 'sha256', id: 'admin', secret: 'first secret' });
    expect((await exchanged(world(), client, { changed })).last).toEqual({ outcome: 'refused' });
  });

  it.each([
    ['y,,n=admin,r=x'],
    ['p=tls-unique,,n=admin,r=x'],
    ['n,a=other,n=admin,r=x'],
    ['n,,m=must,n=admin,r=x'],
    ['n,,n=admin,r=x,tokenauth=true'],
    ['n,,n=,r=x'],
    ['n,,n=a=b,r=x'],
    ['n,,n=admin,r='],
    ['n,,n=admin'],
    [''],
  ])('the first message "%s"', async (message) => {
    const exchange = scramExchange({ digest: 'sha256', authenticator: world().authenticator, random });
    expect(await exchange.step(Buffer.from(message))).toMatchObject({ outcome: 'refused' });
  });

  it('whatever else comes as a last message', async () => {
    const { authenticator } = world();
    await assert(
      asyncProperty(uint8Array({ maxLength: 200 }), async (bytes) => {
        const exchange = scramExchange({ digest: 'sha256', authenticator, random });
        await exchange.step(Buffer.from('n,,n=admin,r=x'));
        expect(await exchange.step(bytes)).toMatchObject({ outcome: 'refused' });
      }),
    );
  });
});

/** What can be seen of a first answer without knowing what it is about. */
function shape(step: { outcome: string; bytes?: Uint8Array }): string {
  return Buffer.from(step.bytes ?? [])
    .toString()
    .replaceAll(/[A-Za-z0-9+/_-]/g, 'x');
}
