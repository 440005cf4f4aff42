import { expect, it } from 'vitest';
import { parseFrom, parseUntil } from '../../../lib/cli/consume/positions.ts';

const NOW = 1_000_000;

it.each([
  ['earliest', { kind: 'earliest' }],
  ['beginning', { kind: 'earliest' }],
  ['latest', { kind: 'latest' }],
  ['end', { kind: 'latest' }],
  ['0', { kind: 'offset', offset: 0 }],
  ['-10', { kind: 'last', count: 10 }],
  ['@-10s', { kind: 'time', ms: NOW - 10_000 }],
])('begins at %s', (text, from) => {
  expect(parseFrom(text, NOW)).toEqual(from);
});

it.each([
  ['end', { kind: 'end' }],
  ['12', { kind: 'offset', offset: 12 }],
  ['@5', { kind: 'time', ms: 5 }],
])('ends at %s', (text, until) => {
  expect(parseUntil(text, NOW)).toEqual(until);
});

it.each(['', 'start', '-', '--5', '1.5', '1e3', 'constructor'])('begins and ends nowhere like "%s"', (text) => {
  expect(() => parseFrom(text, NOW)).toThrow(`--from is "${text}", not earliest, latest, an offset`);
  expect(() => parseUntil(text, NOW)).toThrow(`--until is "${text}", not end, an offset, or @<time>`);
});
