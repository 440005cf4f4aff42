/**
 * What the local server is told by flags and environment variables. A flag wins over its variable, and an empty
 * variable counts as none. Whatever is not understood is refused by name: nothing is ignored.
 */
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import type { DeclaredKey } from '../broker/authenticate.ts';
import { limits } from '../kernel/limits.ts';
import { DECLARED_KEY_ID, parseDeclaredKey } from './declared-keys.ts';
import { type Flag, type FlagName, flags } from './flags.ts';
import type { ListedDirectory } from './replica-directories.ts';

export type StorageOptions =
  | { kind: 'memory' }
  | { kind: 'directory'; path: string; fsync: boolean; replicas: ListedDirectory[] }
  /** `replicas` is the list as it was given. */
  | { kind: 'aws'; table: string; bucket: string; createTable: boolean; replicas?: string };

export interface LocalOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  storage: StorageOptions;
  inlineBytesMax: number;
  /** How long a replica may be behind and in sync. Default 30 s. */
  replicaLagMsMax?: number;
  /** How long an idempotent producer that writes no more is known. Default one day. */
  producerIdExpirationMs?: number;
  /** How long offsets of a group without members are kept. Default 7 days. */
  offsetsRetentionMs?: number;
  /** Empty: no authentication, and loopback only. */
  apiKeys: DeclaredKey[];
  /** Without a slash at the end. */
  advertisedUrl?: string;
  corsOrigins: string[];
  /** Whose triggers this server delivers. */
  triggersFile?: string;
}

export type Command = { command: 'help' } | { command: 'serve'; options: LocalOptions };

/** Something in the flags or the environment cannot be meant. The message is a sentence for whoever started the server. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

export interface Surroundings {
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  readFile: (path: string) => string;
}

/** Throws `OptionsError`. */
export function parseCommand({ args, env, readFile }: Surroundings): Command {
  const given = readFlags(args, flags);
  if (given.has('help')) return { command: 'help' };
  const settings = new Settings(given, env);
  const port = settings.number('port', 0, 65_535);
  settings.number('kafka-port', 0, 65_535);
  const options: LocalOptions = {
    host: settings.text('host'),
    port,
    storage: storage(settings, env),
    inlineBytesMax: settings.number('inline-bytes-max', 0, INLINE_BYTES_MAX),
    replicaLagMsMax: settings.number('replica-lag-ms', 1, Number.MAX_SAFE_INTEGER),
    producerIdExpirationMs: settings.number(
      'producer-id-expiration-ms',
      limits.producerIdExpirationMsMin,
      Number.MAX_SAFE_INTEGER,
    ),
    offsetsRetentionMs: settings.number('offsets-retention-minutes', 1, limits.offsetsRetentionMinutesMax) * MINUTE_MS,
    apiKeys: apiKeys(settings, readFile),
    advertisedUrl: advertisedUrl(settings),
    corsOrigins: settings.list('cors-origin').map(checkOrigin),
    ...(settings.values('triggers').length > 0 && { triggersFile: settings.text('triggers') }),
  };
  if (options.apiKeys.length === 0 && !isLoopback(options.host)) {
    throw new OptionsError(
      `--host ${options.host} is reachable from other machines, and without an API key everyone there could do everything: give --api-key, or keep to 127.0.0.1`,
    );
  }
  if (options.apiKeys.length === 0 && options.corsOrigins.includes('*')) {
    throw new OptionsError(
      'the CORS origin * lets any web page call, and without an API key it could do everything: give --api-key, or name the origins',
    );
  }
  return { command: 'serve', options };
}

const MINUTE_MS = 60_000;

/** An inline object shares its item with its key and name. */
const INLINE_BYTES_MAX = limits.itemBytesMax - 1_024;

/** By flag, the values in their order; `true` where a flag takes none. */
type Given<Name extends string = FlagName> = ReadonlyMap<Name, (string | true)[]>;

/** The flags of one command. Throws `OptionsError`. */
export function readFlags<Name extends string>(args: readonly string[], table: Record<Name, Flag>): Given<Name> {
  const given = new Map<Name, (string | true)[]>();
  const isFlag = (name: string): name is Name => Object.hasOwn(table, name);
  for (const token of tokens(args, table)) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new OptionsError(`"${token.value}" is no flag; see --help`);
    const { name, rawName, value, inlineValue } = token;
    if (!isFlag(name)) throw new OptionsError(`there is no flag ${rawName}; see --help`);
    const { placeholder } = table[name];
    // A value that looks like a flag is more likely a forgotten value; --flag=value says it clearly.
    if (placeholder !== undefined && (value === undefined || (value.startsWith('-') && !inlineValue))) {
      throw new OptionsError(`${rawName} needs a value: ${rawName} ${placeholder}`);
    }
    if (placeholder === undefined && value !== undefined) throw new OptionsError(`${rawName} takes no value`);
    given.set(name, [...(given.get(name) ?? []), value ?? true]);
  }
  return given;
}

