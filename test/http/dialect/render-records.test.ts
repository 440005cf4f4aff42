import { expect, test } from 'vitest';
import { renderPolled } from '../../../lib/http/dialect/render-records.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';

function polled(partition: number, values: readonly (string | Uint8Array)[], offset = 0) {
  const records = values.map((value, index) => ({
    offset: offset + index,
    timestamp: 5,
    key: null,
    value: typeof value === 'string' ? utf8(value) : value,
    headers: [],
  }));
  return { topic: 't', partition, offset, records, nextOffset: offset + values.length };
}

const TEXT = { format: 'text', contentBytesMax: undefined } as const;
const JSON_FORMAT = { format: 'json', contentBytesMax: undefined } as const;
const valuesOf = (answer: string) => (JSON.parse(answer) as { value: unknown }[]).map(({ value }) => value);

test('renders everything that fits, and says how far that is in each partition', () => {
  const { nextOffsets, answer } = renderPolled([polled(0, ['a', 'b']), polled(1, ['c'], 7)], TEXT);
  expect(nextOffsets).toEqual([2, 8]);
  expect(JSON.parse(answer)).toEqual([
    { topic: 't', key: null, value: 'a', partition: 0, offset: 0, timestamp: 5 },
    { topic: 't', key: null, value: 'b', partition: 0, offset: 1, timestamp: 5 },
    { topic: 't', key: null, value: 'c', partition: 1, offset: 7, timestamp: 5 },
  ]);
});

test('ends where the content is more than was asked for; later partitions stay where they are', () => {
  const partitions = [polled(0, ['aaaa', 'bbbb', 'cccc']), polled(1, ['d'], 7)];
  const { nextOffsets, answer } = renderPolled(partitions, { ...TEXT, contentBytesMax: 9 });
  expect([nextOffsets, valuesOf(answer)]).toEqual([
    [2, 7],
    ['aaaa', 'bbbb'],
  ]);
  expect(() => renderPolled(partitions, { ...TEXT, contentBytesMax: 3 })).toThrow('max_bytes');
});

test('ends where the answer is as long as one may be, but has one record in any case', () => {
  const large = new Uint8Array(requestLimits.fetchBytesMax - 500).fill(0x61);
  const { nextOffsets } = renderPolled([polled(0, [large, large])], TEXT);
  expect(nextOffsets).toEqual([1]);
  const escaped = new Uint8Array(requestLimits.fetchBytesMax).fill(0x22);
  expect(renderPolled([polled(0, [escaped])], TEXT).nextOffsets).toEqual([1]);
});

test('ends before what is not JSON, and says where that is if nothing is before it', () => {
  for (const bad of ['', 'nope', '{"a":1} 2', new Uint8Array([0x22, 0xff, 0x22])]) {
    const { nextOffsets, answer } = renderPolled([polled(0, ['1', bad, '3']), polled(1, ['4'])], JSON_FORMAT);
    expect([nextOffsets, valuesOf(answer)]).toEqual([[1, 0], [1]]);
    expect(() => renderPolled([polled(0, [bad], 9)], JSON_FORMAT)).toThrow('offset 9 of t 0 is not JSON; seek to 10');
  }
});

test('keeps the digits of numbers, and bytes that are no text as base64', () => {
  const { answer } = renderPolled([polled(0, ['{"n":12345678901234567890.10}'])], JSON_FORMAT);
  expect(answer).toContain('"value":{"n":12345678901234567890.10}');
  const binary = renderPolled([polled(0, [new Uint8Array([0xff, 0])])], { ...TEXT, format: 'binary' });
  expect(valuesOf(binary.answer)).toEqual(['/wA=']);
});
