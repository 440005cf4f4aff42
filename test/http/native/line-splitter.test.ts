import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from '../../../lib/http/native/line-splitter.ts';

test('finds the same lines however the bytes are cut', () => {
  const text = fc
    .array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', ' ', '\r', '\t')))
    .map((lines) => lines.map((line) => line.replaceAll('\n', '')).join('\n'));
  fc.assert(
    fc.property(text, fc.array(fc.nat(20), { minLength: 1 }), (whole, cuts) => {
      const bytes = Buffer.from(whole);
      const splitter = new LineSplitter();
      const lines = [];
      for (let position = 0, cut = 0; position < bytes.length; cut++) {
        const length = (cuts[cut % cuts.length] as number) + 1;
        lines.push(...splitter.push(bytes.subarray(position, position + length)));
        position += length;
      }
      lines.push(...splitter.finish());
      const expected = whole
        .split('\n')
        .map((line, index) => ({ number: index + 1, line }))
        .filter(({ line }) => /[^ \t\r]/.test(line));
      expect(lines.map(({ number, bytes: line }) => ({ number, line: Buffer.from(line).toString() }))).toEqual(
        expected,
      );
    }),
  );
});
