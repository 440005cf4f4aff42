/** The process of `millrace fsck`, once it is known that Node is new enough. */
import { processWorld } from '../offline.ts';
import { fsck } from './fsck.ts';

export async function run(args: readonly string[]): Promise<void> {
  process.exitCode = await fsck(processWorld(args));
}
