/** Any pieces of a log, one behind the other from offset 0, for properties. */
import * as fc from 'fast-check';
import type { LogPiece } from '../../lib/log/retention/piece.ts';

export const pieces: fc.Arbitrary<LogPiece[]> = fc
  .array(
    fc.record({ records: fc.integer({ min: 1, max: 9 }), bytes: fc.nat({ max: 30 }), newestMs: fc.nat({ max: 100 }) }),
    { maxLength: 12 },
  )
  .map((list) => {
    let base = 0;
    return list.map(({ records, ...rest }) => {
      const piece = { base, end: base + records, ...rest };
      base = piece.end;
      return piece;
    });
  });
