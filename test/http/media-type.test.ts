import { describe, expect, test } from 'vitest';
import { contentType, negotiate, quoted } from '../../lib/http/media-type.ts';

describe('contentType', () => {
  const allowed = ['application/json', 'application/x-ndjson'] as const;

  test.each(['application/json', 'Application/JSON; charset=UTF-8', 'application/json;charset="utf-8"; x=1'])(
    'takes %s',
    (header) => {
      expect(contentType(header, allowed)).toBe('application/json');
    },
  );

  test.each([
    undefined,
    '',
    'text/plain',
    'application/jsonx',
    'application/problem+json',
    'application/json; charset=latin1',
    'application/json, text/plain',
    'application/x-www-form-urlencoded',
  ])('refuses %s', (header) => {
    expect(() => contentType(header, allowed)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_MEDIA_TYPE' }));
  });
});

describe('negotiate', () => {
  const offered = ['application/json', 'application/x-ndjson', 'text/event-stream'] as const;

  test.each([
    [undefined, 'application/json'],
    ['', 'application/json'],
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['text/*', 'text/event-stream'],
    ['text/html, application/xhtml+xml, */*;q=0.8', 'application/json'],
    ['application/json;q=0.5, text/event-stream', 'text/event-stream'],
    ['application/x-ndjson, */*;q=0.1', 'application/x-ndjson'],
    ['application/json;q=0, */*', 'application/x-ndjson'],
    ['TEXT/Event-Stream', 'text/event-stream'],
  ])('answers Accept: %s with %s', (accept, type) => {
    expect(negotiate(accept, offered)).toBe(type);
  });

  test.each(['image/png', 'application/json;q=0', 'application/json;q=2', 'application/json;q=x', ';;,'])(
    'has nothing for Accept: %s',
    (accept) => {
      expect(() => negotiate(accept, offered)).toThrow(expect.objectContaining({ code: 'NOT_ACCEPTABLE' }));
    },
  );
});

test('shows little of what a client sent, on one line', () => {
  expect(quoted('a\n"b')).toBe('"a\\n\\"b"');
  expect(quoted('x'.repeat(10_000)).length).toBeLessThan(110);
});
