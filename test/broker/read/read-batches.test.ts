import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionView } from '../../../lib/broker/read/partition-view.ts';
import { readBatches } from '../../../lib/broker/read/read-batches.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import type { LedgerHead } from '../../../lib/log/ledger/head.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { makeBroker, type Process } from '../../support/broker.ts';
import { actions, buildPartition, type ExpectedBatch, type RandomPartition } from '../../support/random-partition.ts';

async function viewOf({ broker }: Process, { ledger }: RandomPartition): Promise<PartitionView> {
  const head = (await broker.heads.strong(ledger)) as LedgerHead;
  return new PartitionView({ ledger, slot: 0, partition: 0, head, ...broker });
}

/** The batches that a reader must get: from the one with the offset, as many as fit, and at least one. */
function expected(batches: readonly ExpectedBatch[], offset: number, maxBytes: number): ExpectedBatch[] {
  const from = batches.findLastIndex(({ baseOffset }) => baseOffset <= offset);
  const taken: ExpectedBatch[] = [];
  let bytes = 0;
  for (const batch of batches.slice(from)) {
    bytes += batch.bytes;
    if (taken.length > 0 && bytes > maxBytes) break;
    taken.push(batch);
  }
  return taken;
}

const maxBytes = fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.constant(requestLimits.fetchBytesMax));

describe('readBatches', () => {
  it('gives whole batches without a gap from the wanted offset on: as many as fit, and at least one', async () => {
    await fc.assert(
      fc.asyncProperty(
        actions,
        fc.array(fc.tuple(fc.nat(), maxBytes), { minLength: 1, maxLength: 6 }),
        async (list, reads) => {
          const partition = await buildPartition(list);
          fc.pre(partition.end > 0);
          const processes = [partition.process, makeBroker({ stores: partition.stores })];
          for (const [index, [seed, bytes]] of reads.entries()) {
            const offset = seed % partition.end;
            const process = processes[index % 2] as Process; // one that wrote them, one that has to read them
            const view = await viewOf(process, partition);
            const stretch = await readBatches(process.broker, view, offset, { maxBytes: bytes });
            const found = stretch.batches.flatMap((chunk) => [...batchHeaders(chunk)]);
            const wanted = expected(partition.batches, offset, bytes);
            expect(found.map(({ baseOffset, sizeBytes }) => ({ baseOffset, bytes: sizeBytes }))).toEqual(
              wanted.map((batch) => ({ baseOffset: batch.baseOffset, bytes: batch.bytes })),
            );
            const last = wanted.at(-1) as ExpectedBatch;
            expect(stretch.nextOffset).toBe(last.baseOffset + last.timestamps.length);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is what following it to the end adds up to, whatever the steps', async () => {
    await fc.assert(
      fc.asyncProperty(actions, maxBytes, async (list, bytes) => {
        const partition = await buildPartition(list);
        const view = await viewOf(partition.process, partition);
        const bases: number[] = [];
        for (let offset = 0; offset < partition.end; ) {
          const stretch = await readBatches(partition.process.broker, view, offset, { maxBytes: bytes });
          for (const chunk of stretch.batches) for (const { baseOffset } of batchHeaders(chunk)) bases.push(baseOffset);
          expect(stretch.nextOffset).toBeGreaterThan(offset);
          offset = stretch.nextOffset;
        }
        expect(bases).toEqual(partition.batches.map(({ baseOffset }) => baseOffset));
      }),
      { numRuns: 40 },
    );
  });

  it('does not skip a batch that does not fit for a smaller one behind it', async () => {
    const append = (valueBytes: number) => ({
      action: 'append' as const,
      joined: true,
      batches: [{ timestamps: [1], valueBytes, compressionType: 'none' as const }],
    });
    const partition = await buildPartition([append(100), append(1_000), append(10)]);
    const view = await viewOf(partition.process, partition);
    const stretch = await readBatches(partition.process.broker, view, 0, { maxBytes: 500 });
    expect(stretch).toMatchObject({ nextOffset: 1, batches: [expect.any(Uint8Array)] });
  });

  it('reads at most so many runs', async () => {
    const list = Array.from({ length: storageLimits.runsPerReadMax + 10 }, (_, i) => [
      {
        action: 'append' as const,
        joined: true,
        batches: [{ timestamps: [1], valueBytes: 1, compressionType: 'none' as const }],
      },
      ...(i % 50 === 49 ? [{ action: 'seal' as const }] : []),
    ]).flat();
    const partition = await buildPartition(list);
    const view = await viewOf(partition.process, partition);
    const stretch = await readBatches(partition.process.broker, view, 3, { maxBytes: requestLimits.fetchBytesMax });
    expect(stretch.nextOffset).toBe(3 + storageLimits.runsPerReadMax);
  });

  it('is a retriable fault, never an empty answer, where records that must be there are not found', async () => {
    const partition = await buildPartition([]);
    const view = await viewOf(partition.process, partition);
    await expect(readBatches(partition.process.broker, view, 0, { maxBytes: 100 })).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
    });
  });
});
