/**
 * Objects as files below one directory: the embedded default.
 *
 * - An object is written to a temporary file and then renamed, so that it appears whole or not at all. It survives a
 *   crash of the process as soon as `put` has answered, and a power cut only with `fsync`: then the file and every
 *   directory that changed are on the disk before the answer.
 * - Temporary files live in `.tmp` below the root, which no object's name can begin with, on the same file system. What
 *   a crash left there is deleted when the store is opened. One process at a time uses a root.
 * - `.tmp` is there as long as the root is. Where it is not, an object that is missing is no missing object but a
 *   fault: a disk that is not mounted holds what it held.
 * - A name's segments are directories and files, so that no object's name may be a directory of another's. Directories
 *   that become empty are removed.
 * - What moves many bytes or may wait for the disk goes through the thread pool. Small objects are written and read at
 *   once (small-file.ts), and so is what only lets go of a file or asks for its size: it takes some microseconds, the
 *   trip through the pool several times that, and on a busy machine milliseconds, which every waiting request would
 *   pay.
 */
import { closeSync, constants, fstatSync } from 'node:fs';
import { lstat, mkdir, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { fileFault } from '../faults.ts';
import { codeOf, type FileDescriptor, ignoreMissing, isMissing, openFile, readUpTo } from './files.ts';
import { type LocalPresigner, signWith } from './local-presign.ts';
import { checkObjectName, checkRange, isObjectName } from './name.ts';
import type { ArchiveOutcome, ByteRange, ListPage, ObjectName, ObjectStore, PresignedUrl, Upload } from './port.ts';
import { readSmallRange, writeSmallFile } from './small-file.ts';
import { TemporaryFile } from './temporary-file.ts';
import { uploadOf } from './upload.ts';

export interface DirectoryObjectStoreOptions {
  /** Made if it is not there. */
  root: string;
  /** Waits for the disk at every put. */
  fsync?: boolean;
  /** Without it, `presign` is refused. */
  presigner?: LocalPresigner;
}

const TEMPORARY = '.tmp';

/** A file that was swapped for a link is not followed out of the root. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

export async function openDirectoryObjectStore(options: DirectoryObjectStoreOptions): Promise<ObjectStore> {
  const root = resolve(options.root);
  try {
    await rm(join(root, TEMPORARY), { recursive: true, force: true });
    await mkdir(join(root, TEMPORARY), { recursive: true });
  } catch (error) {
    throw fileFault(error, `opening the object directory ${root}`);
  }
  return new DirectoryObjectStore({ ...options, root });
}

/** What a root holds, as it is: for one that cannot be written to. */
export function directoryObjectReader(
  options: DirectoryObjectStoreOptions,
): Pick<ObjectStore, 'getRange' | 'getTail' | 'list' | 'presign'> {
  return new DirectoryObjectStore({ ...options, root: resolve(options.root) });
}

class DirectoryObjectStore implements ObjectStore {
  private readonly options: DirectoryObjectStoreOptions;
  private temporaryFiles = 0;

  constructor(options: DirectoryObjectStoreOptions) {
    this.options = options;
  }

  async put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    if (this.options.fsync !== true && bytes <= storageLimits.smallFileBytesMax) {
      return this.putAtOnce(name, chunks);
    }
    const upload = this.upload(name);
    await upload.write(chunks);
    await upload.finish();
  }

  private async putAtOnce(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void> {
    const path = this.path(name);
    // Who puts objects one after the other lets in what has come meanwhile, so that the next one has more in it.
    await nextTurn();
    try {
      writeSmallFile({ temporary: this.temporary(), path }, chunks);
    } catch (error) {
      throw fileFault(error, 'writing an object');
    }
  }

  /** Its bytes are in a temporary file until it is finished, so that memory holds none of them. */
  upload(name: ObjectName): Upload {
    const { fsync = false } = this.options;
    return uploadOf(new TemporaryFile({ temporary: this.temporary(), path: this.path(name), fsync }));
  }

  private temporary(): string {
    return join(this.options.root, TEMPORARY, `${this.temporaryFiles++}`);
  }

  async getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined> {
    if (range !== undefined) checkRange(range);
    if (range !== undefined && range.end - range.start <= storageLimits.smallRangeBytesMax) {
      const path = this.path(name);
      return this.unlessMissing(async () => readSmallRange(path, READ_FLAGS, range));
    }
    return this.reading(name, async (file) => {
      const { size } = fstatSync(file);
      const start = Math.min(range?.start ?? 0, size);
      return readUpTo(file, start, Math.min(range?.end ?? size, size));
    });
  }

  async getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    return this.reading(name, async (file) => {
      const { size } = fstatSync(file);
      return { bytes: await readUpTo(file, Math.max(0, size - length), size), objectBytes: size };
    });
  }

  async delete(names: readonly ObjectName[]): Promise<void> {
    const paths = names.map((name) => this.path(name));
    try {
      for (const path of paths) await unlink(path).catch(ignoreMissing);
      await this.requireRoot();
      for (const directory of new Set(paths.map((path) => dirname(path)))) await this.removeIfEmpty(directory);
    } catch (error) {
      throw fileFault(error, 'deleting an object');
    }
  }

  async archive(name: ObjectName): Promise<ArchiveOutcome> {
    const there = await this.reading(name, async () => true);
    return there === true ? 'archived' : 'missing';
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page: ListPage = { objects: [] };
    try {
      await this.requireRoot();
      for await (const name of this.walk('', prefix, cursor ?? '')) {
        if (page.objects.length === requestLimits.listPageMax) return { ...page, next: page.objects.at(-1)?.name };
        const bytes = await this.size(name);
        if (bytes !== undefined) page.objects.push({ name, bytes });
      }
    } catch (error) {
      throw fileFault(error, 'listing objects');
    }
    return page;
  }

  async presign(name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl> {
    return signWith(this.options.presigner, name, range, expiresInMs);
  }

  private path(name: ObjectName): string {
    checkObjectName(name);
    return join(this.options.root, name);
  }

  /** Throws the file system's error where the root is gone. */
  private async requireRoot(): Promise<void> {
    await lstat(join(this.options.root, TEMPORARY));
  }

  private async reading<T>(name: ObjectName, use: (file: FileDescriptor) => Promise<T>): Promise<T | undefined> {
    const path = this.path(name);
    return this.unlessMissing(async () => {
      const file = await openFile(path, READ_FLAGS);
      try {
        return await use(file);
      } finally {
        closeSync(file);
      }
    });
  }

  private async unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!isMissing(error)) throw fileFault(error, 'reading an object');
    }
    try {
      await this.requireRoot();
    } catch (error) {
      throw fileFault(error, 'reading an object');
    }
    return undefined;
  }

  /** Up to the root, which stays. */
  private async removeIfEmpty(directory: string): Promise<void> {
    for (let path = directory; path !== this.options.root; path = dirname(path)) {
      try {
        await rmdir(path);
      } catch (error) {
        // Not empty, or removed by someone else: nothing above it is empty for us to remove.
        if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error))) return;
        throw error;
      }
    }
  }

  /** The names that begin with `prefix` and come after `cursor`, in order. */
  private async *walk(directory: string, prefix: string, cursor: string): AsyncGenerator<string> {
    const entries = await readdir(join(this.options.root, directory), { withFileTypes: true }).catch((error) => {
      if (isMissing(error)) return [];
      throw error;
    });
    // A directory sorts as the names in it do, all of which go on with a slash.
    const names = entries
      .filter((entry) => entry.name !== TEMPORARY)
      .map((entry) => `${directory}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .sort();
    for (const name of names) {
      const isDirectory = name.endsWith('/');
      if (!name.startsWith(prefix) && !(isDirectory && prefix.startsWith(name))) continue;
      if (name <= cursor && !(isDirectory && cursor.startsWith(name))) continue;
      if (isDirectory) yield* this.walk(name, prefix, cursor);
      else if (isObjectName(name)) yield name;
    }
  }

  /** `undefined` for a file that was deleted while the directory was walked, and for what is no file. */
  private async size(name: ObjectName): Promise<number | undefined> {
    const status = await lstat(join(this.options.root, name)).catch(ignoreMissing);
    return status?.isFile() === true ? status.size : undefined;
  }
}
