/**
 * The REST dialect as its clients speak it. Every answer is held against the description that the server publishes of
 * it.
 */
import assert from 'node:assert/strict';
import { beforeAll } from 'vitest';
import { misfits, type OpenApiDocument } from './openapi.ts';
import type { RequestOptions, Target } from './target.ts';

export const V2 = 'application/vnd.kafka.v2+json';
export const typeOf = (format: 'binary' | 'json' | 'text') => `application/vnd.kafka.${format}.v2+json`;

export interface DialectAnswer {
  status: number;
  headers: Headers;
  contentType: string | undefined;
  text: string;
  json: unknown;
}

export interface Dialect {
  /** Bodies are JSON of the dialect's own type, unless `headers` say otherwise. */
  call: (method: string, path: string, options?: RequestOptions) => Promise<DialectAnswer>;
  /** Records of one format; they must all be written. */
  send: (topic: string, format: 'binary' | 'json' | 'text', records: unknown[]) => Promise<void>;
}

export function useDialect(target: Target): Dialect {
  let document: OpenApiDocument;
  beforeAll(async () => {
    document = (await (await target.send('GET', '/openapi')).json()) as OpenApiDocument;
  });
  const call = async (method: string, path: string, options: RequestOptions = {}): Promise<DialectAnswer> => {
    const headers = { ...(options.body === undefined ? {} : { 'content-type': V2 }), ...options.headers };
    const response = await target.send(method, path, { ...options, headers });
    const text = await response.text();
    const contentType = response.headers.get('content-type')?.split(';')[0];
    const json: unknown = contentType?.endsWith('json') && text !== '' ? JSON.parse(text) : undefined;
    const { status } = response;
    assert.ok(status < 500, `${method} ${path} ${status} ${text}`);
    if (status !== 405) {
      assert.deepEqual(misfits(document, { method, path, status, contentType, json }), [], `${method} ${path} ${text}`);
    }
    return { status, headers: response.headers, contentType, text, json };
  };
  const send = async (topic: string, format: 'binary' | 'json' | 'text', records: unknown[]) => {
    const { status, json } = await call('POST', `/topics/${topic}`, {
      body: { records },
      headers: { 'content-type': typeOf(format) },
    });
    const { offsets } = json as { offsets: { error_code: number | null }[] };
    assert.equal(status, 200);
    assert.deepEqual(
      offsets.map(({ error_code }) => error_code),
      records.map(() => null),
    );
  };
  return { call, send };
}
