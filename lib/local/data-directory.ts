/**
 * The directory of the embedded storage:
 *
 *     millrace.db   the metadata store (SQLite), with its log beside it
 *     objects/      the objects, one file each
 *     secret        32 random bytes that sign the URLs of objects, so that URLs outlive a restart
 *     replicas.json where there are further directories for objects: which of them has which number (replica-registry.ts)
 *
 * One process at a time has it: the metadata store's lock, which ends with the process however it ends, is taken first.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { MillraceError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { fileFault } from '../storage/faults.ts';
import type { MetadataStore, TableScan } from '../storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../storage/metadata/sqlite.ts';
import { makeDirectory } from './make-directory.ts';

const SECRET_BYTES = 32;

/** What is made here is for its owner alone. */
const OWNER_FILE = 0o600;

export interface DataDirectory {
  metadata: MetadataStore & TableScan;
  objectsRoot: string;
  secret: Uint8Array;
}

export interface DataDirectoryOptions {
  path: string;
  fsync: boolean;
  clock: Clock;
  random: Random;
}

/** Throws a `MillraceError` that says why the directory cannot be used. */
export async function openDataDirectory({ path, fsync, clock, random }: DataDirectoryOptions): Promise<DataDirectory> {
  try {
    await makeDirectory(path);
  } catch (error) {
    throw fileFault(error, `making the data directory ${path}`);
  }
  const metadata = openSqliteMetadataStore({ path: join(path, 'millrace.db'), fsync, clock });
  try {
    return { metadata, objectsRoot: join(path, 'objects'), secret: await readSecret(join(path, 'secret'), random) };
  } catch (error) {
    await metadata.close();
    throw error;
  }
}

async function readSecret(path: string, random: Random): Promise<Uint8Array> {
  try {
    const secret = await readFile(path);
    if (secret.length === SECRET_BYTES) return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return makeSecret(path, random);
    throw fileFault(error, `reading ${path}`);
  }
  throw new MillraceError(
    'KAFKA_STORAGE_ERROR',
    `The file ${path} does not hold ${SECRET_BYTES} bytes; remove it, and signed URLs given out before will end.`,
  );
}

/** Renamed into place, so that a crash leaves no half a secret. */
async function makeSecret(path: string, random: Random): Promise<Uint8Array> {
  const secret = random.bytes(SECRET_BYTES);
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, 'w', OWNER_FILE);
    try {
      await file.writeFile(secret);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    throw fileFault(error, `writing ${path}`);
  }
  return secret;
}
