/**
 * Small objects as files, written and read at once, without the thread pool: for some ten microseconds of work each of
 * the pool's calls wakes a thread and is waited for, which costs several times that, and on a busy machine
 * milliseconds.
 *
 * Deliberately not for what waits for the disk: neither with fsync, nor for large ranges. A small range may have to be
 * read from the disk as well; but what small ranges are read of was written minutes ago, since merging makes large
 * files of small ones.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, writeAllSync } from './files.ts';
import type { ByteRange } from './port.ts';

const MOVE_ATTEMPTS = 2;

/** Writes a file at `temporary` and moves it to `path`. Where that fails there is neither. */
export function writeSmallFile(
  { temporary, path }: { temporary: string; path: string },
  chunks: readonly Uint8Array[],
): void {
  const file = openSync(temporary, 'wx');
  try {
    try {
      writeAllSync(file, chunks);
    } finally {
      closeSync(file);
    }
    move(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}

/** Less where the file ends before. Throws the file system's error where there is no such file. */
export function readSmallRange(path: string, flags: number, { start, end }: ByteRange): Uint8Array {
  const file = openSync(path, flags);
  try {
    const until = Math.min(end, fstatSync(file).size);
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, until - start));
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, start + length);
      if (read === 0) break;
      length += read;
    }
    return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  } finally {
    closeSync(file);
  }
}

/** The directory may be missing. */
function move(temporary: string, path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      return renameSync(temporary, path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === MOVE_ATTEMPTS) throw error;
      mkdirSync(dirname(path), { recursive: true });
    }
  }
}
