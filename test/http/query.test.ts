import { z } from '@hono/zod-openapi';
import { describe, expect, test } from 'vitest';
import { numberParameter } from '../../lib/http/native/schemas.ts';
import { parseQuery } from '../../lib/http/query.ts';

const schema = z.object({
  limit: numberParameter({ from: 1, lowerTo: 100, description: '' }),
  name: z.string().optional(),
});
const parse = (query: string) => parseQuery(`http://h/p${query}`, schema);

describe('parseQuery', () => {
  test('takes each parameter once, percent-decoded', () => {
    expect(parse('')).toEqual({});
    expect(parse('?')).toEqual({});
    expect(parse('?limit=5&name=a%20b+c%C3%A9')).toEqual({ limit: 5, name: 'a b cé' });
    expect(parse('?name=a=b&#fragment')).toEqual({ name: 'a=b' });
    expect(parse('?name')).toEqual({ name: '' });
  });

  test('lowers what is above the most', () => {
    expect(parse('?limit=5000')).toEqual({ limit: 100 });
  });

  test.each([
    ['?limt=5', 'limt'],
    ['?__proto__=1', '__proto__'],
    ['?limit=1&limit=2', 'limit'],
    ['?limit=0', 'limit'],
    ['?limit=-1', 'limit'],
    ['?limit=1.5', 'limit'],
    ['?limit=0x10', 'limit'],
    ['?limit=', 'limit'],
    ['?limit=%20', 'limit'],
    ['?limit=99999999999999999999', 'limit'],
    ['?limit=9007199254740993', 'limit'],
    ['?limit=١', 'limit'],
  ])('refuses %s, naming the parameter', (query, field) => {
    expect(() => parse(query)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST', message: expect.stringContaining(field) }),
    );
  });

  test.each(['?name=%zz', '?name=%ff', '?%c3%28=1'])('refuses %s, which is not percent-encoded UTF-8', (query) => {
    expect(() => parse(query)).toThrow(/percent-encoded/);
  });
});
