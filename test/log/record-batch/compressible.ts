/** Bytes as compressors meet them: with repetitions near and far, without any, short, and across block borders. */
import * as fc from 'fast-check';
import { concatBytes } from '../../../lib/kernel/bytes.ts';

const random = fc.uint8Array({ maxLength: 300 });
const run = fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, length]) => new Uint8Array(length).fill(byte));
const fewSymbols = fc.uint8Array({ max: 2, maxLength: 2000 });
const cycle = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(20_000))
  .map(([pattern, length]) => Uint8Array.from({ length }, (_, at) => pattern[at % pattern.length] as number));

export const compressible: fc.Arbitrary<Uint8Array> = fc
  .array(fc.oneof(random, run, fewSymbols, cycle), { maxLength: 14 })
  // Twice over, so that some matches lie far back.
  .chain((parts) => fc.constantFrom(concatBytes(parts), concatBytes([...parts, ...parts])));
