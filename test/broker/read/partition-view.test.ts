import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionView, type Placed, type PlacedRun } from '../../../lib/broker/read/partition-view.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import type { LedgerHead } from '../../../lib/log/ledger/head.ts';
import { runsInTail } from '../../../lib/log/ledger/locate.ts';
import { makeBroker, runsOf } from '../../support/broker.ts';
import { actions, buildPartition, type RandomPartition } from '../../support/random-partition.ts';

async function viewOf({ process, ledger }: RandomPartition, changes: Partial<LedgerHead> = {}): Promise<PartitionView> {
  const head = (await process.broker.heads.strong(ledger)) as LedgerHead;
  return new PartitionView({ ledger, slot: 0, partition: 0, head: { ...head, ...changes }, ...process.broker });
}

async function all(placed: AsyncIterable<Placed>): Promise<PlacedRun[]> {
  const found: PlacedRun[] = [];
  for await (const one of placed) {
    if (one.among === 'segments') throw new Error('nothing is merged here');
    found.push(one);
  }
  return found;
}

const firstOffsets = (runs: readonly PlacedRun[]) => runs.map(({ run }) => run.baseOffset);

describe('from', () => {
  it('gives the runs from the one with the offset on, and says which are in the tail', async () => {
    await fc.assert(
      fc.asyncProperty(actions, fc.nat(), async (list, seed) => {
        const partition = await buildPartition(list);
        fc.pre(partition.end > 0);
        const offset = seed % partition.end;
        const view = await viewOf(partition);
        const runs = await runsOf(partition.stores.metadata, partition.ledger, 0);
        const found = await all(view.from(offset));
        expect(found.map(({ run }) => run)).toEqual(runs.filter((run) => run.endOffset > offset));
        const tail = new Set(runsInTail(view.head, 0).map(({ baseOffset }) => baseOffset));
        const amongs = found.map(({ run }) => (tail.has(run.baseOffset) ? 'tail' : 'history'));
        expect(found.map(({ among }) => among)).toEqual(amongs);
        expect(view).toMatchObject({ highWatermark: partition.end, logStart: 0 });
      }),
      { numRuns: 60 },
    );
  });

  it('stays right while the partition grows and is sealed', async () => {
    const append = {
      action: 'append' as const,
      joined: true,
      batches: [{ timestamps: [1], valueBytes: 1, compressionType: 'none' as const }],
    };
    const partition = await buildPartition([append, append, { action: 'seal' }, append]);
    const view = await viewOf(partition);
    await partition.process.broker.sealer.seal(partition.ledger);
    expect(firstOffsets(await all(view.from(0)))).toEqual([0, 1, 2]);
  });

  it('reads few pages of many', async () => {
    const append = {
      action: 'append' as const,
      joined: true,
      batches: [{ timestamps: [1], valueBytes: 1, compressionType: 'none' as const }],
    };
    const partition = await buildPartition(
      Array.from({ length: 64 }, () => [append, { action: 'seal' as const }]).flat(),
    );
    const { broker, metadata } = makeBroker({ stores: partition.stores });
    const head = (await broker.heads.strong(partition.ledger)) as LedgerHead;
    const view = new PartitionView({ ledger: partition.ledger, slot: 0, partition: 0, head, ...broker });
    metadata.forget();
    const first = await view.from(40).next();
    expect(first.value).toMatchObject({ among: 'history', run: { baseOffset: 40 } });
    expect(metadata.count('get page#')).toBeLessThanOrEqual(Math.log2(64) + 1);
  });

  it('is a retriable fault where the offset must be in a page and is in none', async () => {
    const partition = await buildPartition([]);
    const view = await viewOf(partition, { next: Array<number>(16).fill(5) });
    await expect(all(view.from(2))).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
  });
});

describe('since', () => {
  it('gives every run that may hold a record at or after the time and the log start, in order', async () => {
    await fc.assert(
      fc.asyncProperty(actions, fc.integer({ min: 0, max: 70 }), fc.nat(), async (list, timestampMs, seed) => {
        const partition = await buildPartition(list);
        const logStart = seed % (partition.end + 1);
        const view = await viewOf(partition, { start: Array<number>(16).fill(logStart) });
        const runs = await runsOf(partition.stores.metadata, partition.ledger, 0);
        const wanted = runs.filter((run) => run.maxTimestamp >= timestampMs && run.endOffset > logStart);
        expect((await all(view.since(timestampMs))).map(({ run }) => run)).toEqual(wanted);
      }),
      { numRuns: 100 },
    );
  });

  it('reads few pages of many where the first is all that is asked for', async () => {
    const append = (timestamp: number) => ({
      action: 'append' as const,
      joined: true,
      batches: [{ timestamps: [timestamp], valueBytes: 1, compressionType: 'none' as const }],
    });
    const partition = await buildPartition(
      Array.from({ length: ledgerLimits.tailEntriesMax }, (_, i) => [append(i), { action: 'seal' as const }]).flat(),
    );
    const { broker, metadata } = makeBroker({ stores: partition.stores });
    const head = (await broker.heads.strong(partition.ledger)) as LedgerHead;
    const view = new PartitionView({ ledger: partition.ledger, slot: 0, partition: 0, head, ...broker });
    metadata.forget();
    expect((await view.since(17).next()).value).toMatchObject({ run: { baseOffset: 17 } });
    expect(metadata.count('get page#')).toBeLessThanOrEqual(Math.log2(64) + 1);
  });
});