/** Not strict: the messages here are better. */
function tokens(args: readonly string[], table: Record<string, Flag>) {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { placeholder }]) => [
      name,
      { type: placeholder === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

class Settings {
  private readonly given: Given;
  private readonly env: Surroundings['env'];

  constructor(given: Given, env: Surroundings['env']) {
    this.given = given;
    this.env = env;
  }

  /** Every value with where it came from: those of the flags, or the variable's, or none. */
  values(name: FlagName): { source: string; value: string }[] {
    const values = this.given.get(name);
    if (values !== undefined) return values.map((value) => ({ source: `--${name}`, value: String(value) }));
    const { variable } = flags[name];
    const value = variable && this.env[variable];
    return variable === undefined || value === undefined || value === '' ? [] : [{ source: variable, value }];
  }

  /** The one value, or the default. */
  one(name: FlagName): { source: string; value: string } {
    const values = this.values(name);
    if (values.length > 1) throw new OptionsError(`--${name} is given ${values.length} times; once is enough`);
    return values[0] ?? { source: `--${name}`, value: flags[name].default ?? '' };
  }

  text(name: FlagName): string {
    const { source, value } = this.one(name);
    if (value.trim() === '') throw new OptionsError(`${source} is empty`);
    return value.trim();
  }

  number(name: FlagName, min: number, max: number): number {
    const { source, value } = this.one(name);
    const number = /^[0-9]{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new OptionsError(`${source} is "${value}", not a whole number from ${min} to ${max}`);
  }

  on(name: FlagName): boolean {
    const { source, value } = this.one(name);
    if (['true', '1'].includes(value)) return true;
    if (['', 'false', '0'].includes(value)) return false;
    throw new OptionsError(`${source} is "${value}", not true or false`);
  }

  /** The entries of comma lists. */
  list(name: FlagName): { source: string; value: string }[] {
    return this.values(name).flatMap(({ source, value }) =>
      value.split(',').map((entry) => ({ source, value: entry.trim() })),
    );
  }
}

/** Where the stores are, by these of the server's flags and the environment. Throws `OptionsError`. */
export function storageOptions(given: Given<'data' | 'replica-data'>, env: Surroundings['env']): StorageOptions {
  return storage(new Settings(given, env), env);
}

function storage(settings: Settings, env: Surroundings['env']): StorageOptions {
  const { MILLRACE_TABLE: table, MILLRACE_BUCKET: bucket, MILLRACE_REPLICAS: replicas } = env;
  const createTable = settings.on('create-table');
  const directories = settings.list('replica-data').map(replicaDirectory);
  if (table && bucket) {
    const [data] = [...settings.values('data'), ...settings.values('replica-data')];
    if (data === undefined) return { kind: 'aws', table, bucket, createTable, ...(replicas && { replicas }) };
    throw new OptionsError(
      `${data.source} asks for embedded storage and MILLRACE_TABLE with MILLRACE_BUCKET for DynamoDB and S3: give one of them`,
    );
  }
  if (table || bucket) {
    const [set, missing] = table ? ['TABLE', 'BUCKET'] : ['BUCKET', 'TABLE'];
    throw new OptionsError(`MILLRACE_${set} is set and MILLRACE_${missing} is not: set both, or none`);
  }
  if (createTable) throw new OptionsError('--create-table needs MILLRACE_TABLE and MILLRACE_BUCKET');
  if (replicas) {
    throw new OptionsError(
      'MILLRACE_REPLICAS lists buckets and needs MILLRACE_TABLE and MILLRACE_BUCKET; directories are given by --replica-data',
    );
  }
  const path = settings.text('data');
  if (path !== ':memory:') return { kind: 'directory', path, fsync: settings.on('fsync'), replicas: directories };
  const [given] = settings.values('replica-data');
  if (given === undefined) return { kind: 'memory' };
  throw new OptionsError(`${given.source} needs a data directory that is kept, and --data is :memory:`);
}

/** The last `=` parts the directory from the rack. */
function replicaDirectory({ source, value }: { source: string; value: string }): ListedDirectory {
  const [, path = value, rack] = /^(.*)=([^=]*)$/s.exec(value) ?? [];
  if (path === '' || rack === '') {
    throw new OptionsError(
      `${source} has "${value}", not a directory, or a directory and its rack as in /mnt/b=zone-b`,
    );
  }
  return rack === undefined ? { path } : { path, rack };
}

/** Keys of flags and of key files together; only where there are neither, those of the variables. */
function apiKeys(settings: Settings, readFile: Surroundings['readFile']): DeclaredKey[] {
  const listed = settings.list('api-key');
  const files = settings.values('api-key-file');
  const byFlag = [...listed, ...files].some(({ source }) => source.startsWith('--'));
  const counts = ({ source }: { source: string }) => !byFlag || source.startsWith('--');
  return [...listed.filter(counts), ...files.filter(counts).flatMap((file) => keysInFile(file, readFile))].map(
    ({ source, value }) => {
      const key = parseDeclaredKey(value);
      if (key !== undefined) return key;
      // The text may be a secret, so it is not repeated.
      throw new OptionsError(
        `${source} holds a key that is not [id:]secret: the id is 1 to 128 letters, digits, ".", "_" or "-" (${DECLARED_KEY_ID} where absent), and the secret is not empty`,
      );
    },
  );
}

/** One key a line. */
function keysInFile(
  { source, value: path }: { source: string; value: string },
  readFile: Surroundings['readFile'],
): { source: string; value: string }[] {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    throw new OptionsError(`${source} names ${path}, which cannot be read: ${(error as Error).message}`);
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new OptionsError(`${source} names ${path}, which holds no key`);
  return lines.map((line) => ({ source: path, value: line.trim() }));
}

function advertisedUrl(settings: Settings): string | undefined {
  const [given] = settings.values('advertised-url');
  if (given === undefined) return undefined;
  const { source, value } = settings.one('advertised-url');
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isBare = url !== undefined && url.href === `${url.origin}/`;
  if (isBare && ['http:', 'https:'].includes(url.protocol)) return url.origin;
  throw new OptionsError(`${source} is "${value}", not a URL like https://millrace.example.com`);
}

function checkOrigin({ source, value }: { source: string; value: string }): string {
  if (value === '*') return value;
  if (URL.canParse(value) && new URL(value).origin === value) return value;
  throw new OptionsError(`${source} has "${value}", not an origin like https://app.example.com, nor *`);
}

/** Whether only this machine reaches the address. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
