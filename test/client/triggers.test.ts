import { beforeEach, expect, it } from 'vitest';
import { arnPatternPolicy } from '../../lib/broker/triggers/target-policy.ts';
import { createClient, type MillraceClient } from '../../lib/client/client.ts';
import { httpWorld } from '../support/http-world.ts';

const TARGET = 'arn:aws:lambda:eu-central-1:123456789012:function:mails';
let client: MillraceClient;

beforeEach(async () => {
  const { app } = httpWorld({ targetPolicy: arnPatternPolicy([TARGET]) });
  client = createClient({ url: 'http://localhost', fetch: async (url, init) => app.fetch(new Request(url, init)) });
  await client.topics.create('orders');
  await client.produce('orders', [{ value: 'before' }]);
});

it('makes, lists, describes, changes, replays and deletes triggers', async () => {
  const options = {
    topics: ['orders'],
    target: TARGET,
    startingPosition: 'LATEST',
    batchSize: 7,
    onFailure: { kind: 'sqs', arn: TARGET.replace('lambda', 'sqs') },
  } as const;
  await expect(client.triggers.create('mails', options)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  const { onFailure: _, ...allowed } = options;
  const made = await client.triggers.create('mails', { ...allowed, enabled: false });
  expect(made).toMatchObject({ ...allowed, name: 'mails', group: 'mails', state: 'Disabled', timeoutMs: 60_000 });
  expect(await client.triggers.list()).toEqual({ triggers: [made] });
  expect(await client.triggers.alter('mails', { batchingWindowMs: 5 })).toEqual({ ...made, batchingWindowMs: 5 });
  const replayed = [{ topic: 'orders', partition: 0, offset: 0, previousOffset: 1 }];
  expect(await client.triggers.replay('mails', { from: 'earliest', dryRun: true })).toEqual(replayed);
  expect(await client.triggers.replay('mails', { timestamp: 1 })).toEqual(replayed);
  expect(await client.triggers.describe('mails')).toMatchObject({
    lag: 1,
    lagMs: expect.any(Number) as number,
    oldestTimestamp: expect.any(Number) as number,
    partitions: [{ topic: 'orders', partition: 0, committedOffset: 0, highWatermark: 1, lag: 1, attempts: 0 }],
  });
  await client.triggers.delete('mails');
  await expect(client.triggers.describe('mails')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('is told which grant is missing', async () => {
  const options = { topics: ['orders'], target: `${TARGET}-other`, startingPosition: 'TRIM_HORIZON' } as const;
  await expect(client.triggers.create('mails', options)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining(`"${TARGET}-other" among the allowedTargets`) as string,
  });
});
