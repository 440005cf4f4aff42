/** One thread's share of the histories: blocks of seeds, as they are handed to it. */
import { parentPort } from 'node:worker_threads';
import { type RunOptions, runHistories } from './runner.ts';

parentPort?.on('message', (block: Pick<RunOptions, 'histories' | 'firstSeed' | 'kind'>) => {
  // A history that throws ends the thread, which the pool hears of.
  void runHistories(block).then((summary) => parentPort?.postMessage(summary));
});
