import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';
import { createS3ObjectStore, s3ClientConfig } from '../../../lib/storage/objects/s3.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { closeScriptedS3, openScriptedS3 } from '../../support/scripted-s3.ts';
import type { Step } from '../../support/scripted-server.ts';

const ok: Step = { status: 200 };
const slowDown: Step = { status: 503, body: '<Error><Code>SlowDown</Code><Message>slow</Message></Error>' };
const failure: Step = { status: 500, body: '<Error><Code>InternalError</Code></Error>' };
const denied: Step = { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' };

afterEach(closeScriptedS3);

describe('a server that never answers', () => {
  const calls: [string, (store: ObjectStore) => Promise<unknown>][] = [
    ['put', (store) => store.put('a', [Buffer.from('abc')])],
    ['getRange', (store) => store.getRange('a')],
    ['delete', (store) => store.delete(['a'])],
    ['list', (store) => store.list('a/')],
  ];

  test.each(calls)('ends a %s in its time, with a fault that may be tried again', async (_, call) => {
    const { store, requests } = await openScriptedS3(['silence'], { callMsMax: 500 });
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
    const { store } = await openScriptedS3(['stall'], { callMsMax: 500 });
    const began = performance.now();
    await expect(store.getRange('a')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  test('at first, and then does, is no fault', async () => {
    const { store, requests } = await openScriptedS3(['silence', ok], { callMsMax: 5_000 });
    await store.put('a', [Buffer.from('abc')]);
    expect(requests).toHaveLength(2);
  });
});

describe('a put', () => {
  const chunks = [Buffer.from('abc'), Buffer.from('defg')];

  test('sends its length and CRC-32C, and neither hashes nor frames its body', async () => {
    const { store, requests } = await openScriptedS3([ok]);
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
    const { store, clock, requests } = await openScriptedS3([slowDown, failure, 'reset', 'silence', ok]);
    await store.put('a', chunks);
    expect(requests.map(({ body }) => body)).toEqual(Array.from({ length: 5 }, () => 'abcdefg'));
    expect(clock.slept).toHaveLength(4);
  });

  test('that is throttled for good is a throttle', async () => {
    const { store, requests } = await openScriptedS3([slowDown]);
    await expect(store.put('a', chunks)).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    expect(requests).toHaveLength(storageLimits.storageRetriesMax + 1);
  });

  test('that is not allowed is a fault, and not sent again', async () => {
    const { store, requests } = await openScriptedS3([denied]);
    const fault = { code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining('AccessDenied') };
    await expect(store.put('a', chunks)).rejects.toMatchObject(fault);
    expect(requests).toHaveLength(1);
  });
});

describe('a get', () => {
  test('whose body ends early is made again', async () => {
    const { store, requests } = await openScriptedS3(['cut', 'cut', { status: 200, body: '0123456789' }]);
    expect(await store.getRange('a')).toEqual(new Uint8Array(Buffer.from('0123456789')));
    expect(requests).toHaveLength(3);
  });

  test('of a missing object is made once', async () => {
    const { store, requests } = await openScriptedS3([{ status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' }]);
    expect(await store.getRange('a', { start: 5, end: 8 })).toBeUndefined();
    expect(requests).toMatchObject([{ headers: { range: 'bytes=5-7' } }]);
  });

  test('from a server that refuses a tail longer than the object asks for the whole', async () => {
    const refused: Step = { status: 416, body: '<Error><Code>InvalidRange</Code></Error>' };
    const { store, requests } = await openScriptedS3([refused, { status: 200, body: 'abc' }]);
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
    const { store, requests } = await openScriptedS3([partly, done]);
    await store.delete(['a', 'b']);
    expect(requests).toHaveLength(2);
    expect(requests[1]?.body).toContain('<Key>in/a</Key>');
  });

  test('of which an object may not be deleted is a fault', async () => {
    const forbidden: Step = {
      status: 200,
      body: '<DeleteResult><Error><Key>in/b</Key><Code>AccessDenied</Code></Error></DeleteResult>',
    };
    const { store, requests } = await openScriptedS3([forbidden]);
    await expect(store.delete(['a', 'b'])).rejects.toThrow('AccessDenied');
    expect(requests).toHaveLength(1);
  });
});

describe('archiving', () => {
  const head = (storageClass?: string): Step => ({
    status: 200,
    headers: { 'content-length': '3', ...(storageClass && { 'x-amz-storage-class': storageClass }) },
  });
  const copied: Step = { status: 200, body: '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>' };
  const missing: Step = { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' };
  const unchanged: Step = { status: 400, body: '<Error><Code>InvalidRequest</Code></Error>' };

  test('copies the object onto itself', async () => {
    const { store, requests } = await openScriptedS3([head(), copied]);
    expect(await store.archive('a/b', 'GLACIER_IR')).toBe('archived');
    expect(requests.map(({ method }) => method)).toEqual(['HEAD', 'PUT']);
    expect(requests[1]?.url).toMatch(/^\/bucket\/in\/a\/b\b/);
    expect(requests[1]?.headers).toMatchObject({
      'x-amz-copy-source': 'bucket/in/a/b',
      'x-amz-storage-class': 'GLACIER_IR',
    });
  });

  test('asks for an object that is archived already, and does not copy it again', async () => {
    const { store, requests } = await openScriptedS3([head('STANDARD_IA')]);
    expect(await store.archive('a', 'STANDARD_IA')).toBe('archived');
    expect(requests.map(({ method }) => method)).toEqual(['HEAD']);
  });

  test('moves an object from one class to another', async () => {
    const { store, requests } = await openScriptedS3([head('STANDARD_IA'), copied]);
    expect(await store.archive('a', 'GLACIER_IR')).toBe('archived');
    expect(requests).toHaveLength(2);
  });

  test.each<[string, Step[]]>([
    ['before', [{ status: 404 }]],
    ['meanwhile', [head(), missing]],
  ])('says that an object is missing that was deleted %s', async (_, script) => {
    const { store } = await openScriptedS3(script);
    expect(await store.archive('a', 'STANDARD_IA')).toBe('missing');
  });

  test('takes a copy that changes nothing for the one whose answer was lost', async () => {
    const { store } = await openScriptedS3([head(), 'reset', unchanged, head('STANDARD_IA')]);
    expect(await store.archive('a', 'STANDARD_IA')).toBe('archived');
  });

  test('that is refused for another reason is a fault', async () => {
    const { store } = await openScriptedS3([head(), unchanged, head()]);
    await expect(store.archive('a', 'STANDARD_IA')).rejects.toThrow('InvalidRequest');
  });
});

test('a URL is signed by version 4, as S3 demands of objects under KMS keys, and for its range alone', async () => {
  const { store } = await openScriptedS3([]);
  const { url, headers } = await store.presign('a', { start: 2, end: 5 }, 60_000);
  const { searchParams } = new URL(url);
  expect(searchParams.get('X-Amz-Algorithm')).toBe('AWS4-HMAC-SHA256');
  expect(searchParams.get('X-Amz-SignedHeaders')).toBe('host;range');
  expect(headers).toEqual({ range: 'bytes=2-4' });
});

test('a URL lets caches keep what it serves for as long as it works', async () => {
  const { store } = await openScriptedS3([]);
  const { url } = await store.presign('a', { start: 2, end: 5 }, storageLimits.presignedUrlMs);
  const { searchParams } = new URL(url);
  expect(searchParams.get('response-cache-control')).toBe('public, max-age=900, immutable');
  expect(searchParams.get('X-Amz-Expires')).toBe('900');
});

test('URLs of one range within five minutes are one, which is signed at their beginning', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 23, 57, 30));
  const client = new S3Client({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  const store = createS3ObjectStore({ client, bucket: 'bucket', clock, random: seededRandom(1) });
  const presign = () => store.presign('a', { start: 2, end: 5 }, storageLimits.presignedUrlMs);
  const first = await presign();
  expect(new URL(first.url).searchParams.get('X-Amz-Date')).toBe('20260101T235500Z');
  expect(first.expiresAtMs).toBe(Date.UTC(2026, 0, 2, 0, 10));
  await clock.advance(149_999);
  expect(await presign()).toEqual(first);
  expect((await store.presign('a', { start: 2, end: 6 }, storageLimits.presignedUrlMs)).url).not.toBe(first.url);
  await clock.advance(1);
  const next = await presign();
  expect(new URL(next.url).searchParams.get('X-Amz-Date')).toBe('20260102T000000Z');
  expect(next.expiresAtMs).toBe(first.expiresAtMs + 300_000);
});

test('a client for an endpoint uses paths for buckets, and one for AWS does not', () => {
  expect(s3ClientConfig({}).forcePathStyle).toBe(false);
  expect(s3ClientConfig({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' }).forcePathStyle).toBe(true);
});
