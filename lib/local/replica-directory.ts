/**
 * The objects of one replica in a directory of its own, below `objects/`. Unlike the data directory it may be missing,
 * when the server starts and later: then every request fails, as those to a bucket that is down do, and each looks
 * whether the directory is back. What is there is used only if its marker says that it is this replica's.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../kernel/errors.ts';
import type { ArchiveClass } from '../log/segment/archive-class.ts';
import { fileFault } from '../storage/faults.ts';
import {
  type DirectoryObjectStoreOptions,
  directoryObjectReader,
  openDirectoryObjectStore,
} from '../storage/objects/directory.ts';
import type { LocalPresigner } from '../storage/objects/local-presign.ts';
import type {
  ArchiveOutcome,
  ByteRange,
  ListPage,
  ObjectName,
  ObjectStore,
  PresignedUrl,
  Upload,
} from '../storage/objects/port.ts';
import { deferredUpload } from '../storage/objects/upload.ts';
import { makeDirectory } from './make-directory.ts';
import { MARKER, type RegisteredReplica, type ReplicaRegistry, readMarker, writeMarker } from './replica-registry.ts';

export interface ReplicaDirectoryOptions {
  registry: ReplicaRegistry;
  replica: RegisteredReplica;
  fsync: boolean;
  presigner: LocalPresigner;
}

type ObjectReader = ReturnType<typeof directoryObjectReader>;

export class ReplicaDirectory implements ObjectStore {
  private readonly options: ReplicaDirectoryOptions;
  private opened: ObjectStore | undefined;
  private opening: Promise<ObjectStore> | undefined;
  /** What is there is this replica's. */
  private recognized = false;

  constructor(options: ReplicaDirectoryOptions) {
    this.options = options;
  }

  /** Throws a sentence that says why it cannot be used now. */
  async open(): Promise<ObjectStore> {
    if (this.opened !== undefined) return this.opened;
    this.opening ??= this.find().finally(() => {
      this.opening = undefined;
    });
    this.opened = await this.opening;
    return this.opened;
  }

  async put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void> {
    await (await this.open()).put(name, chunks);
  }

  upload(name: ObjectName): Upload {
    return deferredUpload(async () => (await this.open()).upload(name));
  }

  async getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined> {
    return (await this.readable()).getRange(name, range);
  }

  async getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    return (await this.readable()).getTail(name, length);
  }

  async delete(names: readonly ObjectName[]): Promise<void> {
    await (await this.open()).delete(names);
  }

  async archive(name: ObjectName, storageClass: ArchiveClass): Promise<ArchiveOutcome> {
    return (await this.open()).archive(name, storageClass);
  }

  async list(prefix: string, cursor?: string): Promise<ListPage> {
    return (await this.readable()).list(prefix, cursor);
  }

  async presign(name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl> {
    return (await this.readable()).presign(name, range, expiresInMs);
  }

  /** What cannot be written to can still be read. */
  private async readable(): Promise<ObjectReader> {
    try {
      return await this.open();
    } catch (error) {
      if (this.recognized) return directoryObjectReader(this.directory());
      throw error;
    }
  }

  private async find(): Promise<ObjectStore> {
    const { registry, replica } = this.options;
    this.recognized = false;
    const marker = await readMarker(replica.path);
    if (marker === undefined) await this.mark();
    else if (marker.stack !== registry.stack || marker.id !== replica.id) throw exchanged(replica);
    if (!replica.marked) {
      replica.marked = true;
      await registry.save();
    }
    this.recognized = true;
    return openDirectoryObjectStore(this.directory());
  }

  private directory(): DirectoryObjectStoreOptions {
    const { replica, fsync, presigner } = this.options;
    return { root: objectsOf(replica.path), fsync, presigner };
  }

  /** A directory becomes this replica's once in its life. */
  private async mark(): Promise<void> {
    const { registry, replica } = this.options;
    const { path, id } = replica;
    if (replica.marked) throw (await isThere(path)) ? exchanged(replica) : gone(replica);
    try {
      await makeDirectory(path);
    } catch (error) {
      throw fileFault(error, `making the directory ${path} of replica ${id}`);
    }
    if (await isThere(objectsOf(path))) {
      throw new MillraceError(
        'KAFKA_STORAGE_ERROR',
        `The directory ${path} of replica ${id} holds objects of something else; a new replica begins with none.`,
      );
    }
    await writeMarker(path, { stack: registry.stack, id });
  }
}

/** In the place of a directory that is not given any more: its ledgers know that it is there, and that it is down. */
export function withdrawn({ id, path }: RegisteredReplica): ObjectStore {
  const fail = async () => {
    throw new MillraceError('KAFKA_STORAGE_ERROR', `Replica ${id} (${path}) is not among the server's directories.`);
  };
  return {
    put: fail,
    upload: () => deferredUpload(fail),
    archive: fail,
    getRange: fail,
    getTail: fail,
    presign: fail,
    // It has nothing to sweep: what it holds went with it.
    delete: async () => {},
    list: async () => ({ objects: [] }),
  };
}

function objectsOf(path: string): string {
  return join(path, 'objects');
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw fileFault(error, `looking for ${path}`);
  }
}

function gone({ id, path }: RegisteredReplica): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `The directory ${path} of replica ${id} is gone.`);
}

function exchanged({ id, path }: RegisteredReplica): MillraceError {
  return new MillraceError(
    'KAFKA_STORAGE_ERROR',
    `A replica's bucket was emptied or exchanged: the directory ${path} has no ${MARKER} of replica ${id}. Bring the ` +
      'right one back, or give a new directory another path: an operator must give it a new number.',
  );
}
