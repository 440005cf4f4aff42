/** `Content-Type` and `Accept`, as far as the API needs them (RFC 9110, 8.3.1 and 12.5.1). */
import { MillraceError } from '../kernel/errors.ts';

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';
export const BATCHES_TYPE = 'application/vnd.millrace.batches';
export const EVENTS_TYPE = 'text/event-stream';

/**
 * Which of the allowed types the request's body has. A text type may say that it is UTF-8, which it is anyway; other
 * parameters mean nothing and are passed over.
 */
export function contentType<Type extends string>(header: string | undefined, allowed: readonly Type[]): Type {
  const [name = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  const type = allowed.find((candidate) => candidate === name);
  if (type === undefined) {
    const given =
      header === undefined ? 'The request has no Content-Type' : `Content-Type ${quoted(header)} is not taken here`;
    throw new MillraceError('UNSUPPORTED_MEDIA_TYPE', `${given}; send ${allowed.join(' or ')}.`);
  }
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset.replaceAll('"', ''))) {
    throw new MillraceError('UNSUPPORTED_MEDIA_TYPE', `The charset ${quoted(charset)} is not taken; send UTF-8.`);
  }
  return type;
}

/**
 * The best of the offered types, the first one where the client has no preference. A type's quality comes from the most
 * specific range that matches it, so `text/event-stream;q=0, *\/*` refuses events alone.
 */
export function negotiate<Type extends string>(accept: string | undefined, offered: readonly [Type, ...Type[]]): Type {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const ranges = accept.split(',').map(parseRange);
  let best: { type: Type; quality: number } | undefined;
  for (const type of offered) {
    const quality = qualityOf(type, ranges);
    if (quality > (best?.quality ?? 0)) best = { type, quality };
  }
  if (best === undefined) {
    throw new MillraceError('NOT_ACCEPTABLE', `Accept ${quoted(accept)} names nothing of ${offered.join(', ')}.`);
  }
  return best.type;
}

interface MediaRange {
  name: string;
  quality: number;
}

function parseRange(text: string): MediaRange {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const quality = weight === undefined ? 1 : Number(weight);
  return { name, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

function qualityOf(type: string, ranges: readonly MediaRange[]): number {
  const family = `${type.slice(0, type.indexOf('/'))}/*`;
  for (const name of [type, family, '*/*']) {
    const range = ranges.find((candidate) => candidate.name === name);
    if (range !== undefined) return range.quality;
  }
  return 0;
}

/** A client's text in an error: short, and on one line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
