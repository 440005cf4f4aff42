import { beforeEach, describe, expect, test } from 'vitest';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { type LedgerId, newObjectId } from '../../../lib/kernel/ids.ts';
import type { Attributes, ItemKey } from '../../../lib/kernel/items.ts';
import { checkLimits } from '../../../lib/kernel/limits/check.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { headKey, MERGED_ATTRIBUTE } from '../../../lib/log/ledger/head.ts';
import { condemnedKey, encodeCondemned } from '../../../lib/log/merged/condemned-item.ts';
import { SegmentBuilder } from '../../../lib/log/merged/segment-builder.ts';
import { encodeSegmentItem, type SegmentItem, segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { patchBatch } from '../../../lib/log/record-batch/header.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { batchOf, headOf, makeStores, makeTopic, type Stores, settled } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';

const random = seededRandom(5);

let stores: Stores;
let ledger: LedgerId;
let segments: SegmentItem[];

/** One partition, whose first page of 8 records is merged into segments of 3 and 5. */
beforeEach(async () => {
  stores = makeStores();
  const made = await makeTopic({ stores });
  ledger = made.ledger;
  for (let n = 0; n < 12; n++) {
    const records = [{ partition: 0, key: null, value: utf8(`${n}`), headers: [] }];
    await produceRecords(made.broker, { topic: 't', records, acks: 'all' });
  }
  await settled(made.broker);
  if ((await headOf(stores.metadata, ledger)).sealed !== 1) throw new Error('12 records make one page');
  const write = { kind: 'update' as const, key: headKey(ledger), changes: { set: { [MERGED_ATTRIBUTE]: 1 } } };
  await stores.metadata.write([write]);
  segments = [await storeSegment(0, 3), await storeSegment(3, 5)];
  for (const segment of segments) await putSegment(segment);
});

const put = (key: ItemKey, attributes: Attributes) => stores.metadata.write([{ kind: 'put', key, attributes }]);
const keyOf = (segment: SegmentItem) => segmentKey(ledger.topicId, segment);
const putSegment = (segment: SegmentItem) => put(keyOf(segment), encodeSegmentItem(segment));
const removeSegment = (segment: SegmentItem) => stores.metadata.write([{ kind: 'delete', key: keyOf(segment) }]);
const objectOf = ({ object }: SegmentItem) => objectName('merged', object);
const found = async (options: { deep?: boolean } = {}) => (await checkEverything(stores, options)).findings;

async function storeSegment(base: number, records: number): Promise<SegmentItem> {
  const object = newObjectId(stores.clock.now(), random);
  const identity = { object, topicId: ledger.topicId, topic: 't', partition: 0, base, level: 0, version: 0 };
  const builder = new SegmentBuilder(identity);
  const batch = batchOf(...Array.from({ length: records }, (_, n) => `${base + n}`));
  patchBatch(batch, 0, { baseOffset: base, leaderEpoch: 0 });
  builder.add(batch);
  const { footer, segment } = builder.finish();
  await stores.objects.put(objectName('merged', object), [batch, footer]);
  return segment;
}

describe('the check of merged segments', () => {
  test('reports nothing of segments that follow each other, young or old, with all bytes read or not', async () => {
    expect(await found()).toEqual([]);
    await stores.clock.advance(checkLimits.checkGraceMs + 1);
    expect(await found({ deep: true })).toEqual([]);
  });

  test('takes no offence at segments below the log start', async () => {
    const changes = { set: { s0: 4 } };
    await stores.metadata.write([{ kind: 'update', key: headKey(ledger), changes }]);
    expect(await found()).toEqual([]);
    await removeSegment(segments[0] as SegmentItem);
    expect(await found()).toEqual([]);
  });

  test.each([
    ['at the beginning', 0, { from: 0, to: 3 }],
    ['before the pages', 1, { from: 3, to: 8 }],
  ])('finds a gap %s', async (_, index, offsets) => {
    await removeSegment(segments[index] as SegmentItem);
    const affected = [{ partition: 0, ...offsets }];
    expect(await found()).toMatchObject([{ kind: 'segment-gap', severity: 'damage', topic: 't', affected }]);
  });

  test('finds segments that overlap', async () => {
    await removeSegment(segments[1] as SegmentItem);
    await putSegment(await storeSegment(2, 6));
    const affected = [{ partition: 0, from: 2, to: 3 }];
    expect(await found()).toMatchObject([{ kind: 'segment-overlap', severity: 'damage', topic: 't', affected }]);
  });

  test('finds a segment that reaches into the pages that are not merged', async () => {
    await removeSegment(segments[1] as SegmentItem);
    await putSegment(await storeSegment(3, 7));
    const affected = [{ partition: 0, from: 8, to: 10 }];
    expect(await found()).toMatchObject([{ kind: 'segment-overlap', affected }]);
  });

  test('finds an object that is missing, or cut', async () => {
    const [first, second] = segments as [SegmentItem, SegmentItem];
    await stores.objects.delete([objectOf(first)]);
    await stores.objects.put(objectOf(second), [new Uint8Array(10)]);
    expect(await found()).toMatchObject([
      { kind: 'object-missing', object: objectOf(first), affected: [{ from: 0, to: 3 }], item: keyOf(first) },
      { kind: 'object-short', object: objectOf(second), affected: [{ from: 3, to: 8 }], item: keyOf(second) },
    ]);
  });

  test.each([
    ['a record', (segment: SegmentItem) => segment.bytes - 1],
    ['the footer', (segment: SegmentItem) => segment.bytes + 3],
  ])('finds a byte of %s that is another, where it reads all bytes', async (_, place) => {
    const [segment] = segments as [SegmentItem];
    const bytes = new Uint8Array((await stores.objects.getRange(objectOf(segment))) as Uint8Array);
    const at = place(segment);
    bytes[at] = (bytes[at] as number) ^ 1;
    await stores.objects.put(objectOf(segment), [bytes]);
    expect(await found()).toEqual([]);
    const object = objectOf(segment);
    expect(await found({ deep: true })).toMatchObject([{ kind: 'object-corrupt', severity: 'damage', object }]);
  });

  test('finds a merged object that nothing names, once it is older than the grace', async () => {
    const stray = await storeSegment(0, 8);
    expect(await found()).toEqual([]);
    await stores.clock.advance(checkLimits.checkGraceMs + 1);
    expect(await found()).toMatchObject([{ kind: 'object-unreferenced', severity: 'waste', object: objectOf(stray) }]);
  });

  test('leaves what is condemned to who deletes it, for a day', async () => {
    const stray = await storeSegment(0, 8);
    await stores.clock.advance(checkLimits.checkGraceMs + 1);
    const key = condemnedKey(ledger, { ms: stores.clock.now(), random: '0123abcd' });
    await put(key, encodeCondemned([{ tier: 'merged', object: stray.object }]));
    expect(await found()).toEqual([]);
    await stores.clock.advance(checkLimits.checkGraceMs + 1);
    expect(await found()).toMatchObject([{ kind: 'item-overdue', severity: 'waste', item: key }]);
  });
});
