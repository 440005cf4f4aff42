import { expect, test } from 'vitest';
import { durationMs } from '../../../lib/coordination/share-groups/duration.ts';
import { faultIn, shareGroupConfig } from '../../../lib/coordination/share-groups/group-config.ts';

test.each([
  ['PT1H', 3_600_000],
  ['P1D', 86_400_000],
  ['P1DT2H3M4.5S', 93_784_500],
  ['pt10s', 10_000],
  ['PT0.25S', 250],
])('the duration %s is %i ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each(['', 'P', 'PT', '1H', 'PT-1H', 'P1M', 'P1DT', 'PT1H '])('"%s" is no duration', (text) => {
  expect(durationMs(text)).toBeUndefined();
});

test('a group without configs has Kafka’s defaults', () => {
  expect(faultIn({})).toBeUndefined();
  expect(shareGroupConfig({})).toEqual({
    reset: { to: 'latest' },
    heartbeatMs: 5_000,
    lockMs: 30_000,
    sessionTimeoutMs: 45_000,
    limits: { deliveriesMax: 5, inFlightMax: 2_000 },
  });
});

test('where a group begins is told by name, whatever its case, or by a duration', () => {
  expect(shareGroupConfig({ 'share.auto.offset.reset': 'EARLIEST' }).reset).toEqual({ to: 'earliest' });
  expect(shareGroupConfig({ 'share.auto.offset.reset': 'by_duration:PT2H' }).reset).toEqual({
    to: 'ago',
    ms: 7_200_000,
  });
  expect(faultIn({ 'share.auto.offset.reset': 'by_duration:soon' })).toContain('share.auto.offset.reset');
});
