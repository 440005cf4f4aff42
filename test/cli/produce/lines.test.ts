import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { LineSplitter } from '../../../lib/cli/produce/lines.ts';
import { utf8, utf8Text } from '../../../lib/kernel/bytes.ts';

function split(chunks: readonly Uint8Array[], bytesMax = 1_000): (string | undefined)[] {
  const splitter = new LineSplitter(bytesMax);
  const lines = [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
  expect(lines.map(({ number }) => number)).toEqual(lines.map((_, index) => index + 1));
  return lines.map(({ bytes }) => bytes && utf8Text(bytes));
}

it('ends lines at LF and CR LF, and the last with the input', () => {
  expect(split([utf8('a\nb\r\n\nc\rd\ne')])).toEqual(['a', 'b', '', 'c\rd', 'e']);
  expect(split([utf8('a\n')])).toEqual(['a']);
  expect(split([utf8('\n')])).toEqual(['']);
  expect(split([])).toEqual([]);
});

it('gives the same lines however the input is cut', () => {
  const pieces = fc.array(fc.constantFrom('a', 'ö', '\n', '\r\n', '\r', 'xyz'), { maxLength: 30 });
  fc.assert(
    fc.property(
      pieces,
      fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
      fc.nat({ max: 6 }),
      (texts, sizes, bytesMax) => {
        const whole = utf8(texts.join(''));
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < whole.length; ) {
          const size = sizes.next().value as number;
          chunks.push(whole.subarray(at, at + size));
          at += size;
        }
        const expected = texts.join('').split('\n');
        if (expected.at(-1) === '') expected.pop();
        const lines = expected.map((line) => line.replace(/\r$/, ''));
        expect(split(chunks, bytesMax)).toEqual(lines.map((line) => (utf8(line).length > bytesMax ? undefined : line)));
      },
    ),
  );
});

it('keeps nothing of a line that is too long, and goes on after it', () => {
  const splitter = new LineSplitter(10);
  const chunk = new Uint8Array(1_000).fill(97);
  for (let count = 0; count < 100; count++) expect(splitter.push(chunk)).toEqual([]);
  expect((splitter as unknown as { pieces: Uint8Array[] }).pieces.length).toBe(0);
  expect(splitter.push(utf8('b\nnext\n'))).toEqual([
    { number: 1, bytes: undefined },
    { number: 2, bytes: utf8('next') },
  ]);
});
