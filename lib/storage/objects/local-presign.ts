/**
 * URLs of the local server that serve one range of one object to whoever has them, until they expire.
 *
 *     <base URL>/v1/objects/<name>?range=<first>-<last>&expires=<ms since the epoch>&signature=<base64url>
 *
 * The signature is an HMAC-SHA256 over a version, the name, the range and the expiry, so that none of them can be
 * changed. It says nothing of the method: the route serves GET and HEAD only.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { checkObjectName, checkRange, isObjectName, rangeHeader } from './name.ts';
import type { ByteRange, ObjectName, PresignedUrl } from './port.ts';
import { signingTimeMs } from './url-life.ts';

const OBJECTS_PATH = '/v1/objects/';

export interface LocalPresignerOptions {
  /** At least 32 random bytes; the same after a restart where URLs are to outlive it. */
  secret: Uint8Array;
  /** Such as `http://127.0.0.1:8080`, without a slash at the end; asked for at every signing, as a port may be free. */
  baseUrl: () => string;
  clock: Clock;
}

type VerifiedUrl =
  | { outcome: 'valid'; name: ObjectName; range: ByteRange }
  | { outcome: 'refused'; reason: 'malformed' | 'signature' | 'expired' };

export interface LocalPresigner {
  sign(name: ObjectName, range: ByteRange, expiresInMs: number): PresignedUrl;
  /** What a URL (whole, or its path and query) allows. */
  verify(url: string): VerifiedUrl;
}

const SECRET_BYTES_MIN = 32;

/** The origin, which is not signed, the path and the query. */
const URL_PARTS = /^(?:https?:\/\/[^/]*)?(\/[^?]*)\?(.*)$/s;

/** Exactly these parameters, in this order: a URL has one form. */
const QUERY = /^range=(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})&expires=([1-9]\d{0,15})&signature=([A-Za-z0-9_-]{43})$/;

export function createLocalPresigner({ secret, baseUrl, clock }: LocalPresignerOptions): LocalPresigner {
  assert(secret.length >= SECRET_BYTES_MIN, `a secret has at least ${SECRET_BYTES_MIN} bytes`);

  const signature = (name: ObjectName, range: string, expiresAtMs: number) =>
    createHmac('sha256', secret).update(`millrace-object-1\n${name}\n${range}\n${expiresAtMs}`).digest('base64url');

  return {
    sign(name, range, expiresInMs) {
      checkObjectName(name);
      checkRange(range);
      assert(range.end > range.start, 'an empty range has no URL');
      const expiresAtMs = signingTimeMs(clock.now(), expiresInMs) + Math.floor(expiresInMs);
      const text = `${range.start}-${range.end - 1}`;
      const query = `range=${text}&expires=${expiresAtMs}&signature=${signature(name, text, expiresAtMs)}`;
      return {
        url: `${baseUrl()}${OBJECTS_PATH}${name}?${query}`,
        headers: { range: rangeHeader(range) },
        expiresAtMs,
      };
    },

    verify(url) {
      const [, path = '', query = ''] = URL_PARTS.exec(url) ?? [];
      const [, first = '', last = '', expires = '', given = ''] = QUERY.exec(query) ?? [];
      const name = path.startsWith(OBJECTS_PATH) ? path.slice(OBJECTS_PATH.length) : '';
      if (given === '' || !isObjectName(name)) return { outcome: 'refused', reason: 'malformed' };
      const expected = signature(name, `${first}-${last}`, Number(expires));
      if (!timingSafeEqual(Buffer.from(given), Buffer.from(expected)))
        return { outcome: 'refused', reason: 'signature' };
      if (Number(expires) <= clock.now()) return { outcome: 'refused', reason: 'expired' };
      return { outcome: 'valid', name, range: { start: Number(first), end: Number(last) + 1 } };
    },
  };
}

/** For stores that were opened without a presigner, as by tests and tools. */
export function signWith(
  presigner: LocalPresigner | undefined,
  name: ObjectName,
  range: ByteRange,
  expiresInMs: number,
): PresignedUrl {
  if (presigner !== undefined) return presigner.sign(name, range, expiresInMs);
  throw new MillraceError('UNKNOWN_SERVER_ERROR', 'This store gives out no URLs.');
}
