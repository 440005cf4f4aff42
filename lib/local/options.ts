/** What the local server is told by flags and environment variables, as one value. */
import type { DeclaredKey } from '../broker/keys/authenticate.ts';
import { groupLimits } from '../kernel/limits/groups.ts';
import { producerLimits } from '../kernel/limits/producers.ts';
import { storageLimits } from '../kernel/limits/storage.ts';
import { DECLARED_KEY_ID, parseDeclaredKey } from './declared-keys.ts';
import { flags } from './flags.ts';
import type { LocalKafkaOptions } from './kafka/kafka-gateway.ts';
import { kafkaOptions } from './kafka/kafka-options.ts';
import { isLoopback } from './loopback.ts';
import type { ListedDirectory } from './replica-directories.ts';
import { type Given, OptionsError, readFlags, Settings, type Surroundings } from './settings.ts';

export type StorageOptions =
  | { kind: 'memory' }
  | { kind: 'directory'; path: string; fsync: boolean; replicas: ListedDirectory[] }
  /** `replicas` is the list as it was given. */
  | { kind: 'aws'; table: string; bucket: string; createTable: boolean; replicas?: string };

export interface LocalOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Kafka's protocol; absent: not spoken. */
  kafka?: LocalKafkaOptions;
  storage: StorageOptions;
  inlineBytesMax: number;
  /** How long a replica may be behind and in sync. Default 30 s. */
  replicaLagMsMax?: number;
  /** How long an idempotent producer that writes no more is known. Default one day. */
  producerIdExpirationMs?: number;
  /** How long offsets of a group without members are kept. Default 7 days. */
  offsetsRetentionMs?: number;
  /** From one round of retention, merging and compaction to the next. Default 10 minutes. */
  maintenanceIntervalMs?: number;
  /** Empty: no authentication, and loopback only. */
  apiKeys: DeclaredKey[];
  /** Without a slash at the end. */
  advertisedUrl?: string;
  corsOrigins: string[];
  /** Whose triggers this server delivers. */
  triggersFile?: string;
}

export type Command = { command: 'help' } | { command: 'serve'; options: LocalOptions };

/** Throws `OptionsError`. */
export function parseCommand({ args, env, readFile }: Surroundings): Command {
  const given = readFlags(args, flags);
  if (given.has('help')) return { command: 'help' };
  const settings = new Settings(given, env);
  const port = settings.number('port', 0, 65_535);
  const options: LocalOptions = {
    host: settings.text('host'),
    port,
    kafka: kafkaOptions(settings, port),
    storage: storage(settings, env),
    inlineBytesMax: settings.number('inline-bytes-max', 0, INLINE_BYTES_MAX),
    replicaLagMsMax: settings.number('replica-lag-ms', 1, Number.MAX_SAFE_INTEGER),
    producerIdExpirationMs: settings.number(
      'producer-id-expiration-ms',
      producerLimits.producerIdExpirationMsMin,
      Number.MAX_SAFE_INTEGER,
    ),
    offsetsRetentionMs:
      settings.number('offsets-retention-minutes', 1, groupLimits.offsetsRetentionMinutesMax) * MINUTE_MS,
    maintenanceIntervalMs: settings.number('maintenance-interval-ms', SECOND_MS, Number.MAX_SAFE_INTEGER),
    apiKeys: apiKeys(settings, readFile),
    advertisedUrl: advertisedUrl(settings),
    corsOrigins: settings.list('cors-origin').map(checkOrigin),
    ...(settings.values('triggers').length > 0 && { triggersFile: settings.text('triggers') }),
  };
  if (options.apiKeys.length === 0 && !isLoopback(options.host)) {
    throw new OptionsError(
      `--host ${options.host} is reachable from other machines, and without an API key everyone there could do everything: give --api-key (MILLRACE_API_KEY), or keep to 127.0.0.1`,
    );
  }
  if (options.apiKeys.length === 0 && options.corsOrigins.includes('*')) {
    throw new OptionsError(
      'the CORS origin * lets any web page call, and without an API key it could do everything: give --api-key, or name the origins',
    );
  }
  if (options.apiKeys.length === 0 && options.kafka?.tls?.clientCa !== undefined) {
    throw new OptionsError(
      '--kafka-tls-client-ca says who has which API key, and without one nobody is asked: give --api-key',
    );
  }
  if (options.apiKeys.length === 0 && options.kafka?.tokens !== undefined) {
    throw new OptionsError(
      '--kafka-oauth-keys says who clients are, and without an API key nobody is asked: give --api-key',
    );
  }
  return { command: 'serve', options };
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** An inline object shares its item with its key and name. */
const INLINE_BYTES_MAX = storageLimits.itemBytesMax - 1_024;

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
