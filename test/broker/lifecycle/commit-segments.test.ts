import { describe, expect, it } from 'vitest';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { ledgerKey } from '../../../lib/log/ledger/head.ts';
import { CONDEMNED_END, CONDEMNED_START } from '../../../lib/log/merged/condemned-item.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { lost, type Process } from '../../support/broker.ts';
import { mergeOnce, mergePageByPage, pagesOf, readBatchesOf } from '../../support/merging.ts';
import { buildPartition, type RandomPartition } from '../../support/random-partition.ts';

const FROZEN_MS = 2 * mergingLimits.lifecycleGraceMs;

/** The first transaction's answer is lost, and the process is frozen before it asks again. */
function freezeOnce({ metadata, clock }: Process, { applied }: { applied: boolean }): void {
  let transactions = 0;
  metadata.onWrite = async (proceed, writes) => {
    if (writes.length === 1 || ++transactions > 1) return proceed();
    if (applied) await proceed();
    await clock.advance(FROZEN_MS);
    throw lost();
  };
}

async function markedMs({ stores, ledger }: RandomPartition): Promise<number[]> {
  const { marks } = decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong'));
  return marks.map(({ atMs }) => atMs);
}

async function condemnedMs({ stores, ledger }: RandomPartition): Promise<number[]> {
  const query = { pk: ledgerKey(ledger), from: CONDEMNED_START, to: CONDEMNED_END, limit: 10 };
  const { items } = await stores.metadata.query({ ...query, consistency: 'strong' });
  return items.map(({ key }) => Number(key.sk.split('#')[1]));
}

describe('segments whose commit is asked for again after a freeze', () => {
  it('mark how far merging has come with the time of the attempt that was applied', async () => {
    for (const applied of [false, true]) {
      const partition = await buildPartition(pagesOf(2));
      const { process, ledger, stores } = partition;
      const before = await readBatchesOf(stores, 0);
      const firstMs = process.clock.now();
      freezeOnce(process, { applied });
      expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 2 });
      expect(await markedMs(partition)).toEqual([applied ? firstMs : firstMs + FROZEN_MS]);
      expect(await readBatchesOf(stores, 0)).toEqual(before);
    }
  });

  it('give what they replace its grace from then on, and condemn it once', async () => {
    for (const applied of [false, true]) {
      const partition = await buildPartition(pagesOf(mergingLimits.segmentMergeFanIn));
      const { process, ledger, stores } = partition;
      await mergePageByPage(process, ledger);
      const before = await readBatchesOf(stores, 0);
      const firstMs = process.clock.now();
      freezeOnce(process, { applied });
      const topic = await process.broker.topics.get('t');
      const merged = await mergeSegments(process.broker, { topic, ledger, partition: 0 });
      expect(merged).toMatchObject({ outcome: 'merged', segments: mergingLimits.segmentMergeFanIn });
      expect(await condemnedMs(partition)).toEqual([applied ? firstMs : firstMs + FROZEN_MS]);
      expect(await readBatchesOf(stores, 0)).toEqual(before);
    }
  });
});
