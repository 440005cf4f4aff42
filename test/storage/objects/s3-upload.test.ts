/** Uploads to S3: what they send, and what they make of the answers. */
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { Spool } from '../../../lib/storage/objects/spool.ts';
import { closeScriptedS3, openScriptedS3 } from '../../support/scripted-s3.ts';
import type { Step } from '../../support/scripted-server.ts';

const begun: Step = {
  status: 200,
  body: '<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>',
};
const part: Step = { status: 200, headers: { etag: '"e"' } };
const completed: Step = {
  status: 200,
  body: '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>',
};
const slowDown: Step = { status: 503, body: '<Error><Code>SlowDown</Code></Error>' };
const denied: Step = { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' };
const noSuchUpload: Step = { status: 404, body: '<Error><Code>NoSuchUpload</Code></Error>' };
/** S3 has answered with success before it knew. */
const lateError: Step = { status: 200, body: '<Error><Code>InternalError</Code></Error>' };
const gone: Step = { status: 204 };

const PART = storageLimits.uploadPartBytes;
const bytes = new Uint8Array(2 * PART + 5).map((_, index) => (index * 2_654_435_761) >>> 24);

/** Method and what is asked for, as `PUT part 2`. */
function asked({ method, url }: { method: string; url: string }): string {
  const query = new URL(url, 'http://s3').searchParams;
  if (query.has('uploads')) return `${method} begin`;
  if (query.has('partNumber')) return `${method} part ${query.get('partNumber')}`;
  return query.has('uploadId') ? `${method} upload` : method;
}

function checksumOf(chunk: Uint8Array): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(chunk));
  return checksum.toString('base64');
}

/** Parts take longer to send than the few bytes of other tests. */
const WITHOUT_HURRY = { attemptMsMax: 10_000 };

afterEach(closeScriptedS3);

async function uploadAll(script: Step[], length = bytes.length) {
  const { store, requests } = await openScriptedS3(script, WITHOUT_HURRY);
  const upload = store.upload('a/b');
  const ending = (async () => {
    await upload.write([bytes.subarray(0, length)]);
    await upload.finish();
  })();
  return { ending, requests };
}

describe('an upload', () => {
  test.each([0, 5, PART - 1, PART])('of %d bytes is one put', async (length) => {
    const { ending, requests } = await uploadAll([{ status: 200 }], length);
    await ending;
    expect(requests.map(asked)).toEqual(['PUT']);
    expect(requests[0]?.headers).toMatchObject({
      'content-length': String(length),
      'x-amz-checksum-crc32c': checksumOf(bytes.subarray(0, length)),
    });
  });

  test('of more than a part is its parts and two requests more', async () => {
    const { ending, requests } = await uploadAll([begun, part, part, part, completed]);
    await ending;
    expect(requests.map(asked).sort()).toEqual(
      ['POST begin', 'POST upload', 'PUT part 1', 'PUT part 2', 'PUT part 3'].sort(),
    );
    expect(requests[0]?.headers['x-amz-checksum-algorithm']).toBe('CRC32C');
    const chunks = [bytes.subarray(0, PART), bytes.subarray(PART, 2 * PART), bytes.subarray(2 * PART)];
    for (const [index, chunk] of chunks.entries()) {
      const sent = requests.find((request) => asked(request) === `PUT part ${index + 1}`);
      expect(sent?.headers).toMatchObject({
        'content-length': String(chunk.length),
        'x-amz-checksum-crc32c': checksumOf(chunk),
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      });
      expect(Buffer.compare(Buffer.from(sent?.body ?? '', 'latin1'), chunk)).toBe(0);
      expect(requests.at(-1)?.body).toContain(`<ChecksumCRC32C>${checksumOf(chunk)}</ChecksumCRC32C>`);
    }
    const numbers = [...(requests.at(-1)?.body ?? '').matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => number);
    expect(numbers).toEqual(['1', '2', '3']);
  });

  test('sends a request again, whatever became of it', async () => {
    const length = PART + 1;
    const script: Step[] = [slowDown, begun, 'reset', part, slowDown, part, lateError, completed];
    const { ending, requests } = await uploadAll(script, length);
    await ending;
    expect(requests).toHaveLength(script.length);
    expect(requests.map(asked).slice(-2)).toEqual(['POST upload', 'POST upload']);
  });

  test('whose parts are refused fails with that, and removes them', async () => {
    const { ending, requests } = await uploadAll([begun, denied, denied, denied, gone]);
    await expect(ending).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
    expect(asked(requests.at(-1) as (typeof requests)[number])).toBe('DELETE upload');
    expect(requests.map(asked)).not.toContain('POST upload');
  });

  test('whose end is refused fails also where its parts cannot be removed', async () => {
    const { ending, requests } = await uploadAll([begun, part, part, denied, denied], PART + 1);
    await expect(ending).rejects.toThrow('AccessDenied');
    expect(requests.map(asked).slice(-2)).toEqual(['POST upload', 'DELETE upload']);
  });
});

