/** The S3 adapter on a directory bucket: what it sends, and what it makes of the answers. */
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { createS3ObjectStore } from '../../../lib/storage/objects/s3.ts';
import { createS3Client } from '../../../lib/storage/objects/s3-sessions.ts';
import { type ScriptedServer, type Step, startScriptedServer } from '../../support/scripted-server.ts';

const BUCKET = 'acme--usw2-az1--x-s3';

function session(endMs = Date.now() + 300_000): Step {
  const fields = [
    '<SessionToken>TOKEN</SessionToken><SecretAccessKey>s</SecretAccessKey><AccessKeyId>ASIA</AccessKeyId>',
    `<Expiration>${new Date(endMs).toISOString()}</Expiration>`,
  ];
  const body = `<CreateSessionResult><Credentials>${fields.join('')}</Credentials></CreateSessionResult>`;
  return { status: 200, body };
}

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

async function openStore(script: Step[], prefix?: string) {
  const server: ScriptedServer = await startScriptedServer(script);
  const client = createS3Client({
    environment: { AWS_ENDPOINT_URL: server.endpoint },
    clock: systemClock,
    region: 'us-west-2',
    config: { endpoint: server.endpoint, credentials: { accessKeyId: 'AKIA', secretAccessKey: 'b' } },
  });
  close = async () => {
    client.destroy();
    await server.close();
  };
  const store = createS3ObjectStore({ client, bucket: BUCKET, prefix, clock: systemClock, random: seededRandom(1) });
  return { store, requests: server.requests };
}

const listing = (keys: string[], next = ''): Step => {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>3</Size></Contents>`).join('');
  return { status: 200, body: `<ListBucketResult>${contents}${next}</ListBucketResult>` };
};

describe('in a directory bucket', () => {
  test('one session signs all requests', async () => {
    const { store, requests } = await openStore([session(), { status: 200 }]);
    await Promise.all([store.put('a', [Buffer.from('abc')]), store.put('b', [Buffer.from('abc')])]);
    await store.delete(['a']);
    const [first, ...others] = requests;
    expect(first).toMatchObject({ method: 'GET', url: expect.stringContaining('?session') });
    expect(first?.headers.authorization).toMatch(/Credential=AKIA\/\d+\/us-west-2\/s3express\//);
    expect(others.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'POST']);
    for (const { headers } of others) {
      expect(headers['x-amz-s3session-token']).toBe('TOKEN');
      expect(headers.authorization).toMatch(/Credential=ASIA\/\d+\/us-west-2\/s3express\//);
    }
  });

  test('a session that is refused is a fault of the request', async () => {
    const denied: Step = { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' };
    const { store, requests } = await openStore([denied]);
    const fault = { code: 'KAFKA_STORAGE_ERROR', message: expect.stringContaining('AccessDenied') };
    await expect(store.put('a', [Buffer.from('abc')])).rejects.toMatchObject(fault);
    await expect(store.presign('a', { start: 0, end: 5 }, 1_000)).rejects.toMatchObject(fault);
    expect(requests).toHaveLength(2);
  });

  test('a session that fails for a moment is asked for again', async () => {
    const busy: Step = { status: 503, body: '<Error><Code>SlowDown</Code></Error>' };
    const { store, requests } = await openStore([busy, session(), { status: 200 }]);
    await store.put('a', [Buffer.from('abc')]);
    expect(requests.map(({ method }) => method)).toEqual(['GET', 'GET', 'PUT']);
  });

  test('a list asks for a folder, and leaves out what does not begin with the prefix', async () => {
    const page = listing(['in/x/2b', 'in/x/1a', 'in/x/2a'], '<NextContinuationToken>more</NextContinuationToken>');
    const { store, requests } = await openStore([session(), page, listing(['in/x/2c'])], 'in/');
    const names = [
      { name: 'x/2b', bytes: 3 },
      { name: 'x/2a', bytes: 3 },
    ];
    expect(await store.list('x/2')).toEqual({ objects: names, next: 'more' });
    expect(await store.list('x/2', 'more')).toEqual({ objects: [{ name: 'x/2c', bytes: 3 }] });
    const asked = requests.slice(1).map(({ url }) => new URL(url, 'http://s3').searchParams);
    expect(asked.map((query) => query.get('prefix'))).toEqual(['in/x/', 'in/x/']);
    expect(asked.map((query) => query.get('continuation-token'))).toEqual([null, 'more']);
    expect(asked.some((query) => query.has('start-after') || query.has('delimiter'))).toBe(false);
  });

  test('an object has one class of storage, and nothing is asked to say so', async () => {
    const { store, requests } = await openStore([session()]);
    expect(await store.archive('a', 'STANDARD_IA')).toBe('unsupported');
    expect(requests).toEqual([]);
  });

  test('parts of an upload are signed with the session, and numbered from 1 on', async () => {
    const begun: Step = {
      status: 200,
      body: '<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>',
    };
    const part: Step = { status: 200, headers: { etag: '"e"' } };
    const completed: Step = {
      status: 200,
      body: '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>',
    };
    const { store, requests } = await openStore([session(), begun, part, part, completed]);
    const upload = store.upload('a');
    await upload.write([new Uint8Array(storageLimits.uploadPartBytes + 1)]);
    await upload.finish();
    expect(requests.map(({ method }) => method)).toEqual(['GET', 'POST', 'PUT', 'PUT', 'POST']);
    for (const { headers } of requests.slice(1)) expect(headers['x-amz-s3session-token']).toBe('TOKEN');
    expect(requests[4]?.body).toMatch(/<PartNumber>1<.*<PartNumber>2</s);
  });

  test('a URL carries the session, signs its range, and ends with the session at the latest', async () => {
    const endMs = Math.floor(Date.now() / 1_000) * 1_000 + 90_000;
    const { store } = await openStore([session(endMs)]);
    const long = await store.presign('a', { start: 0, end: 5 }, 600_000);
    expect(long.expiresAtMs).toBe(endMs);
    const query = new URL(long.url).searchParams;
    expect(query.get('X-Amz-S3session-Token')).toBe('TOKEN');
    expect(query.get('X-Amz-SignedHeaders')).toBe('host;range');
    const short = await store.presign('a', { start: 0, end: 5 }, 10_000);
    expect(short.expiresAtMs).toBeLessThan(endMs - 60_000);
  });
});
