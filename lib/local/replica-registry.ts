/**
 * Which directory has which replica's number, for life: ledgers name replicas by their numbers, so a directory in
 * another's place would be believed to hold what it lacks. Both sides know, and neither is believed alone:
 *
 *     <data directory>/replicas.json       { "stack": <32 hex digits>, "replicas": [{ "id", "path", "marked" }, …] }
 *     <replica's directory>/replica.json   { "stack": <the same>, "id": <the number> }
 *
 * A number is in the registry before its directory is marked, and `marked` is set after: a crash in between leaves a
 * marked directory that the next start recognizes. A directory that was marked and is without its marker was emptied or
 * exchanged, or its disk is not mounted. Numbers are never given out again.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReplicaId } from '../coordination/replication/replica-state.ts';
import { MillraceError } from '../kernel/errors.ts';
import { replicationLimits } from '../kernel/limits/replication.ts';
import { fileFault } from '../storage/faults.ts';

export interface RegisteredReplica {
  /** From 1: 0 is the data directory's own. */
  id: ReplicaId;
  /** Where it was last. */
  path: string;
  /** Its directory has had its marker. */
  marked: boolean;
}

export interface Marker {
  stack: string;
  id: ReplicaId;
}

const REGISTRY = 'replicas.json';
export const MARKER = 'replica.json';
const OWNER_FILE = 0o600;

export class ReplicaRegistry {
  readonly stack: string;
  readonly replicas: RegisteredReplica[];
  private readonly path: string;
  private saving = Promise.resolve();

  constructor(dataDirectory: string, stack: string, replicas: RegisteredReplica[] = []) {
    this.path = join(dataDirectory, REGISTRY);
    this.stack = stack;
    this.replicas = replicas;
  }

  /** The lowest number that no directory has had. */
  freeId(): ReplicaId | undefined {
    for (let id = 1; id < replicationLimits.replicasMax; id++)
      if (!this.replicas.some((one) => one.id === id)) return id;
    return undefined;
  }

  /** One after the other: each writes all that is known when it begins. */
  async save(): Promise<void> {
    const write = () => this.write();
    this.saving = this.saving.then(write, write);
    return this.saving;
  }

  private async write(): Promise<void> {
    const { stack, replicas } = this;
    await writeJson(this.path, { stack, replicas: replicas.map(({ id, path, marked }) => ({ id, path, marked })) });
  }
}

/** `undefined` where the data directory never had replicas beside it. */
export async function readRegistry(dataDirectory: string): Promise<ReplicaRegistry | undefined> {
  const path = join(dataDirectory, REGISTRY);
  const content = await readJson(path);
  if (content === undefined) return undefined;
  const { stack, replicas } = (content ?? {}) as { stack?: unknown; replicas?: unknown };
  if (typeof stack === 'string' && Array.isArray(replicas) && replicas.every(isRegistered)) {
    return new ReplicaRegistry(dataDirectory, stack, replicas);
  }
  throw new MillraceError('KAFKA_STORAGE_ERROR', `The file ${path}, which numbers the replicas, is damaged.`);
}

/** `undefined` where the directory has none, or is not there. */
export async function readMarker(directory: string): Promise<Marker | undefined> {
  const path = join(directory, MARKER);
  const content = await readJson(path);
  if (content === undefined) return undefined;
  const { stack, id } = (content ?? {}) as Record<string, unknown>;
  if (typeof stack === 'string' && isReplicaId(id)) return { stack, id };
  throw new MillraceError('KAFKA_STORAGE_ERROR', `The file ${path}, which numbers a replica, is damaged.`);
}

export async function writeMarker(directory: string, { stack, id }: Marker): Promise<void> {
  await writeJson(join(directory, MARKER), { stack, id });
}

function isRegistered(entry: unknown): entry is RegisteredReplica {
  const { id, path, marked } = (entry ?? {}) as Record<string, unknown>;
  return isReplicaId(id) && typeof path === 'string' && typeof marked === 'boolean';
}

function isReplicaId(id: unknown): id is ReplicaId {
  return Number.isInteger(id) && (id as number) > 0 && (id as number) < replicationLimits.replicasMax;
}

/** `null` for what is no JSON. */
async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileFault(error, `reading ${path}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** On the disk, and renamed into place: a crash leaves the old file or the new one. */
async function writeJson(path: string, content: unknown): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, 'w', OWNER_FILE);
    try {
      await file.writeFile(`${JSON.stringify(content)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    throw fileFault(error, `writing ${path}`);
  }
}
