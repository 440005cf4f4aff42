/** The whole API as a Lambda Web Function: the built bundle, run as the platform runs it. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../../lib/client/client.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { describeWithPeer } from '../support/peer.ts';
import { startWebFunction, type WebFunction } from '../support/web-function.ts';

const API_KEY = `${ADMIN_KEY.id}:${ADMIN_KEY.secret}`;
const AUTHORIZATION = `Basic ${Buffer.from(API_KEY).toString('base64')}`;

describeWithPeer(functionsMissing())('the web function', () => {
  let functions: Functions;
  const running: WebFunction[] = [];

  beforeAll(async () => {
    functions = await makeFunctions();
  });

  afterEach(async () => {
    for (const web of running.splice(0)) await web.stop();
  });

  afterAll(() => functions?.close());

  async function start(): Promise<WebFunction> {
    const web = await startWebFunction(functions.file('web'), functions.variables('web'));
    running.push(web);
    return web;
  }

  function clientOf({ url }: WebFunction) {
    return createClient({ url, apiKey: API_KEY });
  }

  it('creates, writes, reads and deletes', async () => {
    const client = clientOf(await start());
    await client.topics.create('orders', { partitions: 2 });
    const written = await client.produce('orders', [
      { key: 'a', value: { n: 1 }, partition: 1 },
      { value: 'b', partition: 1 },
    ]);
    expect(written).toMatchObject([
      { partition: 1, offset: 0 },
      { partition: 1, offset: 1 },
    ]);
    const { records, nextOffset } = await client.fetch('orders', 1, { offset: 'earliest', as: 'json' });
    expect(records).toMatchObject([
      { offset: 0, key: 'a', value: { n: 1 } },
      { offset: 1, key: null, value: 'b' },
    ]);
    expect(nextOffset).toBe(2);
    await client.topics.delete('orders');
    await expect(client.topics.describe('orders')).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });

  it('asks for a key everywhere but at the health check', async () => {
    const web = await start();
    expect((await fetch(`${web.url}/healthz`)).status).toBe(200);
    for (const path of ['/v1/topics', '/v1/keys', '/v1/openapi.json', '/v1/nowhere']) {
      expect((await fetch(`${web.url}${path}`)).status).toBe(401);
    }
  });

  it('serves many requests at once from one environment', async () => {
    const client = clientOf(await start());
    await client.topics.create('many', { partitions: 4 });
    const waiting = Array.from({ length: 20 }, (_, index) =>
      client.fetch('many', index % 4, { offset: 0, waitMs: 10_000 }),
    );
    const values = Array.from({ length: 100 }, (_, index) => `value-${index}`);
    await Promise.all(values.map((value, index) => client.produce('many', [{ value, partition: index % 4 }])));
    for (const { records } of await Promise.all(waiting)) expect(records.length).toBeGreaterThan(0);
    const read: string[] = [];
    for (let partition = 0; partition < 4; partition++) {
      const { records } = await client.fetch('many', partition, { offset: 0 });
      expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index));
      read.push(...records.map(({ value }) => String(value)));
    }
    expect(new Set(read)).toEqual(new Set(values));
    expect(read).toHaveLength(values.length);
  });

  it('streams a live tail, record by record', async () => {
    const web = await start();
    const client = clientOf(web);
    await client.topics.create('tail');
    const answer = await fetch(`${web.url}/v1/topics/tail/partitions/0/records?offset=earliest`, {
      headers: { accept: 'text/event-stream', authorization: AUTHORIZATION },
    });
    const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (let index = 0; index < 3; index++) {
      await client.produce('tail', [{ value: `live-${index}` }]);
      while (!text.includes(`live-${index}`)) text += (await reader.read()).value ?? '';
      expect(text).not.toContain(`live-${index + 1}`);
    }
    await reader.cancel();
  });

  it('drains on SIGTERM within its second: waiting requests are answered, tails end, and it exits with 0', async () => {
    const web = await start();
    const client = clientOf(web);
    await client.topics.create('drain');
    await client.produce('drain', [{ value: 'first' }]);
    const tail = await fetch(`${web.url}/v1/topics/drain/partitions/0/records?offset=0`, {
      headers: { accept: 'text/event-stream', authorization: AUTHORIZATION },
    });
    const waiting = client.fetch('drain', 0, { offset: 'latest', waitMs: 20_000 });
    const writing = client.produce('drain', [{ value: 'last' }], { acks: 'none' });
    await writing;
    // The waiting request is surely there by then.
    await client.topics.describe('drain');
    const ended = web.stop();
    expect(Array.isArray((await waiting).records)).toBe(true);
    expect(await tail.text()).toMatch(/retry: \d+\n\n$/);
    const { code, ms } = await ended;
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1_000);
    const { records } = await clientOf(await start()).fetch('drain', 0, { offset: 0 });
    expect(records.map(({ value }) => value)).toEqual(['first', 'last']);
  });

  it('is ready fast, and says what its environment lacks', async () => {
    const web = await start();
    expect(web.readyMs).toBeLessThan(10_000);
    const variables = { ...functions.variables('web') } as Record<string, string>;
    delete variables['MILLRACE_BUCKET'];
    await expect(startWebFunction(functions.file('web'), variables)).rejects.toThrow('MILLRACE_BUCKET is not set');
    const nowhere = { ...functions.variables('web'), AWS_LAMBDA_HTTP_ENDPOINT: 'nowhere' };
    await expect(startWebFunction(functions.file('web'), nowhere)).rejects.toThrow('not host:port');
  });
});
