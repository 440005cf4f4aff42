import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** What is made here is for its owner alone. */
const OWNER_DIRECTORY = 0o700;

/**
 * With its parents, each tried once. Node's own recursive `mkdir` tries for ever where a directory is there and none
 * can be made in it, as in /proc.
 */
export async function makeDirectory(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isDirectory(at)); at = dirname(at)) {
    missing.push(at);
    if (at === dirname(at)) break;
  }
  for (const at of missing.toReversed()) {
    try {
      await mkdir(at, OWNER_DIRECTORY);
    } catch (error) {
      // Another process that starts at the same time may have made it.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isDirectory(at))) throw error;
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
