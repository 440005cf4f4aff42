/**
 * Objects in an S3 bucket, or in anything that speaks S3.
 *
 * - A put streams its chunks without joining or hashing them: the body is checked by S3 against the CRC-32C sent with
 *   it and signed as `UNSIGNED-PAYLOAD`, over TLS.
 * - Every call does the same however often it is repeated, so that whatever may pass is tried again. The SDK's own
 *   retries are off (`s3ClientConfig`): they end where an answer's body begins, and can't repeat a streamed put.
 * - A call ends in time with all its attempts (`storageLimits.objectCallMsMax`), also where the server says nothing at
 *   all.
 * - S3 is strongly consistent: what was put is read, and listed, at once.
 *
 * In a directory bucket (S3 Express One Zone) a list has no order, takes no place to start after, and takes only
 * prefixes that end with a slash: it is asked for the folder, and what has another beginning is left out here. Requests
 * are signed with sessions, which the client keeps (s3-sessions.ts).
 */
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { assert } from '../../kernel/assert.ts';
import { EMPTY_BYTES } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { Random } from '../../kernel/random.ts';
import type { ArchiveClass } from '../../log/segment/archive-class.ts';
import { OBJECT_CACHE_CONTROL } from '../../log/segment/cache-control.ts';
import { checkObjectName, checkRange, isObjectName, rangeHeader } from './name.ts';
import type { ArchiveOutcome, ByteRange, ListPage, ObjectName, ObjectStore, PresignedUrl, Upload } from './port.ts';
import { bodyOf, describeBody, readBody } from './s3-body.ts';
import { callS3, callS3ForLong, causeName } from './s3-call.ts';
import { isDirectoryBucket, listablePrefix, sessionEndMs } from './s3-directory-bucket.ts';
import { S3Upload } from './s3-upload.ts';
import type { Spool } from './spool.ts';
import { uploadOf } from './upload.ts';
import { signingTimeMs } from './url-life.ts';

export interface S3ObjectStoreOptions {
  /** Made with `s3ClientConfig`. It stays the caller's. */
  client: S3Client;
  bucket: string;
  /** Before every name; empty, or ending with a slash. */
  prefix?: string;
  clock: Clock;
  random: Random;
  /** How long a call may take with all its attempts. */
  callMsMax?: number;
  /** Where uploads are kept until they are sent; in memory where there is none. */
  spool?: Spool | undefined;
}

/**
 * What every client of this adapter is made with. Region and credentials come from the environment by themselves; an
 * endpoint there (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`) means a server that has no host name for each bucket.
 */
