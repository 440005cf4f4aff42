/** Erasures over the real HTTP app, without a network: the app is the client's `fetch`. */
import { expect, it } from 'vitest';
import { carryOutErasures } from '../../lib/broker/erasures/carry-out-erasures.ts';
import { createClient } from '../../lib/client/client.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { httpWorld } from '../support/http-world.ts';

function world() {
  const { app, broker } = httpWorld();
  const client = createClient({
    url: 'http://localhost',
    fetch: async (url, init) => app.fetch(new Request(url, init)),
    attemptsMax: 1,
  });
  return { broker, client };
}

it('are asked for, shown, listed page by page, and forgotten', async () => {
  const { broker, client } = world();
  await client.topics.create('orders', { partitions: 1 });
  await client.produce('orders', [
    { key: 'customer-17', value: 'a' },
    { key: 'customer-18', value: 'b', headers: { user: 'x' } },
  ]);
  const created = await client.erasures.create({ topics: ['orders'], key: 'customer-17' });
  expect(created).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{20}$/) as string,
    state: 'running',
    topics: ['orders'],
    match: { kind: 'key' },
    createdAt: expect.any(Number) as number,
    objectsDeleted: 0,
    recordsRemoved: 0,
    segmentsRewritten: 0,
    problems: [],
    partitions: [
      { topic: 'orders', partition: 0, endOffset: 2, erasedOffset: 0, recordsRemoved: 0, segmentsRewritten: 0 },
    ],
  });
  await carryOutErasures(broker);
  expect(await client.erasures.describe(created.id)).toMatchObject({
    state: 'waiting',
    completeAfter: expect.any(Number) as number,
    recordsRemoved: 1,
    segmentsRewritten: 1,
    partitions: [{ erasedOffset: 2, recordsRemoved: 1 }],
  });
  const { records } = await client.fetch('orders', 0, { offset: 'earliest' });
  expect(records.map(({ key }) => key)).toEqual(['customer-18']);

  const header = { key: 'user', value: utf8('x') };
  const second = await client.erasures.create({ topicPattern: 'ord.*', header });
  expect(second).toMatchObject({ topicPattern: 'ord.*', match: { kind: 'header', header: 'user' } });
  const first = await client.erasures.list({ limit: 1 });
  const rest = await client.erasures.list({ cursor: first.next });
  expect(rest.next).toBeUndefined();
  expect(new Set([...first.erasures, ...rest.erasures].map(({ id }) => id))).toEqual(new Set([created.id, second.id]));
  expect(JSON.stringify([first, rest, second])).not.toContain('customer-17');
  await carryOutErasures(broker);
  expect((await client.fetch('orders', 0, { offset: 0 })).records).toEqual([]);
  await client.erasures.delete(created.id);
  expect((await client.erasures.list()).erasures.map(({ id }) => id)).toEqual([second.id]);
  await expect(client.erasures.delete(created.id)).rejects.toMatchObject({ code: 'NOT_FOUND', effect: 'none' });
});
