import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import type { Write } from '../../../lib/kernel/items.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { createDynamoMetadataStore, dynamoClientConfig } from '../../../lib/storage/metadata/dynamodb.ts';
import { impatientClock, type ScriptedServer, type Step, startScriptedServer } from '../../support/scripted-server.ts';

const key = { pk: 'p', sk: 's' };
const update: Write = { kind: 'update', key, changes: { add: { n: 1 } } };
const transaction: Write[] = [update, { kind: 'delete', key: { pk: 'p', sk: 'other' } }];

const applied: Step = { status: 200, body: JSON.stringify({ Attributes: { n: { N: '1' } } }) };
const refusal = (name: string, facts: object = {}): Step => ({
  status: 400,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: name, ...facts }),
});
const failure: Step = { status: 500, body: JSON.stringify({ __type: 'InternalServerError', message: 'oh' }) };
const cancelled = (...codes: string[]): Step =>
  refusal('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) });

let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const KEYS = { accessKeyId: 'a', secretAccessKey: 'b' };

async function openStore(script: Step[], credentials: () => Promise<typeof KEYS> = async () => KEYS) {
  const running = await startScriptedServer(script);
  server = running;
  const config = dynamoClientConfig();
  const client = new DynamoDBClient({
    ...config,
    requestHandler: { ...config.requestHandler, requestTimeout: 200 },
    endpoint: running.endpoint,
    region: 'eu-west-1',
    credentials,
  });
  const clock = impatientClock();
  const store = createDynamoMetadataStore({ client, table: 'table', clock, random: seededRandom(1) });
  return { store, clock, requests: running.requests };
}

describe('a write', () => {
  test.each([
    'ProvisionedThroughputExceededException',
    'ThrottlingException',
    'RequestLimitExceeded',
    'TransactionConflictException',
  ])('that is turned away with %s is sent again after a pause', async (name) => {
    const { store, clock, requests } = await openStore([refusal(name), refusal(name), applied]);
    expect(await store.write([update])).toEqual({ outcome: 'applied', item: { n: 1 } });
    expect(requests).toHaveLength(3);
    expect(clock.slept).toHaveLength(2);
  });

  test('that is throttled for good is a throttle without effect', async () => {
    const { store, requests } = await openStore([refusal('ThrottlingException')]);
    await expect(store.write([update])).rejects.toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
      effect: 'none',
      facts: { retryAfterMs: expect.any(Number) },
    });
    expect(requests).toHaveLength(storageLimits.storageRetriesMax + 1);
  });

  const lost: [string, Step][] = [
    ['answered with 500', failure],
    ['whose connection is lost', 'reset'],
    ['that is never answered', 'silence'],
    ['whose answer ends early', 'cut'],
    ['whose answer can not be read', { status: 200, body: '<html>' }],
    ['answered with 503', { status: 503, body: '' }],
  ];
  test.each(lost)('%s may have been applied, and is not sent again', async (_, step) => {
    const { store, requests } = await openStore([step, applied]);
    await expect(store.write([update])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'unknown' });
    expect(requests).toHaveLength(1);
  });

  test.each(lost)('of a transaction %s may have been applied, and is not sent again', async (_, step) => {
    const { store, requests } = await openStore([step, applied]);
    await expect(store.write(transaction)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'unknown' });
    expect(requests).toHaveLength(1);
  });

  test('that can not connect had no effect, and is tried again', async () => {
    const { store, clock } = await openStore([applied]);
    await server?.close();
    server = undefined;
    const fault = { code: 'KAFKA_STORAGE_ERROR', effect: 'none', message: expect.stringContaining('ECONNREFUSED') };
    await expect(store.write([update])).rejects.toMatchObject(fault);
    expect(clock.slept).toHaveLength(storageLimits.storageRetriesMax);
  });

  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'UnrecognizedClientException'])(
    'refused with %s is a fault of storage without effect, and not sent again',
    async (name) => {
      const { store, requests } = await openStore([refusal(name)]);
      const fault = { code: 'KAFKA_STORAGE_ERROR', effect: 'none', message: expect.stringContaining(name) };
      await expect(store.write([update])).rejects.toMatchObject(fault);
      expect(requests).toHaveLength(1);
    },
  );

  test('that DynamoDB finds malformed is a fault of ours', async () => {
    const { store } = await openStore([refusal('ValidationException')]);
    const fault = { code: 'UNKNOWN_SERVER_ERROR', effect: 'none' };
    await expect(store.write([update])).rejects.toMatchObject(fault);
  });

  test('without credentials is a fault of storage, and nothing is sent', async () => {
    const missing = async () => {
      throw Object.assign(new Error('none'), { name: 'CredentialsProviderError' });
    };
    const { store, requests } = await openStore([applied], missing);
    await expect(store.write([update])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
    expect(requests).toHaveLength(0);
  });
});

