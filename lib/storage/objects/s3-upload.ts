/**
 * An upload to S3 in parts (CreateMultipartUpload, UploadPart, CompleteMultipartUpload), in both kinds of buckets.
 *
 * - Requests: one put where it is one part; else one for each part and two more. All of them are billed as puts, but
 *   for the one of an abort, which is free. Parts have up to `storageLimits.uploadPartBytes` in memory, of which 256
 *   MiB take 45 requests, and where there is a spool as much as that has room for, of which they take one.
 * - Memory: the part that is being filled, unless it is on disk, and those on their way, whose number is bounded for
 *   all uploads of a store.
 * - Each part comes with its CRC-32C, and is sent again as a put is. The completion names all of them, so that the
 *   object is made of these bytes or not at all.
 * - Two uploads of one name do not see each other: the object is that of the last one that was completed.
 * - What a crash leaves is billed, and listed nowhere, until the bucket's rule for incomplete uploads removes it.
 */
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { assert } from '../../kernel/assert.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { Part, type UploadPart } from './part.ts';
import { callS3, callS3ForLong, causeName, type S3Calling } from './s3-call.ts';
import type { Spool } from './spool.ts';
import { SpooledPart } from './spooled-part.ts';
import type { UploadSteps } from './upload.ts';

export interface S3UploadParts extends S3Calling {
  client: S3Client;
  object: { Bucket: string; Key: string };
  /** Where parts are kept while they are filled; in memory where there is none. */
  spool?: Spool | undefined;
  /** Parts of all uploads of the store. They never reject. */
  inFlight: Set<Promise<void>>;
}

export class S3Upload implements UploadSteps {
  private readonly with: S3UploadParts;
  private readonly sent: Promise<CompletedPart>[] = [];
  /** That is being filled. */
  private part: UploadPart | undefined;
  private uploadId: string | undefined;
  private bytes = 0;
  private failed: { error: unknown } | undefined;

  constructor(parts: S3UploadParts) {
    this.with = parts;
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      this.bytes += chunk.length;
      assert(this.bytes <= storageLimits.uploadBytesMax, `an object has at most ${storageLimits.uploadBytesMax} bytes`);
      for (let at = 0; at < chunk.length; ) {
        // A full part is kept until there is more: it may be all, and is then put at once.
        if (this.part?.isFull === true) await this.send(this.part);
        this.part ??= await this.newPart();
        at += await this.part.fill(chunk.subarray(at));
      }
    }
  }

  async finish(): Promise<void> {
    const part = this.part ?? new Part();
    if (this.sent.length === 0) return this.put(part);
    await this.send(part);
    await this.complete(await Promise.all(this.sent));
  }

  async drop(): Promise<void> {
    this.part?.release();
    this.part = undefined;
    // A part that is on its way could arrive after the abort, and stay.
    await Promise.allSettled(this.sent);
    const { client, object } = this.with;
    const { uploadId } = this;
    if (uploadId === undefined) return;
    const command = new AbortMultipartUploadCommand({ ...object, UploadId: uploadId });
    // What cannot be removed now is left to the bucket's rule, as after a crash.
    await callS3(this.with, 'the end of an upload to S3', (options) => client.send(command, options)).catch(() => {});
  }

  private async newPart(): Promise<UploadPart> {
    const { spool } = this.with;
    return (spool && (await SpooledPart.open(spool))) ?? new Part();
  }

  /** Waits until the part is on its way. */
  private async send(part: UploadPart): Promise<void> {
    this.uploadId ??= await this.begin();
    await this.turn();
    if (this.failed !== undefined) throw this.failed.error;
    this.part = undefined;
    this.sent.push(this.track(this.uploadPart(this.uploadId, this.sent.length + 1, part)));
  }

  /** The whole object. */
  private async put(part: UploadPart): Promise<void> {
    await this.turn();
    const { client, object } = this.with;
    const request = { ...object, ...part.describe() };
    const putting = this.sendPart(part, 'a put to S3', (options) =>
      client.send(new PutObjectCommand({ ...request, Body: part.body() }), options),
    );
    await this.track(putting);
    this.part = undefined;
  }

  private async turn(): Promise<void> {
    const { inFlight } = this.with;
    while (inFlight.size >= storageLimits.uploadPartsInFlightMax) await Promise.race(inFlight);
  }

  private track<T>(sending: Promise<T>): Promise<T> {
    const { inFlight } = this.with;
    const settled: Promise<void> = sending.then(
      () => void inFlight.delete(settled),
      (error: unknown) => {
        inFlight.delete(settled);
        this.failed ??= { error };
      },
    );
    inFlight.add(settled);
    return sending;
  }

  /** One that is large takes its time. */
  private async sendPart<T>(part: UploadPart, what: string, send: Parameters<typeof callS3<T>>[2]): Promise<T> {
    const call = part instanceof SpooledPart ? callS3ForLong : callS3;
    try {
      return await call(this.with, what, send);
    } finally {
      part.release();
    }
  }

  private async begin(): Promise<string> {
    const { client, object } = this.with;
    const command = new CreateMultipartUploadCommand({ ...object, ChecksumAlgorithm: 'CRC32C' });
    const { UploadId } = await callS3(this.with, 'the start of an upload to S3', (options) =>
      client.send(command, options),
    );
    assert(UploadId !== undefined, 'S3 gives an upload an id');
    return UploadId;
  }

  private async uploadPart(UploadId: string, PartNumber: number, part: UploadPart): Promise<CompletedPart> {
    const { client, object } = this.with;
    const request = { ...object, UploadId, PartNumber, ...part.describe() };
    const { ETag } = await this.sendPart(part, 'an upload of a part to S3', (options) =>
      client.send(new UploadPartCommand({ ...request, Body: part.body() }), options),
    );
    return { PartNumber, ETag, ChecksumCRC32C: request.ChecksumCRC32C };
  }

  private async complete(Parts: CompletedPart[]): Promise<void> {
    const { client, object } = this.with;
    const UploadId = this.uploadId;
    const command = new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } });
    try {
      await callS3ForLong(this.with, 'the completion of an upload to S3', (options) => client.send(command, options));
    } catch (error) {
      // Servers other than S3 answer so when they are asked again after an answer that was lost.
      if (causeName(error) !== 'NoSuchUpload' || !(await this.isThere())) throw error;
    }
  }

  private async isThere(): Promise<boolean> {
    const { client, object } = this.with;
    try {
      const { ContentLength } = await callS3(this.with, 'a head of S3', (options) =>
        client.send(new HeadObjectCommand(object), options),
      );
      return ContentLength === this.bytes;
    } catch (error) {
      if (causeName(error) === 'NotFound') return false;
      throw error;
    }
  }
}
