import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestOf, resultOf } from '../../lambdas/support/http-event.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';

const SIGNAL = new AbortController().signal;

interface Given {
  method?: string;
  path?: string;
  query?: string;
  headers?: Record<string, string>;
  body?: string;
  base64?: boolean;
}

function event({ method = 'POST', path = '/v1/topics', query = '', headers = {}, body, base64 = false }: Given) {
  return {
    version: '2.0',
    rawPath: path,
    rawQueryString: query,
    headers,
    requestContext: { domainName: 'api.example.com', http: { method, path } },
    body,
    isBase64Encoded: base64,
  } as unknown as APIGatewayProxyEventV2;
}

function textAnswer(text: string, type = 'application/json'): Response {
  return new Response(text, { headers: { 'content-type': type } });
}

/** What the gateway hands its client. */
async function delivered(response: Response, method = 'GET'): Promise<{ bytes: Buffer; eventBytes: number }> {
  const result = await resultOf(response, method);
  return {
    bytes: Buffer.from(result.body ?? '', result.isBase64Encoded === true ? 'base64' : 'utf8'),
    eventBytes: Buffer.byteLength(JSON.stringify(result)),
  };
}

describe('the request of an event', () => {
  it('has the method, address, headers and body that were sent', async () => {
    const given = { path: '/v1/topics/a/records', query: 'acks=all&x=%20', headers: { 'x-a': 'b' }, body: '{"ä":1}' };
    const request = requestOf(event(given), SIGNAL);
    expect(request.method).toBe('POST');
    expect(request.url).toBe('https://api.example.com/v1/topics/a/records?acks=all&x=%20');
    expect(request.headers.get('x-a')).toBe('b');
    expect(request.headers.get('content-length')).toBe('8');
    expect(await request.text()).toBe('{"ä":1}');
  });

  it('decodes a base64 body, whatever its bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1 }), async (bytes) => {
        const body = Buffer.from(bytes).toString('base64');
        const request = requestOf(event({ body, base64: true }), SIGNAL);
        expect(new Uint8Array(await request.arrayBuffer())).toEqual(bytes);
      }),
    );
  });

  it('keeps the path that was routed, however it would read as a URL', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
        const url = new URL(requestOf(event({ method: 'GET', path: `/v1/topics/${name}` }), SIGNAL).url);
        expect(url.search).toBe('');
        expect(url.hash).toBe('');
        expect(url.pathname.startsWith('/v1/topics/')).toBe(true);
        expect(url.pathname.split('/').length).toBe(`/v1/topics/${name}`.split('/').length);
      }),
    );
  });

  it('escapes headers that no request could have', () => {
    const request = requestOf(event({ headers: { 'x-a': 'ok', 'x-b': 'snow ☃\n' } }), SIGNAL);
    expect(request.headers.get('x-a')).toBe('ok');
    expect(request.headers.get('x-b')).toBe('snow%20%E2%98%83%0A');
  });

  it('has no body with GET, and no method that is none', () => {
    expect(requestOf(event({ method: 'GET', body: 'x' }), SIGNAL).body).toBeNull();
    expect(() => requestOf(event({ method: 'TRACE' }), SIGNAL)).toThrow('method');
  });

  it('is aborted with its signal', () => {
    const controller = new AbortController();
    const request = requestOf(event({}), controller.signal);
    controller.abort();
    expect(request.signal.aborted).toBe(true);
  });
});

describe('the result of an answer', () => {
  it('carries any text and any bytes unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.uint8Array(), async (text, bytes) => {
        expect((await delivered(textAnswer(text))).bytes.toString()).toBe(Buffer.from(text).toString());
        const binary = new Response(bytes, { headers: { 'content-type': 'application/vnd.millrace.batches' } });
        expect(new Uint8Array((await delivered(binary)).bytes)).toEqual(bytes);
      }),
    );
  });

  it.each(['application/json', 'application/problem+json', 'application/x-ndjson', 'text/event-stream'])(
    'has %s as text',
    async (type) => {
      expect(await resultOf(textAnswer('{"a":"b"}\n', type), 'GET')).toMatchObject({
        statusCode: 200,
        body: '{"a":"b"}\n',
        isBase64Encoded: false,
      });
    },
  );

  it('has a compressed text as base64', async () => {
    const response = new Response('x', { headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } });
    expect(await resultOf(response, 'GET')).toMatchObject({ body: 'eA==', isBase64Encoded: true });
  });

  it('has no body with 204', async () => {
    expect(await resultOf(new Response(null, { status: 204 }), 'DELETE')).toMatchObject({ statusCode: 204, body: '' });
  });

  it.each([
    ['plain text', 'x'],
    ['quotes', '"'],
    ['backslashes', '\\'],
    ['line feeds', '\n'],
    ['three-byte characters', '語'],
  ])("fits Lambda's limit with the longest answer of a fetch, made of %s", async (_name, unit) => {
    const text = unit.repeat(Math.floor(requestLimits.fetchBytesMax / Buffer.byteLength(unit)));
    const { bytes, eventBytes } = await delivered(textAnswer(text));
    expect(eventBytes).toBeLessThanOrEqual(lambdaLimits.lambdaAnswerBytesMax);
    expect(bytes.toString() === text).toBe(true);
  });

  it.each([
    ['GET', 'none'],
    ['POST', 'unknown'],
  ])('is an error where it does not fit; after %s the effect is %s', async (method, effect) => {
    const { bytes, eventBytes } = await delivered(textAnswer('x'.repeat(7 * 1024 * 1024)), method);
    expect(eventBytes).toBeLessThan(10_000);
    expect(JSON.parse(bytes.toString())).toMatchObject({ status: 413, code: 'MESSAGE_TOO_LARGE', effect });
  });
});
