/** A file that becomes an object when it is finished, by being renamed, and else nothing. */
import { closeSync } from 'node:fs';
import { mkdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileFault } from '../faults.ts';
import { codeOf, type FileDescriptor, openFile, syncDirectory, syncFile, writeAll } from './files.ts';
import type { UploadSteps } from './upload.ts';

export interface TemporaryFileOptions {
  /** Where the bytes are written. */
  temporary: string;
  /** Where the object is to be. */
  path: string;
  /** Waits for the disk before the end. */
  fsync: boolean;
}

const MOVE_ATTEMPTS = 4;

export class TemporaryFile implements UploadSteps {
  private readonly options: TemporaryFileOptions;
  private file: FileDescriptor | undefined;
  private made = false;

  constructor(options: TemporaryFileOptions) {
    this.options = options;
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    try {
      await writeAll(await this.open(), chunks);
    } catch (error) {
      throw fileFault(error, 'writing an object');
    }
  }

  async finish(): Promise<void> {
    try {
      const file = await this.open();
      if (this.options.fsync) await syncFile(file);
      this.close();
      await this.move();
    } catch (error) {
      throw fileFault(error, 'writing an object');
    }
  }

  async drop(): Promise<void> {
    if (!this.made) return;
    this.close();
    // What cannot be removed either, where the directory is not to be written to, is removed when the store is opened.
    await unlink(this.options.temporary).catch(() => {});
  }

  private async open(): Promise<FileDescriptor> {
    if (this.file !== undefined) return this.file;
    this.file = await openFile(this.options.temporary, 'wx');
    this.made = true;
    return this.file;
  }

  private close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  /** The directory may be missing, or be removed by a `delete` between making it and the rename. */
  private async move(): Promise<void> {
    const { temporary, path, fsync } = this.options;
    for (let attempt = 1; ; attempt++) {
      try {
        if (attempt > 1) await this.makeDirectory(dirname(path));
        await rename(temporary, path);
        break;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === MOVE_ATTEMPTS) throw error;
      }
    }
    if (fsync) await syncDirectory(dirname(path));
  }

  private async makeDirectory(directory: string): Promise<void> {
    const first = await mkdir(directory, { recursive: true });
    if (!this.options.fsync || first === undefined) return;
    for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
  }
}
