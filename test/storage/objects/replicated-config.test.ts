import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { openReplicaSet, openReplicas, parseReplicas } from '../../../lib/storage/objects/replicated-config.ts';
import { type ScriptedServer, startScriptedServer } from '../../support/scripted-server.ts';

const east = { id: 1, name: 'one', bucket: 'acme--use1-az4--x-s3', region: 'us-east-1', rack: 'use1-az4' };
const west = { id: 0, name: 'two', bucket: 'acme-west', region: 'eu-west-1', rack: 'eu-west-1' };

describe('a list of replicas', () => {
  test('is JSON with number, name, bucket, region and rack of each', () => {
    expect(parseReplicas(JSON.stringify([east, west]))).toEqual([east, west]);
  });

  test.each([
    ['not JSON', '[', 'is not JSON'],
    ['no list', '{}', 'is not a list of 1 to 8'],
    ['empty', '[]', 'is not a list of 1 to 8'],
    ['too long', JSON.stringify(Array.from({ length: 9 }, (_, id) => ({ ...west, id }))), 'is not a list of 1 to 8'],
    ['without a number', JSON.stringify([{ ...east, id: '1' }]), 'no id from 0 to 7 in its replica 1'],
    ['with a number too high', JSON.stringify([east, { ...west, id: 8 }]), 'no id from 0 to 7 in its replica 2'],
    ['without a region', JSON.stringify([{ ...east, region: '' }]), 'lacks name, bucket, region or rack'],
    ['with nothing in it', '[null]', 'no id'],
    ['with a number twice', JSON.stringify([east, { ...west, id: 1 }]), 'the same id'],
    ['with a bucket twice', JSON.stringify([east, { ...west, bucket: east.bucket }]), 'the same bucket'],
    ['with an impossible name', JSON.stringify([{ ...east, bucket: 'acme--x-s3' }]), 'cannot be one'],
  ])('that is %s is refused in a sentence', (_, text, sentence) => {
    expect(() => parseReplicas(text)).toThrow(sentence);
  });
});

describe('the stores of a list of replicas', () => {
  let server: ScriptedServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  test('sign for the region that each bucket is in', async () => {
    const running = await startScriptedServer([{ status: 200 }]);
    server = running;
    const environment = { AWS_ENDPOINT_URL_S3: running.endpoint };
    const saved = { ...process.env };
    Object.assign(process.env, environment, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' });
    const configs = [west, { ...west, id: 2, bucket: 'acme-east', region: 'us-east-1' }];
    const opened = openReplicas(configs, { environment, clock: systemClock, random: seededRandom(1) });
    try {
      for (const { store } of opened.replicas) await store.put('a', [Uint8Array.of(1)]);
    } finally {
      opened.close();
      process.env = saved;
    }
    const scopes = running.requests.map(
      ({ headers }) => /Credential=a\/\d+\/([^/]+)/.exec(headers.authorization ?? '')?.[1],
    );
    expect(scopes).toEqual(['eu-west-1', 'us-east-1']);
    expect(running.requests.map(({ url }) => url.split('?')[0])).toEqual(['/acme-west/a', '/acme-east/a']);
  });
});

describe("a stack's replicas", () => {
  const store = createMemoryObjectStore();
  const opening = { environment: { AWS_REGION: 'us-east-1' }, clock: systemClock, random: seededRandom(1) };
  const own = { bucket: 'acme', store };
  const known = { ...west, bucket: 'acme' };

  test('have the own bucket as replica 0, for new ledgers only where the list names it', () => {
    const unlisted = openReplicaSet([east], { own, ...opening });
    expect(unlisted.set.replicas.map(({ id, name, rack }) => [id, name, rack])).toEqual([
      [0, 'own', 'us-east-1'],
      [1, 'one', 'use1-az4'],
    ]);
    expect(unlisted.assignable).toEqual([1]);
    expect(unlisted.clients).toHaveLength(1);
    const listed = openReplicaSet([east, known], { own, ...opening });
    expect(listed.set.replicas.map(({ id, name, rack }) => [id, name, rack])).toEqual([
      [0, 'two', 'eu-west-1'],
      [1, 'one', 'use1-az4'],
    ]);
    expect(listed.assignable).toEqual([1, 0]);
    for (const { set } of [unlisted, listed]) expect(set.replicas[0]?.store).toBe(store);
  });

  test.each([
    ['another bucket as replica 0', { ...known, bucket: 'other' }],
    ['the own bucket as another replica', { ...known, id: 3 }],
  ])('refuse %s', (_, config) => {
    expect(() => openReplicaSet([east, config], { own, ...opening })).toThrow("0 is the own bucket's");
  });
});
