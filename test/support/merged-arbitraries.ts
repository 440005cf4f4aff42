/** Any segment that its item can hold, for properties. */
import * as fc from 'fast-check';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { topicLimits } from '../../lib/kernel/limits/topics.ts';
import type { SegmentItem } from '../../lib/log/merged/segment-item.ts';
import { objectId } from './ledger-arbitraries.ts';

const times = fc
  .uniqueArray(fc.nat({ max: topicLimits.timestampMsMax }), { minLength: 2, maxLength: 2 })
  .map(([a, b]) => ({ oldestMs: Math.min(a as number, b as number), newestMs: Math.max(a as number, b as number) }));

const optionalFacts = fc.record(
  {
    holders: fc.nat({ max: 255 }),
    compacted: fc.constant(true),
    horizonMs: fc.nat({ max: topicLimits.timestampMsMax }),
    storageClass: fc.constantFrom('STANDARD_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR'),
  },
  { requiredKeys: [] },
);

export const segmentItem: fc.Arbitrary<SegmentItem> = fc
  .record({
    partition: fc.nat({ max: topicLimits.partitionsPerTopicMax - 1 }),
    base: fc.oneof(fc.nat(), fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 })),
    covered: fc.integer({ min: 1, max: 1_000_000 }),
    records: fc.nat(),
    object: objectId,
    bytes: fc.nat({ max: mergingLimits.mergedSegmentBytesMax }),
    footerBytes: fc.nat({ max: 1_000_000 }),
    level: fc.nat({ max: 20 }),
    times: fc.option(times, { nil: undefined }),
    facts: optionalFacts,
  })
  .map(({ covered, records, times: both, facts, ...rest }) => {
    const end = Math.min(rest.base + covered, Number.MAX_SAFE_INTEGER);
    return Object.assign(rest, { end, records: records % (end - rest.base + 1) }, both, facts);
  });

/** A segment of one record an offset and 1 KiB a record, its object born at `born`. */
export function segmentOf(
  base: number,
  end: number,
  { partition = 0, born = 1 + base, level = 0, bytes = (end - base) * 1_024 } = {},
): SegmentItem {
  const random = new Uint8Array(8).fill(born % 251).fill(partition % 251, 4);
  const object = { birthMs: born, random };
  return { partition, base, end, object, bytes, footerBytes: 100, records: end - base, level };
}
