/** API keys over the real HTTP app, without a network: the app is the client's `fetch`. */
import { expect, it } from 'vitest';
import { createClient } from '../../lib/client/client.ts';
import { httpWorld } from '../support/http-world.ts';

it('are created with their secret, listed page by page without, and deleted', async () => {
  const { app } = httpWorld();
  const client = createClient({
    url: 'http://localhost',
    fetch: async (url, init) => app.fetch(new Request(url, init)),
    attemptsMax: 1,
  });
  const admin = await client.keys.create({ scopes: ['admin'] });
  const shop = await client.keys.create({ scopes: ['produce', 'consume'], topicPrefix: 'shop.' });
  expect(admin).toEqual({
    id: expect.any(String) as string,
    secret: expect.any(String) as string,
    scopes: ['admin'],
    createdAt: expect.any(Number) as number,
  });
  expect(shop).toMatchObject({ scopes: ['produce', 'consume'], topicPrefix: 'shop.' });
  const first = await client.keys.list({ limit: 1 });
  const second = await client.keys.list({ cursor: first.next });
  expect(second.next).toBeUndefined();
  const listed = [...first.keys, ...second.keys];
  const sorted = [admin, shop].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(listed.map((key, index) => ({ ...key, secret: sorted[index]?.secret }))).toEqual(sorted);
  expect(listed.some((key) => 'secret' in key)).toBe(false);
  await client.keys.delete(shop.id);
  expect((await client.keys.list()).keys.map(({ id }) => id)).toEqual([admin.id]);
  await expect(client.keys.delete(shop.id)).rejects.toMatchObject({ code: 'NOT_FOUND', effect: 'none' });
});