describe('a transaction', () => {
  test('that conflicts is sent again, every time with the same token', async () => {
    const conflict = cancelled('None', 'TransactionConflict');
    const { store, requests } = await openStore([conflict, conflict, { status: 200, body: '{}' }]);
    expect(await store.write(transaction)).toEqual({ outcome: 'applied' });
    const tokens = requests.map(({ body }) => (JSON.parse(body) as { ClientRequestToken: string }).ClientRequestToken);
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens)).toEqual(new Set([expect.stringMatching(/^[0-9a-f]{32}$/)]));
  });

  test('of which a condition failed is refused, whatever else happened to it', async () => {
    const { store, requests } = await openStore([cancelled('TransactionConflict', 'ConditionalCheckFailed')]);
    expect(await store.write(transaction)).toEqual({ outcome: 'refused', index: 1, item: undefined });
    expect(requests).toHaveLength(1);
  });

  test('that is throttled for good is a throttle without effect', async () => {
    const { store, requests } = await openStore([cancelled('ThrottlingError', 'None')]);
    await expect(store.write(transaction)).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', effect: 'none' });
    expect(requests).toHaveLength(storageLimits.storageRetriesMax + 1);
  });

  test('that conflicts for good is a fault of storage without effect', async () => {
    const { store } = await openStore([cancelled('TransactionConflict', 'None')]);
    await expect(store.write(transaction)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
  });

  test('that is still running under its token may have been applied', async () => {
    const { store, requests } = await openStore([refusal('TransactionInProgressException')]);
    await expect(store.write(transaction)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'unknown' });
    expect(requests).toHaveLength(1);
  });
});

describe('a read', () => {
  const item: Step = { status: 200, body: JSON.stringify({ Item: { pk: { S: 'p' }, sk: { S: 's' }, n: { N: '7' } } }) };

  test('is repeated whatever became of it', async () => {
    const script: Step[] = [failure, 'reset', 'silence', 'cut', refusal('ThrottlingException'), item];
    const { store, requests } = await openStore(script);
    expect(await store.get(key, 'strong')).toEqual({ n: 7 });
    expect(requests).toHaveLength(script.length);
  });

  test('that fails for good is a fault without effect', async () => {
    const { store, requests } = await openStore([failure]);
    const fault = { code: 'KAFKA_STORAGE_ERROR', effect: 'none' };
    await expect(store.query({ pk: 'p', limit: 1, consistency: 'eventual' })).rejects.toMatchObject(fault);
    expect(requests).toHaveLength(storageLimits.storageRetriesMax + 1);
  });

  test('asks for the consistency that it is to have', async () => {
    const { store, requests } = await openStore([item]);
    await store.get(key, 'strong');
    await store.get(key, 'eventual');
    const asked = requests.map(({ body }) => (JSON.parse(body) as { ConsistentRead: boolean }).ConsistentRead);
    expect(asked).toEqual([true, false]);
  });

  test('of a value that Millrace never writes is a fault, not a guess', async () => {
    const { store } = await openStore([{ status: 200, body: JSON.stringify({ Item: { n: { NULL: true } } }) }]);
    await expect(store.get(key, 'strong')).rejects.toMatchObject({ code: 'UNKNOWN_SERVER_ERROR' });
  });
});
