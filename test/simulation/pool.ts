/**
 * Histories over several threads. Each history is one thread's alone, so the result does not depend on their number.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { seedsFrom } from './kinds.ts';
import { addSummary, emptySummary, type RunOptions, type RunSummary } from './runner.ts';

const BLOCK = 25;

export async function runInThreads({ histories, firstSeed, kind, onProgress }: RunOptions): Promise<RunSummary> {
  const summary = emptySummary();
  const seeds = seedsFrom(firstSeed, histories, kind);
  const thread = async () => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url));
    for (let block = nextBlock(seeds); block.length > 0; block = nextBlock(seeds)) {
      worker.postMessage({ histories: block.length, firstSeed: block[0], kind });
      const [part] = (await once(worker, 'message')) as [RunSummary];
      addSummary(summary, part);
      onProgress?.(summary);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), Math.ceil(histories / BLOCK)) }, thread));
  return summary;
}

function nextBlock(seeds: Iterator<number>): number[] {
  const block: number[] = [];
  while (block.length < BLOCK) {
    const { value, done } = seeds.next();
    if (done === true) break;
    block.push(value);
  }
  return block;
}
