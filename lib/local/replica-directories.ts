/**
 * The replicas of the embedded storage: the data directory's own objects are replica 0, and each further directory is
 * one with the number that it was given when it was first named (replica-registry.ts), in whatever order they are named
 * today. What cannot be used now does not keep the server from starting: it is warned of, and counts as down.
 */
import { join, resolve, sep } from 'node:path';
import type { ReplicaId } from '../coordination/replication/replica-state.ts';
import { toHex } from '../kernel/bytes.ts';
import { MillraceError } from '../kernel/errors.ts';
import { replicationLimits } from '../kernel/limits/replication.ts';
import type { Random } from '../kernel/random.ts';
import type { LocalPresigner } from '../storage/objects/local-presign.ts';
import type { ObjectStore } from '../storage/objects/port.ts';
import type { Replica } from '../storage/objects/replicated.ts';
import type { Logger } from './logger.ts';
import { ReplicaDirectory, withdrawn } from './replica-directory.ts';
import { type RegisteredReplica, ReplicaRegistry, readMarker, readRegistry } from './replica-registry.ts';

export interface ListedDirectory {
  path: string;
  /** What clients call the place it is in; by default `replica-<number>`. */
  rack?: string;
}

export interface ReplicaDirectoriesOptions {
  dataDirectory: string;
  /** The data directory's own. */
  own: ObjectStore;
  listed: readonly ListedDirectory[];
  fsync: boolean;
  presigner: LocalPresigner;
  random: Random;
  log: Logger;
}

export interface OpenedDirectories {
  /** Those that are not given any more too: ledgers may name them. */
  replicas: Replica[];
  /** Those that new ledgers may have. */
  assignable: ReplicaId[];
}

const STACK_BYTES = 16;

/**
 * `undefined` where there are none and never were. Throws a sentence where directories are given that cannot be meant:
 * one of another data directory, two with one number, one too many.
 */
export async function openReplicaDirectories(
  options: ReplicaDirectoriesOptions,
): Promise<OpenedDirectories | undefined> {
  const { dataDirectory, own, random, log } = options;
  const listed = options.listed.map(({ path, rack }) => ({ path: resolve(path), rack }));
  checkApart(dataDirectory, listed);
  const known = await readRegistry(dataDirectory);
  if (known === undefined && listed.length === 0) return undefined;
  const registry = known ?? new ReplicaRegistry(dataDirectory, toHex(random.bytes(STACK_BYTES)));
  const numbered = await number(registry, listed);
  await registry.save();

  const replicas: Replica[] = [{ id: 0, name: 'data', rack: rackOf(0), store: own }];
  for (const { replica, rack = rackOf(replica.id) } of numbered) {
    replicas.push({ id: replica.id, name: replica.path, rack, store: await open(options, registry, replica) });
  }
  for (const replica of registry.replicas) {
    if (replicas.some(({ id }) => id === replica.id)) continue;
    const { id, path } = replica;
    log.warn('a replica is not among the directories any more, and counts as down', { replica: id, path });
    replicas.push({ id, name: path, rack: rackOf(id), store: withdrawn(replica) });
  }
  return { replicas, assignable: [0, ...numbered.map(({ replica }) => replica.id)] };
}

function rackOf(id: ReplicaId): string {
  return `replica-${id}`;
}

function checkApart(dataDirectory: string, listed: readonly ListedDirectory[]): void {
  const data = resolve(dataDirectory);
  for (const [index, { path }] of listed.entries()) {
    if (listed.findIndex((other) => other.path === path) !== index) throw refusal(`${path} is given twice`);
    if (path === data || `${path}${sep}`.startsWith(`${join(data, 'objects')}${sep}`)) {
      throw refusal(`${path} is the data directory's own, which is replica 0 without being given`);
    }
  }
}

interface Numbered {
  replica: RegisteredReplica;
  rack?: string;
}

/** Markers decide before paths, since directories move; who has neither is new. */
async function number(registry: ReplicaRegistry, listed: readonly ListedDirectory[]): Promise<Numbered[]> {
  const found = new Map<string, RegisteredReplica>();
  for (const { path } of listed) {
    const replica = await recognize(registry, path);
    if (replica === undefined) continue;
    const twin = [...found.values()].find(({ id }) => id === replica.id);
    if (twin !== undefined) throw refusal(`${twin.path} and ${path} both have the number ${replica.id}`);
    found.set(path, replica);
    replica.path = path;
  }
  const taken = new Set(found.values());
  return listed.map(({ path, rack }) => {
    const replica =
      found.get(path) ??
      registry.replicas.find((one) => one.path === path && !taken.has(one)) ??
      register(registry, path);
    taken.add(replica);
    return { replica, rack };
  });
}

/** By its marker. */
async function recognize(registry: ReplicaRegistry, path: string): Promise<RegisteredReplica | undefined> {
  try {
    const marker = await readMarker(path);
    if (marker === undefined) return undefined;
    if (marker.stack !== registry.stack) throw refusal(`${path} is a replica of another data directory`);
    const known = registry.replicas.find(({ id }) => id === marker.id);
    if (known !== undefined) return known;
    // The data directory is an older copy of itself.
    const replica = { id: marker.id, path, marked: true };
    registry.replicas.push(replica);
    return replica;
  } catch (error) {
    // By its path, then; why it cannot be read is said when it is opened.
    if (error instanceof MillraceError && error.code === 'KAFKA_STORAGE_ERROR') return undefined;
    throw error;
  }
}

function register(registry: ReplicaRegistry, path: string): RegisteredReplica {
  const id = registry.freeId();
  if (id === undefined) {
    throw refusal(
      `${path} would be one too many: there are ${replicationLimits.replicasMax} numbers, and none is given out twice`,
    );
  }
  const replica = { id, path, marked: false };
  registry.replicas.push(replica);
  return replica;
}

async function open(
  { fsync, presigner, log }: ReplicaDirectoriesOptions,
  registry: ReplicaRegistry,
  replica: RegisteredReplica,
): Promise<ObjectStore> {
  const directory = new ReplicaDirectory({ registry, replica, fsync, presigner });
  try {
    await directory.open();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    log.warn('a replica cannot be used, and counts as down until it can', {
      replica: replica.id,
      path: replica.path,
      reason: error.message,
    });
  }
  return directory;
}

function refusal(what: string): MillraceError {
  return new MillraceError('INVALID_CONFIG', `The replicas' directories are wrong: ${what}.`);
}
