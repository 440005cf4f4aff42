import { expect, it } from 'vitest';
import { parseTime } from '../../lib/cli/times.ts';

const NOW = Date.UTC(2026, 10, 22, 12);

it.each([
  ['@1767225600000', 1_767_225_600_000],
  ['@0', 0],
  ['@2026-01-31', Date.UTC(2026, 0, 31)],
  ['@2024-02-29', Date.UTC(2024, 1, 29)],
  ['@2026-01-31T12:30Z', Date.UTC(2026, 0, 31, 12, 30)],
  ['@2026-01-31T12:30:15.250+02:00', Date.UTC(2026, 0, 31, 10, 30, 15, 250)],
  ['@-90s', NOW - 90_000],
  ['@-15m', NOW - 900_000],
  ['@-2h', NOW - 7_200_000],
  ['@-1d', NOW - 86_400_000],
])('reads %s', (text, ms) => {
  expect(parseTime('--at', text, NOW)).toBe(ms);
});

it.each([
  '2026-01-31',
  '@',
  '@yesterday',
  '@2026-02-30',
  '@2026-13-01',
  '@2026-01-31T25:00Z',
  '@2026-01-31T12:30',
  '@2026-01-31 12:30Z',
  '@-5w',
  '@-999999999d',
  '@1.5',
])('refuses %s', (text) => {
  expect(() => parseTime('--at', text, NOW)).toThrow(`--at is "${text}", not a time: @2026-01-31`);
});
