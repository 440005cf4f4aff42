import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fetchBatches } from '../../../lib/broker/fetch/fetch.ts';
import { type PlanFetchResult, type PlannedSegment, planFetch } from '../../../lib/broker/fetch/plan-fetch.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { batchHeaders, patchBatch } from '../../../lib/log/record-batch/header.ts';
import { makeBroker, runsOf, type Stores } from '../../support/broker.ts';
import { type Action, actions, buildPartition, type RandomPartition } from '../../support/random-partition.ts';

const plan = ({ stores }: RandomPartition, offset: number, maxBytes: number = requestLimits.fetchBytesDefault) =>
  planFetch(makeBroker({ stores }).broker, { topic: 't', partition: 0, offset, maxBytes });

/** What a client makes of a segment: it reads the bytes where it is told, checks them, and fills in the offsets. */
async function follow({ presigner, objects }: Stores, segment: PlannedSegment): Promise<Uint8Array> {
  if (segment.source === 'bytes') return segment.batches;
  const allowed = presigner.verify(segment.url);
  if (allowed.outcome !== 'valid') throw new Error(allowed.reason);
  const { name, range } = allowed;
  expect(segment.headers).toEqual({ range: `bytes=${range.start}-${range.end - 1}` });
  const bytes = (await objects.getRange(name, range)) as Uint8Array;
  expect(bytes).toHaveLength(segment.bytes);
  expect(crc32c(bytes)).toBe(segment.crc32c);
  let offset = segment.baseOffset;
  for (const header of batchHeaders(bytes)) {
    patchBatch(bytes, header.position, { baseOffset: offset, leaderEpoch: 0 });
    offset += header.lastOffsetDelta + 1;
  }
  expect(offset).toBe(segment.lastOffset + 1);
  return bytes;
}

async function followed({ stores }: RandomPartition, { segments }: PlanFetchResult): Promise<Uint8Array> {
  return concatBytes(await Promise.all(segments.map((segment) => follow(stores, segment))));
}

const append = (valueBytes: number): Action => ({
  action: 'append',
  joined: true,
  batches: [{ timestamps: [1], valueBytes, compressionType: 'none' }],
});

describe('a plan', () => {
  it.each([
    ['the bucket', 0],
    ['the table', 1_000_000],
    ['either, by size', 400],
  ])('leads to the same bytes that a fetch gives, with the objects in %s', async (_, inlineBytesMax) => {
    await fc.assert(
      fc.asyncProperty(actions, fc.nat(), fc.integer({ min: 1, max: 3_000 }), async (list, seed, maxBytes) => {
        const partition = await buildPartition(list, inlineBytesMax);
        fc.pre(partition.end > 0);
        const offset = seed % partition.end;
        const planned = await plan(partition, offset, maxBytes);
        const bytes = await followed(partition, planned);
        const runs = await runsOf(partition.stores.metadata, partition.ledger, 0);
        const from = runs.findIndex((run) => run.endOffset > offset);
        // Whole runs, one at least, without a gap.
        const { segments, nextOffset } = planned;
        const taken = runs.slice(from, from + segments.length);
        expect(segments.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset + 1])).toEqual(
          taken.map(({ baseOffset, endOffset }) => [baseOffset, endOffset]),
        );
        expect(nextOffset).toBe(taken.at(-1)?.endOffset);
        expect(segments.length === 1 || bytes.length <= maxBytes).toBe(true);
        const next = runs[from + segments.length]?.bytes ?? Number.POSITIVE_INFINITY;
        expect(bytes.length + next).toBeGreaterThan(maxBytes);
        const all = await fetchBatches(partition.process.broker, {
          topic: 't',
          partition: 0,
          position: { at: 'offset', offset: taken[0]?.baseOffset ?? 0 },
          maxBytes: bytes.length,
          minBytes: 1,
          waitMs: 0,
        });
        expect(concatBytes(all.batches)).toEqual(bytes);
      }),
      { numRuns: 30 },
    );
  });

  it('says how long its URLs work, and has nothing to say of bytes that it brings along', async () => {
    const inBucket = await buildPartition([append(10), append(10)]);
    const { segments, expiresAtMs } = await plan(inBucket, 0);
    const leftMs = (expiresAtMs as number) - inBucket.stores.clock.now();
    expect(leftMs).toBeLessThanOrEqual(storageLimits.presignedUrlMs);
    expect(leftMs).toBeGreaterThan((storageLimits.presignedUrlMs * 2) / 3);
    const [first] = segments as [Extract<PlannedSegment, { source: 'url' }>];
    expect(inBucket.stores.presigner.verify(first.url)).toMatchObject({ outcome: 'valid' });
    await inBucket.stores.clock.advance(leftMs - 1);
    expect(inBucket.stores.presigner.verify(first.url)).toMatchObject({ outcome: 'valid' });
    await inBucket.stores.clock.advance(1);
    expect(inBucket.stores.presigner.verify(first.url)).toMatchObject({ reason: 'expired' });
    expect(await plan(await buildPartition([append(10)], 10_000), 0)).toMatchObject({ expiresAtMs: null });
  });

  it("names the range of its partition only, since objects hold others' records", async () => {
    const partition = await buildPartition([append(10)]);
    const [run] = await runsOf(partition.stores.metadata, partition.ledger, 0);
    const { segments } = await plan(partition, 0);
    expect(segments[0]).toMatchObject({
      headers: { range: `bytes=${run?.position}-${(run?.position ?? 0) + (run?.bytes ?? 0) - 1}` },
    });
  });

  it('is empty at the end, and refused beyond it', async () => {
    const partition = await buildPartition([append(10)]);
    expect(await plan(partition, 1)).toEqual({ segments: [], nextOffset: 1, expiresAtMs: null });
    await expect(plan(partition, 2)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      facts: { logStartOffset: 0, highWatermark: 1 },
    });
  });

  it('names at most so many ranges, and goes on after them', async () => {
    const count = storageLimits.plannedSegmentsMax + 5;
    const list = Array.from({ length: count }, (_, i) =>
      i % 40 === 39 ? [append(1), { action: 'seal' as const }] : [append(1)],
    );
    const partition = await buildPartition(list.flat());
    const { segments, nextOffset } = await plan(partition, 2);
    expect(segments).toHaveLength(storageLimits.plannedSegmentsMax);
    expect(await plan(partition, nextOffset)).toMatchObject({ nextOffset: count });
  });
});
