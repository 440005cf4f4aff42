/**
 * Memory for files about to be written. A virtual machine gets its memory from the host page by page, when it is first
 * touched, and may give back what has been free for some seconds; on such a machine a program that writes files spends
 * five times as long on it as on the copy. Which rounds pay for that is chance, so it is paid before each of them.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const CHUNK = new Uint8Array(8 * 1024 * 1024);

/** Takes and frees so much memory of the file system's cache, through a file in `directory` that is removed again. */
export function touchFileMemory(directory: string, bytes: number): void {
  const path = join(directory, 'file-memory');
  const file = openSync(path, 'w');
  try {
    for (let written = 0; written < bytes; ) written += writeSync(file, CHUNK);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
