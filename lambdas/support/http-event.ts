/**
 * Between Lambda's HTTP events (API Gateway HTTP API and function URL, payload format 2.0) and web requests and
 * answers.
 *
 * Hono has an adapter for this, which is not used: it is deprecated without a successor that could be installed, it
 * takes a decoded path for an encoded one, and it decides by content type alone whether an answer goes as base64, which
 * would send lines of text at 4/3 of their size and let JSON that escapes to twice its size exceed Lambda's limit.
 */
import { Buffer } from 'node:buffer';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { problemAnswer } from '../../lib/http/problems.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The web request of an event. `signal` aborts when the function's time is nearly over. */
export function requestOf(event: APIGatewayProxyEventV2, signal: AbortSignal): Request {
  const { method } = event.requestContext.http;
  if (!METHODS.has(method)) throw new MillraceError('METHOD_NOT_ALLOWED', 'The method is none that is served here.');
  const query = event.rawQueryString === '' ? '' : `?${event.rawQueryString}`;
  const body = method === 'GET' || method === 'HEAD' ? undefined : bodyOf(event);
  const headers = headersOf(event);
  if (body !== undefined) headers.set('content-length', String(body.length));
  const url = `https://${event.requestContext.domainName}${escapedPath(event.rawPath)}${query}`;
  return new Request(url, { method, headers, body, signal });
}

function bodyOf({ body, isBase64Encoded }: APIGatewayProxyEventV2): Buffer<ArrayBuffer> | undefined {
  return body === undefined ? undefined : Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
}

/** A value may come with characters that no header has; they are escaped, so that no request fails by them. */
function headersOf(event: APIGatewayProxyEventV2): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers)) {
    if (value === undefined) continue;
    headers.set(name, /[^\t\u0020-\u007e\u0080-\u00ff]/.test(value) ? encodeURIComponent(value) : value);
  }
  return headers;
}

/**
 * The gateway hands the path out decoded. What a URL would take for a delimiter or drop is escaped, so that the app
 * sees the path that the gateway has routed, and authorized, and no other one; no name of the API has such characters.
 */
function escapedPath(path: string): string {
  return path
    .split('/')
    .map((segment) => (segment === '.' || segment === '..' ? segment.replaceAll('.', '%252E') : escaped(segment)))
    .join('/');
}

function escaped(segment: string): string {
  return segment.replaceAll(/[^A-Za-z0-9._~!$&'()*+,;=:@-]+/g, (text) => encodeURIComponent(text.toWellFormed()));
}

/**
 * A buffered answer to `method`. Text goes as text while the event's JSON is not longer that way than as base64,
 * everything else as base64. An answer that exceeds Lambda's 6 MiB even so, which takes a record whose JSON is much
 * longer than the record, becomes an error that says what to ask for instead; the platform's own error would say
 * nothing.
 */
export async function resultOf(response: Response, method: string): Promise<APIGatewayProxyStructuredResultV2> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const headers = Object.fromEntries(response.headers);
  const text = isText(response.headers) ? bytes.toString('utf8') : undefined;
  const textLength = text === undefined ? Number.POSITIVE_INFINITY : jsonLength(text);
  const base64Length = Math.ceil(bytes.length / 3) * 4;
  const length = Math.min(textLength, base64Length);
  if (length + AROUND_BODY_BYTES_MAX > lambdaLimits.lambdaAnswerBytesMax)
    return resultOf(tooLong(length, method), method);
  return text !== undefined && textLength <= base64Length
    ? { statusCode: response.status, headers, body: text, isBase64Encoded: false }
    : { statusCode: response.status, headers, body: bytes.toString('base64'), isBase64Encoded: true };
}

/** The status, the header names and values, and the JSON around them and the body. */
const AROUND_BODY_BYTES_MAX = 16 * 1024;

function tooLong(length: number, method: string): Response {
  const detail =
    `The answer takes ${length} bytes in Lambda's JSON, and ${lambdaLimits.lambdaAnswerBytesMax} are allowed; ` +
    'fetch record batches (Accept: application/vnd.millrace.batches) or with encoding=base64, or send fewer records.';
  // Whatever a request other than a read has asked for is done.
  const effect = method === 'GET' || method === 'HEAD' ? 'none' : 'unknown';
  return problemAnswer(new MillraceError('MESSAGE_TOO_LARGE', detail, { effect }));
}

function isText(headers: Headers): boolean {
  if (headers.has('content-encoding')) return false;
  return /^(text\/|application\/(json|problem\+json|x-ndjson)\b)/.test(headers.get('content-type') ?? 'text/');
}

/** The bytes of the text as a JSON string, without its quotes. */
function jsonLength(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}