export function s3ClientConfig(environment: Readonly<Record<string, string | undefined>>): S3ClientConfig {
  const agent = { keepAlive: true, maxSockets: storageLimits.storageConnectionsMax };
  return {
    maxAttempts: 1,
    forcePathStyle: (environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL) !== undefined,
    // Millrace's formats carry their own checksums, and a put brings one.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It costs a put a round trip, and a connection of its own.
    expectContinueHeader: false,
    // The SDK warns of every failed put that it can't repeat; the adapter can, and reports what it can't.
    logger: SILENT,
    requestHandler: {
      connectionTimeout: storageLimits.storageConnectMsMax,
      requestTimeout: storageLimits.objectCallMsMax,
      throwOnRequestTimeout: true,
      socketTimeout: storageLimits.objectCallMsMax,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

export function createS3ObjectStore(options: S3ObjectStoreOptions): ObjectStore {
  const { prefix = '' } = options;
  assert(prefix === '' || prefix.endsWith('/'), 'the prefix of a bucket ends with a slash');
  return new S3ObjectStore({ ...options, prefix });
}

class S3ObjectStore implements ObjectStore {
  private readonly options: S3ObjectStoreOptions & { prefix: string };
  private readonly partsInFlight = new Set<Promise<void>>();

  constructor(options: S3ObjectStoreOptions & { prefix: string }) {
    this.options = options;
  }

  async put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void> {
    const request = { ...this.object(name), ...describeBody(chunks) };
    await callS3(this.options, 'a put to S3', (options) => {
      const command = new PutObjectCommand({ ...request, Body: bodyOf(chunks, request.ContentLength) });
      return this.options.client.send(command, options);
    });
  }

  upload(name: ObjectName): Upload {
    return uploadOf(new S3Upload({ ...this.options, object: this.object(name), inFlight: this.partsInFlight }));
  }

  async getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined> {
    if (range === undefined) return (await this.get(name))?.bytes;
    checkRange(range);
    // HTTP has no range of no bytes; whether the object is there is still a question.
    if (range.start === range.end) return this.exists(name);
    return (await this.get(name, rangeHeader(range)))?.bytes;
  }

  async getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    assert(Number.isSafeInteger(length) && length > 0, 'a tail has a length of at least 1');
    // Where the object is shorter, S3 answers with all of it; servers that refuse the range are asked for all of it.
    const tail = await this.get(name, `bytes=-${length}`);
    return tail?.objectBytes === 0 ? this.get(name) : tail;
  }

  async delete(names: readonly ObjectName[]): Promise<void> {
    const keys = names.map((name) => ({ Key: this.object(name).Key }));
    for (let start = 0; start < keys.length; start += storageLimits.deleteObjectsMax) {
      await this.deleteBatch(keys.slice(start, start + storageLimits.deleteObjectsMax));
    }
  }

  /**
   * A copy of the object onto itself, which S3 makes without the bytes leaving it: a head and a copy, or a head alone
   * where that was done before. Another copy would count as new in its class, and be billed for the time that it is
   * less old.
   */
  async archive(name: ObjectName, storageClass: ArchiveClass): Promise<ArchiveOutcome> {
    const object = this.object(name);
    if (isDirectoryBucket(object.Bucket)) return 'unsupported';
    const head = await this.head(name);
    if (head === undefined) return 'missing';
    if (head.StorageClass === storageClass) return 'archived';
    const source = [object.Bucket, ...object.Key.split('/')].map(encodeURIComponent).join('/');
    const command = new CopyObjectCommand({ ...object, CopySource: source, StorageClass: storageClass });
    try {
      await callS3ForLong(this.options, 'a copy in S3', (options) => this.options.client.send(command, options));
    } catch (error) {
      const cause = causeName(error);
      if (cause === 'NoSuchKey') return 'missing';
      // A copy that changes nothing is refused: an attempt whose answer was lost has made it.
      if (cause !== 'InvalidRequest' || (await this.head(name))?.StorageClass !== storageClass) throw error;
    }
    return 'archived';
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    const { client, bucket, prefix: before } = this.options;
    const wanted = before + prefix;
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: isDirectoryBucket(bucket) ? listablePrefix(wanted) : wanted,
      MaxKeys: requestLimits.listPageMax,
      ContinuationToken: cursor,
    });
    const { Contents = [], NextContinuationToken: next } = await callS3(this.options, 'a list of S3', (options) =>
      client.send(command, options),
    );
    const objects = Contents.filter(({ Key }) => Key?.startsWith(wanted) === true).map(({ Key = '', Size = 0 }) => {
      return { name: Key.slice(before.length), bytes: Size };
    });
    const page = { objects: objects.filter(({ name }) => isObjectName(name)) };
    return next === undefined ? page : { ...page, next };
  }

  async presign(name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl> {
    checkRange(range);
    assert(range.end > range.start, 'an empty range has no URL');
    const header = rangeHeader(range);
    const signedAtMs = signingTimeMs(this.options.clock.now(), expiresInMs);
    const expiresIn = Math.ceil(expiresInMs / 1_000);
    const { client, bucket } = this.options;
    // Asked before: what the URL is signed with then lasts at least as long.
    const sessionMs = isDirectoryBucket(bucket)
      ? await callS3(this.options, 'a session of S3', () => sessionEndMs(client, bucket))
      : Number.POSITIVE_INFINITY;
    const url = await getSignedUrl(
      client,
      new GetObjectCommand({ ...this.object(name), Range: header, ResponseCacheControl: OBJECT_CACHE_CONTROL }),
      // In seconds. `range` is signed as a header: as a query parameter S3 would not know it.
      {
        expiresIn,
        signingDate: signedAtMs / 1_000,
        unhoistableHeaders: new Set(['range']),
        signableHeaders: new Set(['host', 'range']),
      },
    );
    return { url, headers: { range: header }, expiresAtMs: Math.min(signedAtMs + expiresIn * 1_000, sessionMs) };
  }

  private object(name: ObjectName): { Bucket: string; Key: string } {
    checkObjectName(name);
    return { Bucket: this.options.bucket, Key: this.options.prefix + name };
  }

  /** `undefined` where there is no such object. A range of which the object has nothing is empty. */
  private async get(name: ObjectName, range?: string): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    const command = new GetObjectCommand({ ...this.object(name), Range: range });
    try {
      return await callS3(this.options, 'a get from S3', async (options) =>
        readBody(await this.options.client.send(command, options), options.abortSignal),
      );
    } catch (error) {
      const cause = causeName(error);
      if (cause === 'NoSuchKey') return undefined;
      if (cause === 'InvalidRange') return { bytes: EMPTY_BYTES, objectBytes: 0 };
      throw error;
    }
  }

  private async exists(name: ObjectName): Promise<Uint8Array | undefined> {
    return (await this.head(name)) && EMPTY_BYTES;
  }

  private async head(name: ObjectName): Promise<HeadObjectCommandOutput | undefined> {
    try {
      const command = new HeadObjectCommand(this.object(name));
      return await callS3(this.options, 'a head of S3', (options) => this.options.client.send(command, options));
    } catch (error) {
      if (causeName(error) === 'NotFound') return undefined;
      throw error;
    }
  }

  private async deleteBatch(keys: { Key: string }[]): Promise<void> {
    const command = new DeleteObjectsCommand({ Bucket: this.options.bucket, Delete: { Objects: keys, Quiet: true } });
    await callS3(this.options, 'a delete in S3', async (options) => {
      const { Errors: [first] = [] } = await this.options.client.send(command, options);
      if (first !== undefined) throw new UndeletedObjectError(first.Code);
    });
  }
}

/** One of the objects of a DeleteObjects that was itself answered with 200. */
class UndeletedObjectError extends Error {
  /** In the form of the SDK's errors, so that they are judged alike. */
  readonly $metadata: { httpStatusCode: number };

  constructor(code = 'InternalError') {
    super(code);
    this.name = code;
    this.$metadata = { httpStatusCode: code === 'AccessDenied' ? 403 : 503 };
  }
}
