/** Histories over several threads. Each history is one thread's alone, so the result does not depend on their number. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addSummary, emptySummary, type RunOptions, type RunSummary } from './runner.ts';

const BLOCK = 25;

export async function runInThreads({ histories, firstSeed, onProgress }: RunOptions): Promise<RunSummary> {
  const summary = emptySummary();
  let next = 0;
  const thread = async () => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url));
    while (next < histories) {
      const block = { histories: Math.min(BLOCK, histories - next), firstSeed: firstSeed + next };
      next += block.histories;
      worker.postMessage(block);
      const [part] = (await once(worker, 'message')) as [RunSummary];
      addSummary(summary, part);
      onProgress?.(summary.histories, summary.failed.length);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), Math.ceil(histories / BLOCK)) }, thread));
  return summary;
}
