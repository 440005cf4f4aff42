import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fetchBatches, fetchRecords } from '../../../lib/broker/fetch.ts';
import { listOffsets } from '../../../lib/broker/list-offsets.ts';
import { planFetch } from '../../../lib/broker/plan-fetch.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import type { LedgerHead } from '../../../lib/log/ledger/head.ts';
import { pageKey } from '../../../lib/log/ledger/page.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { makeBroker, type Process } from '../../support/broker.ts';
import { mergeByHand } from '../../support/merge-by-hand.ts';
import { type Action, actions, buildPartition, type RandomPartition } from '../../support/random-partition.ts';

const all = { topic: 't', partition: 0, maxRecords: 10_000, maxBytes: 4_000_000, minBytes: 1, waitMs: 0 };

/** Everything from the offset on, over as many fetches as it takes. */
async function readAll({ broker }: Pick<Process, 'broker'>, offset: number, maxBytes = all.maxBytes) {
  const found: { offset: number; timestamp: number; value: string }[] = [];
  for (let at = offset; ; ) {
    const { records, nextOffset, highWatermark } = await fetchRecords(broker, {
      ...all,
      maxBytes,
      position: { at: 'offset', offset: at },
    });
    for (const { offset: own, timestamp, value } of records)
      found.push({ offset: own, timestamp, value: String(value) });
    if (nextOffset >= highWatermark) return found;
    expect(nextOffset).toBeGreaterThan(at);
    at = nextOffset;
  }
}

/** Some pages of it merged, in one go or two. */
async function merged(partition: RandomPartition, seed: number, bytesMax: number): Promise<number> {
  const { process, ledger } = partition;
  const { sealed } = (await process.broker.heads.strong(ledger)) as LedgerHead;
  const to = sealed === 0 ? 0 : 1 + (seed % sealed);
  if (to > 1) await mergeByHand(process, ledger, { to: to >>> 1, slots: 2, bytesMax });
  if (to > 0) await mergeByHand(process, ledger, { to, slots: 2, bytesMax });
  return to;
}

const anySeed = fc.nat();
const anySize = fc.constantFrom(1, 300, Number.POSITIVE_INFINITY);
const sealed: Action[] = Array.from({ length: 6 }, (_, n) => [
  {
    action: 'append' as const,
    joined: true,
    batches: [{ timestamps: [n], valueBytes: 9, compressionType: 'none' as const }],
  },
  { action: 'seal' as const },
]).flat();

describe('a partition of which pages are merged', () => {
  it('is read as before, from every offset, by whoever knows of it and who does not', async () => {
    await fc.assert(
      fc.asyncProperty(actions, anySeed, anySize, async (list, seed, bytesMax) => {
        const partition = await buildPartition(list, seed % 2 === 0 ? 0 : 4_096);
        const old = makeBroker({ stores: partition.stores });
        await old.broker.heads.strong(partition.ledger);
        const before = await readAll(partition.process, 0);
        await merged(partition, seed, bytesMax);
        const fresh = makeBroker({ stores: partition.stores });
        const offset = partition.end === 0 ? 0 : seed % partition.end;
        const rest = before.filter((one) => one.offset >= offset);
        for (const process of [fresh, old]) expect(await readAll(process, offset, 1 + (seed % 500))).toEqual(rest);
      }),
      { numRuns: 60 },
    );
  });

  it('has the same first record at or after every time', async () => {
    await fc.assert(
      fc.asyncProperty(actions, anySeed, anySize, fc.nat({ max: 70 }), async (list, seed, bytesMax, timestampMs) => {
        const partition = await buildPartition(list);
        const { broker } = makeBroker({ stores: partition.stores });
        const request = { topic: 't', partition: 0, at: { at: 'timestamp' as const, timestampMs } };
        const before = await listOffsets(broker, request);
        await merged(partition, seed, bytesMax);
        expect(await listOffsets(broker, request)).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });

  it('is planned by ranges whose batches carry their own offsets', async () => {
    const partition = await buildPartition(sealed);
    const { broker } = makeBroker({ stores: partition.stores });
    await mergeByHand(partition.process, partition.ledger, { to: 4 });
    const plan = await planFetch(broker, { topic: 't', partition: 0, offset: 1, maxBytes: 1_000_000 });
    expect(plan.segments[0]).toMatchObject({ source: 'url', baseOffset: 0, lastOffset: 3, offsets: 'absolute' });
    expect(plan.segments[1]).toMatchObject({ baseOffset: 4, lastOffset: 4 });
    expect(plan.segments[1]).not.toHaveProperty('offsets');
    expect(plan.nextOffset).toBe(6);
    const { batches } = await fetchBatches(broker, { ...all, position: { at: 'offset', offset: 0 } });
    const bytes = batches[0] as Uint8Array;
    expect([...batchHeaders(bytes)].map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2, 3]);
    expect(plan.segments[0]).toMatchObject({ bytes: bytes.length, crc32c: crc32c(bytes) });
  });
});

describe('a reader whose head is older than what became of the pages', () => {
  it('misses a page that is gone and takes a newer head', async () => {
    const partition = await buildPartition(sealed);
    const old = makeBroker({ stores: partition.stores });
    await old.broker.heads.strong(partition.ledger);
    await mergeByHand(partition.process, partition.ledger, { to: 4 });
    for (const sequence of [0, 1, 2, 3]) {
      await partition.stores.metadata.write([
        { kind: 'delete', key: pageKey(partition.ledger, sequence), conditions: [] },
      ]);
    }
    expect((await readAll(old, 0)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('says which offsets are missing where the segment’s object is gone', async () => {
    const partition = await buildPartition(sealed);
    const [segment] = await mergeByHand(partition.process, partition.ledger, { to: 4 });
    if (segment === undefined) throw new Error('nothing was merged');
    await partition.stores.objects.delete([objectName('merged', segment.object)]);
    const { broker } = makeBroker({ stores: partition.stores });
    await expect(readAll({ broker }, 0)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
      message: expect.stringContaining('offsets 0 to 3'),
    });
    expect((await readAll({ broker }, 4)).map(({ offset }) => offset)).toEqual([4, 5]);
  });

  it('refuses a segment whose bytes were changed to who decodes them', async () => {
    const partition = await buildPartition(sealed);
    const [segment] = await mergeByHand(partition.process, partition.ledger, { to: 4 });
    if (segment === undefined) throw new Error('nothing was merged');
    const name = objectName('merged', segment.object);
    const bytes = (await partition.stores.objects.getRange(name)) as Uint8Array;
    const changed = bytes.slice();
    changed[70] = (changed[70] as number) ^ 1;
    await partition.stores.objects.delete([name]);
    await partition.stores.objects.put(name, [changed]);
    const { broker } = makeBroker({ stores: partition.stores });
    await expect(readAll({ broker }, 0)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      message: expect.stringContaining('do not match their checksum'),
    });
  });
});
