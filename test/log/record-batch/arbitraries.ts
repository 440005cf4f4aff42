/** Any record and any list of records, for properties. */
import * as fc from 'fast-check';
import type { NewRecord, RecordHeader } from '../../../lib/log/record-batch/record.ts';

const timestamps = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER),
);

/** Also text beyond ASCII and beyond 16 bits, but no unpaired surrogates, which UTF-8 cannot hold. */
export const headerKeys = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 80 }));

const smallBytes = fc.uint8Array({ maxLength: 200 });
/** Long enough for lengths of three bytes and for copies inside compressed streams. */
const largeBytes = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer({ min: 1, max: 2000 }))
  .map(([pattern, times]) =>
    Uint8Array.from({ length: pattern.length * times }, (_, at) => pattern[at % pattern.length] as number),
  );

export const nullableBytes: fc.Arbitrary<Uint8Array | null> = fc.oneof(
  { weight: 5, arbitrary: smallBytes },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: largeBytes },
);

const headers: fc.Arbitrary<RecordHeader[]> = fc.array(fc.record({ key: headerKeys, value: fc.option(smallBytes) }), {
  maxLength: 4,
});

const newRecord: fc.Arbitrary<NewRecord> = fc.record({
  timestamp: timestamps,
  key: nullableBytes,
  value: nullableBytes,
  headers: fc.oneof({ weight: 3, arbitrary: fc.constant<RecordHeader[]>([]) }, { weight: 1, arbitrary: headers }),
});

export const newRecords: fc.Arbitrary<NewRecord[]> = fc.array(newRecord, { minLength: 1, maxLength: 80 });
