import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { createLocalPresigner } from '../../../lib/storage/objects/local-presign.ts';

let now = 1_000_000;
const clock: Clock = { now: () => now, monotonic: () => now, sleep: async () => {} };
const secret = new Uint8Array(32).fill(1);
const presigner = createLocalPresigner({ secret, baseUrl: () => 'http://127.0.0.1:8080', clock });
const name = 'segments/490000/0a';
const range = { start: 10, end: 30 };

describe('a URL', () => {
  test('is verified to its name and range until it expires', () => {
    now = 1_000_000;
    const { url, headers, expiresAtMs } = presigner.sign(name, range, 60_000);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:8080\/v1\/objects\/segments\/490000\/0a\?range=10-29&expires=1060000&/);
    expect(headers).toEqual({ range: 'bytes=10-29' });
    expect(expiresAtMs).toBe(1_060_000);
    expect(presigner.verify(url)).toEqual({ outcome: 'valid', name, range });
    expect(presigner.verify(url.replace('http://127.0.0.1:8080', ''))).toEqual({ outcome: 'valid', name, range });
    now = 1_060_000;
    expect(presigner.verify(url)).toEqual({ outcome: 'refused', reason: 'expired' });
  });

  test('with anything changed is refused', () => {
    now = 1_000_000;
    const { url } = presigner.sign(name, range, 60_000);
    const forged = [
      url.replace('range=10-29', 'range=10-30'),
      url.replace('range=10-29', 'range=0-29'),
      url.replace('expires=1060000', 'expires=9060000'),
      url.replace('/0a?', '/0b?'),
    ];
    for (const forgery of forged) {
      expect(presigner.verify(forgery)).toEqual({ outcome: 'refused', reason: 'signature' });
    }
    const stranger = createLocalPresigner({ secret: new Uint8Array(32), baseUrl: () => '', clock });
    expect(stranger.verify(url)).toEqual({ outcome: 'refused', reason: 'signature' });
  });

  test('changed in any character of its path or query is never valid', () => {
    now = 1_000_000;
    const { url } = presigner.sign(name, range, 60_000);
    const path = url.slice(url.indexOf('/v1'));
    const character = fc.string({ unit: 'binary-ascii', minLength: 0, maxLength: 2 });
    fc.assert(
      fc.property(fc.nat({ max: path.length - 1 }), character, (position, replacement) => {
        const changed = path.slice(0, position) + replacement + path.slice(position + 1);
        fc.pre(changed !== path);
        expect(presigner.verify(changed).outcome).toBe('refused');
      }),
      { numRuns: 1_000 },
    );
  });

  test('that is malformed is refused before its signature is looked at', () => {
    const { url } = presigner.sign(name, range, 60_000);
    const query = url.slice(url.indexOf('?'));
    for (const malformed of [
      '',
      '/',
      '/v1/objects/',
      '/v1/objects/a',
      `/v1/objects/../a${query}`,
      `${url}&a=b`,
      `${url}?`,
    ]) {
      expect(presigner.verify(malformed)).toMatchObject({ outcome: 'refused' });
    }
    expect(presigner.verify(`/v1/objects/../a${query}`)).toEqual({ outcome: 'refused', reason: 'malformed' });
    expect(presigner.verify(`/v1/other/a${query}`)).toEqual({ outcome: 'refused', reason: 'malformed' });
  });
});

test('a bad name, an empty range and a short secret are refused', () => {
  expect(() => presigner.sign('../etc', range, 1)).toThrow('not the name of an object');
  expect(() => presigner.sign(name, { start: 3, end: 3 }, 1)).toThrow('empty range');
  expect(() => createLocalPresigner({ secret: new Uint8Array(31), baseUrl: () => '', clock })).toThrow('32 bytes');
});
