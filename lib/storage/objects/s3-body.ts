/** The bytes of requests to S3 and of its answers. */
import { addAbortSignal, Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { assert } from '../../kernel/assert.ts';
import { crc32c } from '../../kernel/crc32c.ts';

/** What S3 is told of a body before it comes. */
export interface BodyFacts {
  ContentLength: number;
  ChecksumCRC32C: string;
}

export function describeBody(chunks: readonly Uint8Array[]): BodyFacts {
  let length = 0;
  let checksum = 0;
  for (const chunk of chunks) {
    length += chunk.length;
    checksum = crc32c(chunk, 0, chunk.length, checksum);
  }
  return bodyFacts(length, checksum);
}

export function bodyFacts(length: number, checksum: number): BodyFacts {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(checksum);
  return { ContentLength: length, ChecksumCRC32C: bytes.toString('base64') };
}

/** A stream is used up by one attempt. */
export function bodyOf(chunks: readonly Uint8Array[], length: number): Readable | string {
  return length === 0 ? '' : Readable.from(chunks.filter((chunk) => chunk.length > 0));
}

/** Reads the body into one array of its announced length; a connection that ends before is an error to be retried. */
export async function readBody(
  { Body, ContentLength = 0, ContentRange }: GetObjectCommandOutput,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array; objectBytes: number }> {
  const bytes = new Uint8Array(ContentLength);
  let length = 0;
  assert(Body instanceof Readable, 'the SDK for Node answers with a stream');
  // The SDK listens to the signal until the head of an answer is here.
  for await (const chunk of addAbortSignal(signal, Body as Readable) as AsyncIterable<Uint8Array>) {
    if (length + chunk.length <= bytes.length) bytes.set(chunk, length);
    length += chunk.length;
  }
  if (length !== bytes.length) throw new CutBodyError(`${length} bytes came of ${bytes.length}`);
  const total = ContentRange === undefined ? undefined : /\/(\d+)$/.exec(ContentRange)?.[1];
  return { bytes, objectBytes: total === undefined ? bytes.length : Number(total) };
}

/** The connection ended in the middle of an answer. */
class CutBodyError extends Error {
  override readonly name = 'CutBodyError';
  /** In the form of the network's errors, so that it is judged like them. */
  readonly code = 'ERR_CUT_BODY';
}
