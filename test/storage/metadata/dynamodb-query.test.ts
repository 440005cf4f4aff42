import { describe, expect, test } from 'vitest';
import { planQuery, queryPage } from '../../../lib/storage/metadata/dynamodb-query.ts';
import type { Query } from '../../../lib/storage/metadata/port.ts';

function plan(query: Partial<Query>) {
  const { request, drop } = planQuery({ pk: 'p', limit: 5, consistency: 'eventual', ...query }) ?? {};
  const { KeyConditionExpression, ExpressionAttributeValues, ExclusiveStartKey } = request ?? {};
  const values = Object.entries(ExpressionAttributeValues ?? {}).map(([name, value]) => [name, value.S]);
  return { condition: KeyConditionExpression, ...Object.fromEntries(values), start: ExclusiveStartKey?.sk?.S, drop };
}

describe('a range becomes', () => {
  const cases: [string, Partial<Query>, object][] = [
    ['nothing for all', {}, { condition: 'pk=:p' }],
    ['nothing for an empty start', { from: '' }, { condition: 'pk=:p' }],
    ['nothing for what comes after the empty text', { from: '\0' }, { condition: 'pk=:p' }],
    ['one comparison for a start', { from: 'a' }, { condition: 'pk=:p AND sk>=:f', ':f': 'a' }],
    ['one for what comes after a key', { from: 'a\0' }, { condition: 'pk=:p AND sk>:f', ':f': 'a' }],
    ['one for an end', { to: 'b' }, { condition: 'pk=:p AND sk<:t', ':t': 'b' }],
    [
      'BETWEEN without its upper end',
      { from: 'a', to: 'b' },
      { condition: 'pk=:p AND sk BETWEEN :f AND :t', ':f': 'a', ':t': 'b', drop: 'b' },
    ],
    [
      'BETWEEN without either end',
      { from: 'a\0', to: 'b' },
      { condition: 'pk=:p AND sk BETWEEN :f AND :t', ':f': 'a', ':t': 'b', start: 'a', drop: 'b' },
    ],
    [
      'BETWEEN from behind its upper end when descending',
      { from: 'a', to: 'b', descending: true },
      { condition: 'pk=:p AND sk BETWEEN :f AND :t', ':f': 'a', ':t': 'b', start: 'b' },
    ],
    [
      'BETWEEN without either end when descending',
      { from: 'a\0', to: 'b', descending: true },
      { condition: 'pk=:p AND sk BETWEEN :f AND :t', ':f': 'a', ':t': 'b', start: 'b', drop: 'a' },
    ],
  ];
  test.each(cases)('%s', (_, query, expected) => {
    expect(plan(query)).toEqual({ ':p': 'p', start: undefined, drop: undefined, ...expected });
  });

  test.each([
    ['b', 'a'],
    ['a', 'a'],
    ['', ''],
    ['\u{10000}', '\u{e000}'],
  ])('no request at all where it is empty, from %j to %j', (from, to) => {
    expect(planQuery({ pk: 'p', from, to, limit: 1, consistency: 'strong' })).toBeUndefined();
  });
});

test('the item at an excluded end is dropped, and ends the query', () => {
  const query: Query = { pk: 'p', from: 'a', to: 'b', limit: 2, consistency: 'eventual' };
  const items = ['a', 'b'].map((sk) => ({ key: { pk: 'p', sk }, attributes: {} }));
  expect(queryPage(query, { request: {}, drop: 'b' }, items, 'b')).toEqual({ items: items.slice(0, 1) });
  expect(queryPage(query, { request: {}, drop: 'c' }, items, 'b')).toEqual({ items, next: 'b\0' });
  expect(queryPage({ ...query, descending: true }, { request: {} }, items, 'b')).toEqual({ items, next: 'b' });
});

test('a query without a limit is a bug', () => {
  expect(() => planQuery({ pk: 'p', limit: 0, consistency: 'strong' })).toThrow('limit');
});
