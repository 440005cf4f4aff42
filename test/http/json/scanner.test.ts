import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonScanner, JsonTextError } from '../../../lib/http/json/scanner.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';

const scanner = (text: string) => new JsonScanner(Buffer.from(text));

/** What the scanner says of a whole text: its compact form, or `undefined` where it refuses. */
function compact(text: string): string | undefined {
  const scan = scanner(text);
  try {
    const bytes = scan.text();
    scan.finish();
    return Buffer.from(bytes).toString();
  } catch (error) {
    if (error instanceof JsonTextError) return undefined;
    throw error;
  }
}

function accepted(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('JsonScanner', () => {
  test('gives back the text of any JSON value without its white space', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.constantFrom(undefined, 1, '\t', '\r\n '), (json, space) => {
        const value: unknown = JSON.parse(json);
        expect(compact(JSON.stringify(value, null, space))).toBe(JSON.stringify(value));
      }),
    );
  });

  test('accepts and refuses what JSON.parse accepts and refuses, for texts that are nearly JSON', () => {
    const nearly = fc
      .tuple(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.constantFrom(...Array.from('{}[]",:\\0123456789-+.eEtfnu \n\t\u0001aé\u2028')),
        fc.nat(2),
      )
      .map(([json, at, character, mode]) => {
        const position = at % (json.length + 1);
        if (mode === 0) return json.slice(0, position) + character + json.slice(position);
        if (mode === 1) return json.slice(0, position) + character + json.slice(position + 1);
        return json.slice(0, position);
      })
      .filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(nearly, (text) => {
        expect(compact(text) !== undefined).toBe(accepted(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ['', 'nothing'],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['-', 'a lone minus'],
    ['01', 'a leading zero'],
    ['1.', 'a point without digits'],
    ['.5', 'a point without a whole part'],
    ['1e', 'an empty exponent'],
    ['+1', 'a plus sign'],
    ["'a'", 'single quotes'],
    ['{a:1}', 'a bare key'],
    ['[1,]', 'a trailing comma'],
    ['{"a":1,}', 'a trailing comma in an object'],
    ['[1 2]', 'a missing comma'],
    ['"\\x41"', 'an unknown escape'],
    ['"\\u12g4"', 'a bad unicode escape'],
    ['"\\u12', 'a cut unicode escape'],
    ['"a\nb"', 'a raw line feed in a string'],
    ['"abc', 'an open string'],
    ['tru', 'a cut word'],
    ['nulls', 'a word too long'],
    ['1 1', 'two values'],
    ['\ufeff1', 'a byte order mark'],
    ['// c\n1', 'a comment'],
  ])('refuses %j (%s)', (text) => {
    expect(compact(text)).toBeUndefined();
  });

  test('keeps numbers as they were written', () => {
    expect(compact('[ 12345678901234567890.10 , 1E400 , -0 ]')).toBe('[12345678901234567890.10,1E400,-0]');
  });

  test('keeps white space, quotes and escapes inside strings', () => {
    expect(compact('{ "a \\" b" : " \\\\" , "\\u0041" : [ ] }')).toBe('{"a \\" b":" \\\\","\\u0041":[]}');
  });

  test('reads strings as text and as bytes, escaped or not', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
        const escaped = units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
        for (const form of [JSON.stringify(text), `"${escaped}"`]) {
          expect(scanner(form).string()).toBe(text);
          expect(Buffer.from(scanner(form).stringBytes() ?? []).toString()).toBe(text);
        }
      }),
    );
  });

  test('finds the end of a string at whatever address its bytes lie', () => {
    const character = fc.oneof(
      fc.constantFrom('"', '\\', '\n', '\u0000', '\u001f', ' ', '!', '#', '[', ']', '\u007f', 'é', '😀'),
      fc.string({ maxLength: 9 }),
    );
    fc.assert(
      fc.property(fc.array(character, { maxLength: 12 }), fc.nat(7), fc.nat(7), (parts, before, after) => {
        const text = JSON.stringify(parts.join(''));
        const length = Buffer.byteLength(text);
        const around = Buffer.concat([Buffer.alloc(before, '"'), Buffer.from(text), Buffer.alloc(after, 'x')]);
        const own = new Uint8Array(around);
        expect(new JsonScanner(own.subarray(before, before + length)).string()).toBe(parts.join(''));
        expect(new JsonScanner(own, before, before + length).string()).toBe(parts.join(''));
      }),
      { numRuns: 2_000 },
    );
  });

  test('names no text for half of a surrogate pair', () => {
    expect(scanner('"a\\ud800"').string()).toBeUndefined();
    expect(scanner('"\\udc00\\ud800"').stringBytes()).toBeUndefined();
    expect(scanner('"\\ud83d\\ude00"').string()).toBe('😀');
    expect(() => scanner('{"\\ud800":1}').firstKey()).toThrow(/surrogate/);
  });

  test('stops at the depth limit, however deep the text goes on, without using the stack', () => {
    const deepest = '['.repeat(requestLimits.jsonDepthMax) + ']'.repeat(requestLimits.jsonDepthMax);
    expect(compact(deepest)).toBe(deepest);
    for (const depth of [requestLimits.jsonDepthMax + 1, 10_000, 1_000_000]) {
      expect(() => scanner('[{"a":'.repeat(depth)).skip()).toThrow(/deeper than 64/);
      expect(() => scanner('['.repeat(depth)).skip()).toThrow(/deeper than 64/);
    }
  });

  test('gives back depth when a container closes', () => {
    const wide = `[${Array.from({ length: 200 }, () => '[{"a":[]}]').join(',')}]`;
    expect(compact(wide)).toBe(wide);
  });

  test('says at which byte a text stops being JSON', () => {
    const stop = { position: 7, message: 'has something else where a value must be' };
    expect(() => scanner('{"ä": x}').skip()).toThrow(expect.objectContaining(stop));
  });

  test('reads only its part of the bytes', () => {
    const scan = new JsonScanner(Buffer.from('{"a":1}\n{"b":2}'), 0, 7);
    scan.skip();
    scan.finish();
    expect(() => new JsonScanner(Buffer.from('"abc"'), 0, 4).skip()).toThrow(JsonTextError);
  });
});
