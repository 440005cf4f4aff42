/**
 * Disk space of a process for what is too much for its memory, within a bound of bytes. A file has no name any more
 * once it is open, so that nothing of it is left when it is closed, or the process ends.
 */
import { statfsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../kernel/assert.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { fileFault } from '../faults.ts';
import { type FileDescriptor, openFile, readUpTo, writeAll } from './files.ts';

export interface SpoolOptions {
  directory: string;
  /** Of all files together. */
  bytesMax: number;
}

let opened = 0;

export class Spool {
  readonly bytesMax: number;
  private readonly directory: string;
  private bytes = 0;

  constructor({ directory, bytesMax }: SpoolOptions) {
    this.directory = directory;
    this.bytesMax = bytesMax;
  }

  /** With most of what is free there. */
  static in(directory: string): Spool {
    const { bavail, bsize } = statfsSync(directory);
    return new Spool({ directory, bytesMax: Math.floor((bavail * bsize * storageLimits.spoolPercent) / 100) });
  }

  /** Whether there is room for so many more; they are the caller's until it frees them. */
  reserve(bytes: number): boolean {
    if (this.bytes + bytes > this.bytesMax) return false;
    this.bytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.bytes -= bytes;
  }

  /** To be closed by the caller. */
  async open(): Promise<FileDescriptor> {
    const path = join(this.directory, `millrace-spool-${process.pid}-${opened++}`);
    try {
      // One that a process of the same number has left between these two calls is written over.
      const file = await openFile(path, 'w+');
      await unlink(path);
      return file;
    } catch (error) {
      throw fileFault(error, 'opening a temporary file');
    }
  }

  /** Behind what was written to it. */
  async write(file: FileDescriptor, bytes: Uint8Array): Promise<void> {
    try {
      await writeAll(file, [bytes]);
    } catch (error) {
      throw fileFault(error, 'writing a temporary file');
    }
  }

  async read(file: FileDescriptor, start: number, end: number): Promise<Uint8Array> {
    const bytes = await readUpTo(file, start, end);
    assert(bytes.length === end - start, 'a temporary file has what was written to it');
    return bytes;
  }
}
