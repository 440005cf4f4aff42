/** Files of objects as they are opened, written and read. */
import { constants, fdatasync, open, read, writev, writevSync } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { promisify } from 'node:util';

export type FileDescriptor = number;

export const openFile: (path: string, flags: string | number) => Promise<FileDescriptor> = promisify(open);
export const syncFile = promisify(fdatasync);
const writeSome = promisify(writev);
const readSome = promisify(read);

/** Writes the chunks one after the other without joining them; one call may write less than it is given. */
export async function writeAll(file: FileDescriptor, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = unwritten(chunks, 0);
  while (rest.length > 0) rest = unwritten(rest, (await writeSome(file, rest)).bytesWritten);
}

/** The same at once, without the thread pool. */
export function writeAllSync(file: FileDescriptor, chunks: readonly Uint8Array[]): void {
  let rest = unwritten(chunks, 0);
  while (rest.length > 0) rest = unwritten(rest, writevSync(file, rest));
}

/** What is left of the chunks behind their first `bytes`, without those that are empty. */
export function unwritten(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let done = bytes;
  for (const chunk of chunks) {
    if (chunk.length > done) rest.push(done === 0 ? chunk : chunk.subarray(done));
    done = Math.max(0, done - chunk.length);
  }
  return rest;
}

/** Less where the file ends before. */
export async function readUpTo(file: FileDescriptor, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, end - start));
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await readSome(file, bytes, length, bytes.length - length, start + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await openHandle(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** A directory where a file was meant, or the reverse, holds no such object either. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error));
}

export function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
  return undefined;
}
