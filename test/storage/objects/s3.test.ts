import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { limits } from '../../../lib/kernel/limits.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';
import { createS3ObjectStore, s3ClientConfig } from '../../../lib/storage/objects/s3.ts';
import { impatientClock, type ScriptedServer, type Step, startScriptedServer } from '../../support/scripted-server.ts';

const ok: Step = { status: 200 };
const slowDown: Step = { status: 503, body: '<Error><Code>SlowDown</Code><Message>slow</Message></Error>' };
const failure: Step = { status: 500, body: '<Error><Code>InternalError</Code></Error>' };
const denied: Step = { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' };

let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function openStore(script: Step[], callMsMax: number = limits.objectCallMsMax) {
  const running = await startScriptedServer(script);
  server = running;
  const config = s3ClientConfig({ AWS_ENDPOINT_URL: running.endpoint });
  const client = new S3Client({
    ...config,
    requestHandler: { ...config.requestHandler, requestTimeout: 200 },
    endpoint: running.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  const impatient = impatientClock();
  // The pauses pass at once; a call's time is real.
  const sleep = (ms: number, signal?: AbortSignal) =>
    ms === callMsMax ? systemClock.sleep(ms, signal) : impatient.sleep(ms);
  const clock = { ...impatient, sleep };
  const random = seededRandom(1);
  const store = createS3ObjectStore({ client, bucket: 'bucket', prefix: 'in/', clock, random, callMsMax });
  return { store, clock, requests: running.requests };
}

describe('a server that never answers', () => {
  const calls: [string, (store: ObjectStore) => Promise<unknown>][] = [
    ['put', (store) => store.put('a', [Buffer.from('abc')])],
    ['getRange', (store) => store.getRange('a')],
    ['delete', (store) => store.delete(['a'])],
    ['list', (store) => store.list('a/')],
  ];

  test.each(calls)('ends a %s in its time, with a fault that may be tried again', async (_, call) => {
    const { store, requests } = await openStore(['silence'], 500);
    const began = performance.now();
    await expect(call(store)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none', retriable: true });
    const tookMs = performance.now() - began;
    expect(tookMs).toBeGreaterThan(450);
    expect(tookMs).toBeLessThan(1_500);
    // Each attempt has 200 ms here.
    expect(requests.length).toBeGreaterThanOrEqual(2);
    expect(requests.length).toBeLessThanOrEqual(3);
  });

  test('in the middle of an object ends the read in its time', async () => {
    const { store } = await openStore(['stall'], 500);
    const began = performance.now();
    await expect(store.getRange('a')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  test('at first, and then does, is no fault', async () => {
    const { store, requests } = await openStore(['silence', ok], 5_000);
    await store.put('a', [Buffer.from('abc')]);
    expect(requests).toHaveLength(2);
  });
});

describe('a put', () => {
  const chunks = [Buffer.from('abc'), Buffer.from('defg')];

  test('sends its length and CRC-32C, and neither hashes nor frames its body', async () => {
    const { store, requests } = await openStore([ok]);
    await store.put('a/b', chunks);
    const [request] = requests;
    expect(request).toMatchObject({ method: 'PUT', body: 'abcdefg' });
    expect(request?.url).toMatch(/^\/bucket\/in\/a\/b\b/);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32c(Buffer.from('abcdefg')));
    expect(request?.headers).toMatchObject({
      'content-length': '7',
      'x-amz-checksum-crc32c': checksum.toString('base64'),
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    });
    expect(request?.headers).not.toHaveProperty('expect');
    expect(request?.headers).not.toHaveProperty('transfer-encoding');
  });

  test('is sent again, whole, whatever became of it', async () => {
    const { store, clock, requests } = await openStore([slowDown, failure, 'reset', 'silence', ok]);
    await store.put('a', chunks);
    expect(requests.map(({ body }) => body)).toEqual(Array.from({ length: 5 }, () => 'abcdefg'));
    expect(clock.slept).toHaveLength(4);
  });

  test('that is throttled for good is a throttle', async () => {
    const { store, requests } = await openStore([slowDown]);
    await expect(store.put('a', chunks)).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    expect(requests).toHaveLength(limits.storageRetriesMax + 1);
  });

  test('that is not allowed is a fault, and not sent again', async () => {
    const { store, requests } = await openStore([denied]);
    const fault = { code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining('AccessDenied') };
    await expect(store.put('a', chunks)).rejects.toMatchObject(fault);
    expect(requests).toHaveLength(1);
  });
});

describe('a get', () => {
  test('whose body ends early is made again', async () => {
    const { store, requests } = await openStore(['cut', 'cut', { status: 200, body: '0123456789' }]);
    expect(await store.getRange('a')).toEqual(new Uint8Array(Buffer.from('0123456789')));
    expect(requests).toHaveLength(3);
  });

  test('of a missing object is made once', async () => {
    const { store, requests } = await openStore([{ status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' }]);
    expect(await store.getRange('a', { start: 5, end: 8 })).toBeUndefined();
    expect(requests).toMatchObject([{ headers: { range: 'bytes=5-7' } }]);
  });

  test('from a server that refuses a tail longer than the object asks for the whole', async () => {
    const refused: Step = { status: 416, body: '<Error><Code>InvalidRange</Code></Error>' };
    const { store, requests } = await openStore([refused, { status: 200, body: 'abc' }]);
    expect(await store.getTail('a', 100)).toEqual({ bytes: new Uint8Array(Buffer.from('abc')), objectBytes: 3 });
    expect(requests.map(({ headers }) => headers.range)).toEqual(['bytes=-100', undefined]);
  });
});

describe('a delete', () => {
  const partly: Step = {
    status: 200,
    body: '<DeleteResult><Error><Key>in/b</Key><Code>InternalError</Code></Error></DeleteResult>',
  };
  const done: Step = { status: 200, body: '<DeleteResult></DeleteResult>' };

  test('of which an object failed is made again', async () => {
    const { store, requests } = await openStore([partly, done]);
    await store.delete(['a', 'b']);
    expect(requests).toHaveLength(2);
    expect(requests[1]?.body).toContain('<Key>in/a</Key>');
  });

  test('of which an object may not be deleted is a fault', async () => {
    const forbidden: Step = {
      status: 200,
      body: '<DeleteResult><Error><Key>in/b</Key><Code>AccessDenied</Code></Error></DeleteResult>',
    };
    const { store, requests } = await openStore([forbidden]);
    await expect(store.delete(['a', 'b'])).rejects.toThrow('AccessDenied');
    expect(requests).toHaveLength(1);
  });
});

test('a client for an endpoint uses paths for buckets, and one for AWS does not', () => {
  expect(s3ClientConfig({}).forcePathStyle).toBe(false);
  expect(s3ClientConfig({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' }).forcePathStyle).toBe(true);
});
