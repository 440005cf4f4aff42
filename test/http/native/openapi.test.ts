import { describe, expect, test } from 'vitest';
import { nativeRoutes, openApiDocument } from '../../../lib/http/native/openapi.ts';
import { methodsOf, NATIVE_PATHS, nativePathOf } from '../../../lib/http/native/paths.ts';

describe('the OpenAPI document', () => {
  const document = openApiDocument('https://millrace.example');

  test('describes every method of every path, each once', () => {
    const described = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
      Object.keys(item ?? {}).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const known = Object.entries(NATIVE_PATHS).flatMap(([path, methods]) =>
      methods.map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(known.sort());
    expect(nativeRoutes).toHaveLength(known.length);
  });

  test('refers to nothing that is not in it', () => {
    const text = JSON.stringify(document);
    const names = Object.keys(document.components?.schemas ?? {});
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) expect(names).toContain(name);
    expect(names).toEqual(
      expect.arrayContaining(['Problem', 'Topic', 'Record', 'ProduceRecord', 'ProduceRequest', 'Key', 'Plan']),
    );
  });

  test('has an id, a summary and errors for every operation, and says where no key is needed', () => {
    const operations = Object.values(document.paths ?? {}).flatMap((item) => Object.values(item ?? {})) as {
      operationId?: string;
      summary?: string;
      security?: unknown[];
      responses: Record<string, { content?: Record<string, unknown> }>;
    }[];
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { summary, responses } of operations) {
      expect(summary).toBeTruthy();
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '500', '503']));
      expect(responses['400']?.content).toHaveProperty('application/problem+json');
    }
    expect(operations.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId)).toEqual([
      'checkHealth',
    ]);
  });
});

describe('paths', () => {
  test('are known by their pattern', () => {
    expect(nativePathOf('/v1/topics/a/partitions/0/records')).toBe('/v1/topics/{topic}/partitions/{partition}/records');
    expect(nativePathOf('/v1/openapi_json')).toBeUndefined();
    expect(nativePathOf('/v1/topics/a/b')).toBeUndefined();
    expect(methodsOf('/v1/topics')).toEqual(['GET', 'HEAD', 'POST']);
    expect(methodsOf('/v1/topics/t/records')).toEqual(['POST', 'DELETE']);
    expect(methodsOf('/')).toBeUndefined();
  });
});