describe('a completion whose answer was lost', () => {
  const script: Step[] = [begun, part, part, 'reset', noSuchUpload];
  const object = (length: number): Step => ({ status: 200, headers: { 'content-length': String(length) } });

  test('is no fault where the object is there', async () => {
    const { ending, requests } = await uploadAll([...script, object(PART + 1)], PART + 1);
    await ending;
    expect(requests.map(asked).slice(-3)).toEqual(['POST upload', 'POST upload', 'HEAD']);
  });

  test.each<[string, Step]>([
    ['is not there', { status: 404 }],
    ['has another size', object(PART)],
  ])('is one where the object %s', async (_, answer) => {
    const { ending } = await uploadAll([...script, answer, gone], PART + 1);
    await expect(ending).rejects.toThrow('NoSuchUpload');
  });
});

test('an abort before anything was sent sends nothing', async () => {
  const { store, requests } = await openScriptedS3([denied]);
  const upload = store.upload('a');
  await upload.write([bytes.subarray(0, PART)]);
  await upload.abort();
  expect(requests).toEqual([]);
});

test('writes wait while as many parts of all uploads are on their way as may be', async () => {
  const { store, requests } = await openScriptedS3([begun, begun, 'silence'], {
    attemptMsMax: 2_000,
    callMsMax: 2_000,
  });
  const uploads = [store.upload('a'), store.upload('b')];
  let settled = 0;
  const endings = uploads.map(async (upload) => {
    for (let parts = 0; parts < 7; parts++) {
      await upload.write([bytes.subarray(0, PART)]);
      settled++;
    }
  });
  const ended = Promise.allSettled(endings);
  const sent = () => new Set(requests.filter(({ method }) => method === 'PUT').map(({ url }) => url));
  await vi.waitFor(() => expect(sent().size).toBe(storageLimits.uploadPartsInFlightMax), { timeout: 1_900 });
  // Those on their way, and one in each upload.
  expect(settled).toBe(storageLimits.uploadPartsInFlightMax + uploads.length);
  for (const ending of await ended) expect(ending).toMatchObject({ status: 'rejected' });
});

describe('an upload through a spool', () => {
  test('is one put, whatever its size, and sent again as a whole', async () => {
    const spool = new Spool({ directory: tmpdir(), bytesMax: 4 * PART });
    const { store, requests } = await openScriptedS3([slowDown, { status: 200 }], { ...WITHOUT_HURRY, spool });
    const upload = store.upload('a/b');
    await upload.write([bytes]);
    await upload.finish();
    expect(requests.map(asked)).toEqual(['PUT', 'PUT']);
    for (const { headers, body } of requests) {
      expect(headers).toMatchObject({
        'content-length': String(bytes.length),
        'x-amz-checksum-crc32c': checksumOf(bytes),
      });
      expect(Buffer.compare(Buffer.from(body, 'latin1'), bytes)).toBe(0);
    }
    expect(spool.reserve(spool.bytesMax)).toBe(true);
  });

  test('goes in parts, from disk and from memory, where the disk has no room', async () => {
    const spool = new Spool({ directory: tmpdir(), bytesMax: PART });
    const { store, requests } = await openScriptedS3([begun, part, part, part, completed], { ...WITHOUT_HURRY, spool });
    const upload = store.upload('a/b');
    await upload.write([bytes]);
    await upload.finish();
    expect(requests.map(asked).sort()).toEqual(
      ['POST begin', 'POST upload', 'PUT part 1', 'PUT part 2', 'PUT part 3'].sort(),
    );
    expect(spool.reserve(spool.bytesMax)).toBe(true);
  });

  test('that is aborted or refused gives back its room', async () => {
    const spool = new Spool({ directory: tmpdir(), bytesMax: 4 * PART });
    const { store } = await openScriptedS3([denied], { ...WITHOUT_HURRY, spool });
    const aborted = store.upload('a/b');
    await aborted.write([bytes]);
    await aborted.abort();
    const refused = store.upload('a/c');
    await refused.write([bytes]);
    await expect(refused.finish()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(spool.reserve(spool.bytesMax)).toBe(true);
  });
});
