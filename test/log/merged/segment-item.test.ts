import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSegmentItem,
  encodeSegmentItem,
  parseSegmentKey,
  partitionKey,
  SEGMENTS_END,
  SEGMENTS_START,
  type SegmentItem,
  segmentKey,
  segmentSortKey,
} from '../../../lib/log/merged/segment-item.ts';
import { decodeAttributes, encodeAttributes } from '../../../lib/storage/metadata/item-codec.ts';
import { itemBytes } from '../../../lib/storage/metadata/item-size.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';
import { segmentItem } from '../../support/merged-arbitraries.ts';

const { topicId } = LEDGER;

const PLAIN: SegmentItem = {
  partition: 7,
  base: 1_000,
  end: 2_000,
  object: { birthMs: 1_790_000_000_000, random: new Uint8Array(8).fill(0xab) },
  bytes: 64_000,
  footerBytes: 300,
  records: 1_000,
  level: 0,
};

describe('segment items', () => {
  it('survive their item and its bytes in a store', () => {
    fc.assert(
      fc.property(segmentItem, (segment) => {
        const key = segmentKey(topicId, segment);
        const attributes = encodeSegmentItem(segment);
        expect(decodeSegmentItem({ key, attributes })).toEqual(segment);
        expect(decodeSegmentItem({ key, attributes: decodeAttributes(encodeAttributes(attributes)) })).toEqual(segment);
      }),
    );
  });

  it('take less than 200 bytes each, whatever they hold', () => {
    fc.assert(
      fc.property(segmentItem, (segment) => {
        expect(itemBytes(segmentKey(topicId, segment), encodeSegmentItem(segment))).toBeLessThan(200);
      }),
    );
  });

  it('pay for nothing that is as usual', () => {
    expect(Object.keys(encodeSegmentItem(PLAIN)).sort()).toEqual(['b', 'e', 'f', 'n', 'o']);
  });

  it('say by their keys where they are, and sort by offset', () => {
    expect(segmentKey(topicId, PLAIN)).toEqual({ pk: `partition#${topicId}#00007`, sk: 'segment#0000000000001000' });
    fc.assert(
      fc.property(segmentItem, segmentItem, (a, b) => {
        const { partition, base } = a;
        expect(parseSegmentKey(segmentKey(topicId, a))).toEqual({ topicId, partition, base });
        expect(segmentSortKey(a.base) < segmentSortKey(b.base)).toBe(a.base < b.base);
        expect(segmentSortKey(a.base) > SEGMENTS_START && segmentSortKey(a.base) < SEGMENTS_END).toBe(true);
      }),
    );
  });

  it.each([
    [`partition#${topicId}#7`, 'segment#0000000000001000'],
    [`partition#${topicId}#00007`, 'segment#1000'],
    [`partition#${topicId}#00007`, 'segment#9999999999999999'], // beyond 2^53
    [`partition#short#00007`, 'segment#0000000000001000'],
    [`ledger#${topicId}#0`, 'page#000000000001'],
    [`partition#${topicId}#00007#`, 'segment#0000000000001000'],
  ])('are not seen in %s / %s', (pk, sk) => {
    expect(parseSegmentKey({ pk, sk })).toBeUndefined();
  });

  it('cover at least one offset and have no more records than offsets', () => {
    expect(() => encodeSegmentItem({ ...PLAIN, end: PLAIN.base })).toThrow('a segment covers offsets');
    expect(() => encodeSegmentItem({ ...PLAIN, records: 1_001 })).toThrow(
      '1001 records have no place from 1000 to 2000',
    );
    expect(() => encodeSegmentItem({ ...PLAIN, newestMs: 5 })).toThrow('or neither');
    expect(() => partitionKey(topicId, 100_000)).toThrow('partition 100000');
    expect(() => segmentSortKey(-1)).toThrow('offset -1');
  });

  it.each([
    ['o', new Uint8Array(13), 'a segment item has an object id'],
    ['e', undefined, 'a segment item has e'],
    ['b', -1, 'segment attribute b is a count'],
    ['t', '5', 'segment attribute t is a count'],
    ['c', 1, 'a segment item says whether it was compacted'],
    ['s', 3, 'a storage class is text'],
  ])('are not read where %s is %j', (name, value, reason) => {
    const attributes = { ...encodeSegmentItem(PLAIN), [name]: value } as ReturnType<typeof encodeSegmentItem>;
    expect(() => decodeSegmentItem({ key: segmentKey(topicId, PLAIN), attributes })).toThrow(reason);
  });
});
