/** The process of `millrace restore`, once it is known that Node is new enough. */
import { processWorld } from '../offline.ts';
import { restore } from './restore.ts';

export async function run(args: readonly string[]): Promise<void> {
  process.exitCode = await restore(processWorld(args));
}
