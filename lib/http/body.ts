/**
 * A request's body, whole and inflated, at most `requestLimits.requestBodyBytesMax` long whatever its framing claims.
 *
 * On Node's server the bytes are read from the `IncomingMessage` into one buffer: the web
 * `Request` around it would copy them once more. Elsewhere (Lambda, tests) there is only the `Request`.
 */
import { Buffer } from 'node:buffer';
import { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { releaseBytes } from '../kernel/bytes.ts';
import { MillraceError } from '../kernel/errors.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import type { ArrivalDeadlines } from './arrival-deadlines.ts';
import { quoted } from './media-type.ts';
import { malformedRequest } from './problems.ts';

/** The client went away, inside its request or before its answer. Nobody is left to answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

export interface BodySource {
  /** Node's request, where the door has one. */
  incoming: unknown;
  request: Request;
  deadlines: ArrivalDeadlines;
}

export type ContentEncoding = 'identity' | 'gzip' | 'zstd';

const gunzip = promisify(zlib.gunzip);
const zstdDecompress = promisify(zlib.zstdDecompress);

export async function readBody(source: BodySource): Promise<Uint8Array> {
  const encoding = contentEncoding(source.request.headers.get('content-encoding') ?? undefined);
  const announced = source.request.headers.get('content-length');
  if (announced !== null && Number(announced) > requestLimits.requestBodyBytesMax) throw bodyTooLarge();
  const bytes = await arrived(source, announced === null ? undefined : Number(announced));
  return encoding === 'identity' ? bytes : inflate(bytes, encoding);
}

export function contentEncoding(header: string | undefined): ContentEncoding {
  const encoding = header?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === 'gzip' || encoding === 'zstd') return encoding;
  if (encoding === 'x-gzip') return 'gzip'; // RFC 9110, 8.4.1.3: the same.
  throw new MillraceError(
    'UNSUPPORTED_MEDIA_TYPE',
    `Content-Encoding ${quoted(encoding)} is not taken; send gzip, zstd or none`,
  );
}

export function bodyTooLarge(): MillraceError {
  return new MillraceError(
    'REQUEST_TOO_LARGE',
    `a body is at most ${requestLimits.requestBodyBytesMax} bytes, after inflation`,
  );
}

/** Stops at the limit: a bomb costs no more memory than a body may. */
async function inflate(bytes: Uint8Array, encoding: 'gzip' | 'zstd'): Promise<Uint8Array> {
  const options = { maxOutputLength: requestLimits.requestBodyBytesMax };
  try {
    return await (encoding === 'gzip' ? gunzip(bytes, options) : zstdDecompress(bytes, options));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw bodyTooLarge();
    throw malformedRequest(`the body is not valid ${encoding}`);
  }
}

async function arrived(source: BodySource, length: number | undefined): Promise<Uint8Array> {
  const { incoming, request, deadlines } = source;
  // A platform that has buffered the body already (Cloud Functions' `rawBody`, Lambda) hands it over in the request.
  if (!(incoming instanceof IncomingMessage)) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.length > requestLimits.requestBodyBytesMax) throw bodyTooLarge();
    return bytes;
  }
  return collect(incoming, length, deadlines);
}

/** All bytes of the stream in one buffer. Leaves the stream paused where it stops early; the server drains it. */
function collect(
  incoming: IncomingMessage,
  length: number | undefined,
  deadlines: ArrivalDeadlines,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let buffer: Buffer = Buffer.alloc(0);
    let filled = 0;
    const onData = (chunk: Buffer) => {
      if (filled + chunk.length > requestLimits.requestBodyBytesMax) return stop(bodyTooLarge());
      if (filled + chunk.length > buffer.length) {
        const announced = filled === 0 ? Math.min(length ?? 0, requestLimits.announcedBodyBytesTrusted) : 0;
        buffer = grown(buffer, filled, Math.max(announced, filled + chunk.length));
      }
      chunk.copy(buffer, filled);
      filled += chunk.length;
      releaseBytes(chunk);
    };
    const onEnd = () => {
      detach();
      resolve(buffer.subarray(0, filled));
    };
    const onClose = () => {
      if (incoming.readableEnded) onEnd();
      else stop(new ClientGoneError('the client closed the connection inside its request'));
    };
    const onLate = () => {
      stop(new MillraceError('REQUEST_NOT_RECEIVED', `the body did not arrive in time; ${filled} bytes of it did`));
    };
    const stop = (error: Error) => {
      detach();
      incoming.pause();
      reject(error);
    };
    const detach = () => {
      incoming.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose);
      unwatch();
    };
    incoming.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose);
    const unwatch = deadlines.watch(onLate);
    if (incoming.destroyed || incoming.readableEnded) onClose();
  });
}

function grown(buffer: Buffer, filled: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.min(requestLimits.requestBodyBytesMax, Math.max(needed, buffer.length * 2)));
  buffer.copy(larger, 0, 0, filled);
  return larger;
}
