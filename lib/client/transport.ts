/**
 * One request to the API: where it goes, who asks, how long it may take, when it is sent again, and what its failure
 * is.
 *
 * A request is sent again only where that cannot do anything twice: reading is always safe; writing only where the
 * answer promises that nothing has changed, or its caller knows it to be harmless. Any other write whose answer got
 * lost is left to the caller, as `effect: unknown`.
 */
import { utf8 } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { clientLimits } from '../kernel/limits/client.ts';
import type { Random } from '../kernel/random.ts';
import { toBase64 } from './base64.ts';
import { errorOf, isProblem, MillraceClientError } from './errors.ts';

export interface TransportOptions {
  url: string;
  apiKey?: string;
  /** Sends HTTP requests; the platform's own `fetch` by default. */
  fetch: typeof globalThis.fetch;
  requestMsMax: number;
  attemptsMax: number;
  clock: Clock;
  random: Random;
}

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Segments of the path below the API's address; escaped here. */
  path: readonly (string | number)[];
  query?: Readonly<Record<string, string | number | undefined>>;
  headers?: Readonly<Record<string, string>>;
  /** Bytes that no other thread shares: `fetch` takes no others. */
  body?: string | Uint8Array;
  /** How long the server may wait before it answers, beside the time that a request takes. */
  waitMs?: number;
  signal?: AbortSignal;
  /** Doing it twice does no harm: then it is sent again like a read. */
  repeatable?: boolean;
}

/** An answer with a status below 400. */
export interface ApiAnswer {
  status: number;
  headers: Headers;
  bytes: Uint8Array;
}

export const JSON_TYPE = 'application/json';
export const BATCHES_TYPE = 'application/vnd.millrace.batches';

export function recordsPath(topic: string, partition: number): (string | number)[] {
  return ['v1', 'topics', topic, 'partitions', partition, 'records'];
}

export type Transport = (request: ApiRequest) => Promise<ApiAnswer>;

export function createTransport(options: TransportOptions): Transport {
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new TypeError(`"${options.url}" is not the http or https address of an API`);
  }
  return async (request) => {
    let maybeDone = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await send(options, request);
      } catch (error) {
        if (!(error instanceof MillraceClientError)) throw error;
        maybeDone ||= error.effect === 'unknown';
        if (attempt >= options.attemptsMax || !maySendAgain(request, error)) throw maybeDone ? unsettled(error) : error;
        await options.clock.sleep(pauseMs(options.random, attempt, error), request.signal);
        request.signal?.throwIfAborted();
      }
    }
  };
}

/** The JSON of an answer; what shape it has is the API's promise to the caller. */
export function jsonOf(answer: ApiAnswer): unknown {
  const value = parsed(answer.bytes);
  if (value !== undefined) return value;
  // The request has been answered with success, so whatever it asked for is done.
  throw new MillraceClientError('UNEXPECTED_ANSWER', `an answer with status ${answer.status} is not JSON`, {
    status: answer.status,
    retriable: false,
    effect: 'unknown',
  });
}

async function send(options: TransportOptions, request: ApiRequest): Promise<ApiAnswer> {
  const url = urlOf(options.url, request);
  const late = new AbortController();
  // Ended in any way: nobody waits for the deadline then. Aborted with a reason, because one made here costs a stack.
  const ended = new AbortController();
  void options.clock.sleep(options.requestMsMax + (request.waitMs ?? 0), ended.signal).then(() => {
    if (!ended.signal.aborted) late.abort();
  });
  let response: Response;
  let bytes: Uint8Array;
  try {
    response = await options.fetch(url, {
      method: request.method,
      headers: headersOf(options, request),
      body: request.body as string | Uint8Array<ArrayBuffer> | undefined,
      signal: request.signal === undefined ? late.signal : AbortSignal.any([request.signal, late.signal]),
    });
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    if (request.signal?.aborted === true) throw request.signal.reason;
    const reason = late.signal.aborted ? 'no whole answer came in time' : 'no whole answer came';
    const detail = `${request.method} ${options.url}: ${reason}`;
    throw new MillraceClientError('NETWORK_ERROR', detail, { retriable: true, effect: effectOf(request), cause });
  } finally {
    ended.abort(null);
  }
  if (response.status < 400) return { status: response.status, headers: response.headers, bytes };
  throw failureOf(request, response, bytes);
}

function failureOf(request: ApiRequest, { status, headers }: Response, bytes: Uint8Array): MillraceClientError {
  const retryAfterMs = retryAfterOf(headers);
  const value = parsed(bytes);
  if (isProblem(value)) return errorOf(value, retryAfterMs);
  // Not the API's own words: a gateway or proxy on the way. It may have passed the request on, a 503 included, which is
  // how an HTTP API says that its function ran too long; only a throttle comes before anything happens.
  return new MillraceClientError('UNEXPECTED_ANSWER', `the status is ${status}, without the API's problem document`, {
    status,
    retriable: status === 408 || status === 429 || status >= 500,
    effect: status === 429 ? 'none' : effectOf(request),
    facts: retryAfterMs === undefined ? {} : { retryAfterMs },
  });
}

/** The failure of the last attempt, after one that may have done what was asked. */
function unsettled(error: MillraceClientError): MillraceClientError {
  if (error.effect === 'unknown') return error;
  const { code, message, status, retriable, facts, cause } = error;
  return new MillraceClientError(code, message, { status, retriable, effect: 'unknown', facts, cause });
}

function maySendAgain(request: ApiRequest, error: MillraceClientError): boolean {
  // A topic that is not there is "retriable" to Kafka's clients, which may know of it too early; here it is an answer.
  if (!error.retriable || error.status === 404) return false;
  return request.method === 'GET' || request.repeatable === true || error.effect === 'none';
}

/**
 * What the server asks for, and twice as long as before; with jitter, so that many clients do not come back at once.
 */
export function pauseMs(random: Random, attempt: number, { facts }: MillraceClientError): number {
  const askedFor = Math.min(facts.retryAfterMs ?? 0, clientLimits.clientRetryPauseMsMax);
  const doubled = Math.min(clientLimits.clientRetryPauseMsMin * 2 ** (attempt - 1), clientLimits.clientRetryPauseMsMax);
  return askedFor + doubled * (0.5 + random.fraction() / 2);
}

function effectOf({ method }: ApiRequest): 'none' | 'unknown' {
  return method === 'GET' ? 'none' : 'unknown';
}

function urlOf(base: string, { path, query = {} }: ApiRequest): string {
  const url = new URL(base);
  const root = url.pathname.replace(/\/+$/, '');
  url.pathname = `${root}/${path.map(escaped).join('/')}`;
  url.search = '';
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url.href;
}

/** Empty and dotted segments are refused, because URLs drop them and the request would go somewhere else. */
function escaped(segment: string | number): string {
  if (segment === '' || segment === '.' || segment === '..') throw new TypeError(`"${segment}" is not a name`);
  return encodeURIComponent(segment);
}

function headersOf({ apiKey }: TransportOptions, request: ApiRequest): Record<string, string> {
  return { ...request.headers, ...(apiKey === undefined ? {} : { authorization: authorization(apiKey) }) };
}

/** `id:secret` goes as HTTP Basic, a secret alone as a bearer token. */
function authorization(apiKey: string): string {
  return apiKey.includes(':') ? `Basic ${toBase64(utf8(apiKey))}` : `Bearer ${apiKey}`;
}

/** Seconds; the other form of the header, a date, is not what the API sends. */
function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : undefined;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}
