/** One thread's share of the histories: blocks of seeds, as they are handed to it. */
import { parentPort } from 'node:worker_threads';
import { type RunOptions, runHistories } from './runner.ts';

parentPort?.on('message', async (block: Pick<RunOptions, 'histories' | 'firstSeed'>) => {
  parentPort?.postMessage(await runHistories(block));
});
