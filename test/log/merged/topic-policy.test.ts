import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { mergePolicyOf, segmentTargetBytes, stepTargetBytes } from '../../../lib/log/merged/topic-policy.ts';
import { parseTopicConfig, type TopicConfigInput } from '../../../lib/log/topic/config.ts';

const HOUR_MS = 60 * 60 * 1_000;
const MIB = 1_024 * 1_024;

const ageOf = (input: TopicConfigInput) => mergePolicyOf(parseTopicConfig(input).values).ageMsMin;

describe('the age at which pages are merged', () => {
  it('is an hour, or what segment.ms says where that is less', () => {
    expect(ageOf({})).toBe(HOUR_MS);
    expect(ageOf({ 'segment.ms': 60_000 })).toBe(60_000);
    expect(ageOf({ 'segment.ms': 24 * HOUR_MS })).toBe(HOUR_MS);
  });

  it('leaves half of max.compaction.lag.ms for compaction', () => {
    expect(ageOf({ 'cleanup.policy': 'compact', 'max.compaction.lag.ms': 60_000 })).toBe(30_000);
    expect(ageOf({ 'cleanup.policy': 'delete', 'max.compaction.lag.ms': 60_000 })).toBe(HOUR_MS);
  });
});

describe('the size of segments', () => {
  it('is 256 MiB, or what segment.bytes says where that is less', () => {
    expect(segmentTargetBytes(parseTopicConfig({}).values)).toBe(256 * MIB);
    expect(segmentTargetBytes(parseTopicConfig({ 'segment.bytes': MIB }).values)).toBe(MIB);
  });

  it('is so large that those of one step fit one transaction', () => {
    const batches = fc.array(fc.integer({ min: 1, max: 4 * MIB }), { maxLength: 300 });
    fc.assert(
      fc.property(fc.array(batches, { minLength: 1, maxLength: topicLimits.partitionsPerLedgerMax }), (slots) => {
        const target = stepTargetBytes(
          MIB,
          slots.flat().reduce((sum, bytes) => sum + bytes, 0),
        );
        let segments = 0;
        for (const slot of slots) {
          let open = 0;
          for (const bytes of slot) {
            if (open === 0 || open + bytes > target) segments++;
            open = open === 0 || open + bytes > target ? bytes : open + bytes;
          }
        }
        expect(segments).toBeLessThanOrEqual(mergingLimits.segmentWritesMax);
      }),
    );
  });
});
