/**
 * What commands share that work on the stores themselves, without a server: where those are, and a broker over them.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Broker, createBroker } from '../broker/broker.ts';
import { nodeCompression } from '../broker/compression.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { MillraceError } from '../kernel/errors.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import { interruption } from '../process/interruption.ts';
import { type Flag, flags } from './flags.ts';
import { createLogger } from './logger.ts';
import { type StorageOptions, storageOptions } from './options.ts';
import { OptionsError } from './settings.ts';
import { openStores, type Stores } from './stores.ts';

export type OfflineStorage = Exclude<StorageOptions, { kind: 'memory' }>;

export interface OfflineWorld {
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  clock: Clock;
  random: Random;
  /** Ends it early. */
  interruption: AbortSignal;
}

export const EXIT = { done: 0, findings: 1, unable: 2, interrupted: 130 } as const;

export const storageFlags = { data: flags.data, 'replica-data': flags['replica-data'] } satisfies Record<string, Flag>;

/** `purpose`: what could not be done with what is not kept. Throws `OptionsError`. */
export function offlineStorage(
  given: ReadonlyMap<string, readonly (string | true)[]>,
  env: OfflineWorld['env'],
  purpose: string,
): OfflineStorage {
  const where = new Map<keyof typeof storageFlags, (string | true)[]>();
  for (const name of ['data', 'replica-data'] as const) {
    const values = given.get(name);
    if (values !== undefined) where.set(name, [...values]);
  }
  // None of these commands makes anything, no table either.
  const storage = storageOptions(where, { ...env, MILLRACE_CREATE_TABLE: undefined });
  if (storage.kind === 'memory')
    throw new OptionsError(`--data is :memory:, which keeps nothing that could be ${purpose}`);
  return storage;
}

/** The command's exit code, or that of its refusal, which it says. */
export async function exitCodeOf(world: OfflineWorld, name: string, command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof OptionsError) && !(error instanceof MillraceError)) throw error;
    world.stderr(`millrace: ${error.message}${error instanceof OptionsError ? `; see millrace ${name} --help` : ''}\n`);
    return EXIT.unable;
  }
}

export async function withBroker<T>(
  { clock, random, stderr }: OfflineWorld,
  storage: OfflineStorage,
  work: (broker: Broker, stores: Stores) => Promise<T>,
): Promise<T> {
  if (storage.kind === 'directory') await requireDataDirectory(storage.path);
  const log = createLogger(clock, stderr);
  // No objects are stored, so that nobody asks for URLs, nor how large an item may be.
  const stores = await openStores({ storage, inlineBytesMax: 0 }, { clock, random, log, baseUrl: () => '' });
  try {
    const { metadata, objects } = stores;
    return await work(createBroker({ metadata, objects, compression: nodeCompression, clock, random, log }), stores);
  } finally {
    await stores.close();
  }
}

/** A server makes what is not there; these commands would find nothing wrong with it. */
async function requireDataDirectory(path: string): Promise<void> {
  try {
    await access(join(path, 'millrace.db'));
  } catch {
    throw new OptionsError(`${path} is no data directory of Millrace: it has no millrace.db that can be read`);
  }
}

/** As the process that runs the command has it. */
export function processWorld(args: readonly string[]): OfflineWorld {
  return {
    args,
    env: process.env,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    clock: systemClock,
    random: systemRandom,
    interruption: interruption(),
  };
}
