/** The `Authorization` header: `Bearer <secret>`, or HTTP Basic with the key's id and secret (RFC 7617). */
import { Buffer, isUtf8 } from 'node:buffer';
import type { Credentials } from '../broker/keys/authenticate.ts';
import { MillraceError } from '../kernel/errors.ts';

/** Throws UNAUTHENTICATED where there are none, or none that the API knows. Nothing of them is shown. */
export function parseCredentials(header: string | undefined): Credentials {
  if (header === undefined) throw unauthenticated('The request has no Authorization header.');
  const space = header.indexOf(' ');
  const scheme = header.slice(0, space).toLowerCase();
  const value = header.slice(space + 1).trim();
  if (scheme === 'bearer' && value !== '') return { secret: value };
  if (scheme === 'basic') return basic(value);
  throw unauthenticated('The Authorization header is neither "Bearer <secret>" nor Basic.');
}

function basic(value: string): Credentials {
  const bytes = Buffer.from(value, 'base64');
  const text = isUtf8(bytes) ? bytes.toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon <= 0) throw unauthenticated('The Basic credentials are not the base64 of "id:secret".');
  return { id: text.slice(0, colon), secret: text.slice(colon + 1) };
}

function unauthenticated(detail: string): MillraceError {
  return new MillraceError('UNAUTHENTICATED', detail);
}
