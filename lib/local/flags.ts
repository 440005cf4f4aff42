/** The flags of the local server, with their environment variables: what parses them and what `--help` prints. */
import { limits } from '../kernel/limits.ts';

export interface Flag {
  /** Stands for the value in the help; a flag without one is switched on by naming it. */
  placeholder?: string;
  variable?: string;
  default?: string;
  about: string;
}

const table = {
  port: { placeholder: '<port>', variable: 'PORT', default: '8080', about: 'Port of HTTP; 0 takes a free one.' },
  host: {
    placeholder: '<address>',
    variable: 'MILLRACE_HOST',
    default: '127.0.0.1',
    about: 'Address to listen on; other than loopback only with an API key.',
  },
  data: {
    placeholder: '<directory>',
    variable: 'MILLRACE_DATA',
    default: '.millrace',
    about: 'Where the embedded storage is; :memory: keeps nothing.',
  },
  'replica-data': {
    placeholder: '<directory[=rack]>',
    variable: 'MILLRACE_REPLICA_DATA',
    about: 'Further directory for the objects of replicated topics; a comma list, or several times.',
  },
  fsync: { variable: 'MILLRACE_FSYNC', about: 'Wait for the disk at every write of the embedded storage.' },
  'inline-bytes-max': {
    placeholder: '<bytes>',
    variable: 'MILLRACE_INLINE_BYTES_MAX',
    default: String(limits.inlineBytesMaxDefault),
    about: 'Largest object that is stored as an item of the table; 0 for none.',
  },
  'replica-lag-ms': {
    placeholder: '<ms>',
    variable: 'MILLRACE_REPLICA_LAG_MS',
    default: String(limits.replicaLagMsDefault),
    about: 'How long a replica may be behind before it leaves the in-sync set (replica.lag.time.max.ms).',
  },
  'producer-id-expiration-ms': {
    placeholder: '<ms>',
    variable: 'MILLRACE_PRODUCER_ID_EXPIRATION_MS',
    default: String(limits.producerIdExpirationMsDefault),
    about: 'How long an idempotent producer that writes no more is known.',
  },
  'offsets-retention-minutes': {
    placeholder: '<minutes>',
    variable: 'MILLRACE_OFFSETS_RETENTION_MINUTES',
    default: String(limits.offsetsRetentionMsDefault / 60_000),
    about: 'How long the offsets of a group without members are kept (offsets.retention.minutes).',
  },
  'api-key': {
    placeholder: '<[id:]secret>',
    variable: 'MILLRACE_API_KEY',
    about: 'Key with all scopes; a comma list, or several times. Without one there is no authentication.',
  },
  'api-key-file': {
    placeholder: '<file>',
    variable: 'MILLRACE_API_KEY_FILE',
    about: 'File with one key a line.',
  },
  'advertised-url': {
    placeholder: '<url>',
    variable: 'MILLRACE_ADVERTISED_URL',
    about: 'Where clients reach this server, if not where it listens.',
  },
  'cors-origin': {
    placeholder: '<origin>',
    variable: 'MILLRACE_CORS_ORIGIN',
    about: 'Origin of web pages that may call; a comma list, or several times. * only with an API key.',
  },
  triggers: {
    placeholder: '<file>',
    variable: 'MILLRACE_TRIGGERS',
    about: 'JSON or module that binds topics to handlers, which this server runs; see docs/triggers.md.',
  },
  'kafka-port': {
    placeholder: '<port>',
    variable: 'KAFKA_PORT',
    default: '9092',
    about: "Port of Kafka's protocol; without effect as yet.",
  },
  'create-table': { variable: 'MILLRACE_CREATE_TABLE', about: 'Make the DynamoDB table if it is not there.' },
  help: { about: 'Print this.' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof table;

export const flags: Record<FlagName, Flag> = table;

/** What `--help` prints. */
export function helpText(): string {
  return [
    'Serves Millrace over HTTP, with embedded storage.',
    '',
    'millrace serve [flags]      from the package',
    'npm start -- [flags]        from a checkout',
    '',
    ...flagLines(flags),
    '',
    'With MILLRACE_TABLE and MILLRACE_BUCKET set, storage is that DynamoDB table and S3 bucket; region, credentials and',
    "endpoints come from the AWS SDK's own environment variables. MILLRACE_REPLICAS lists the buckets of replicated topics,",
    'as docs/lambda.md says.',
    '',
  ].join('\n');
}

/** A line for each flag. */
export function flagLines(table: Record<string, Flag>): string[] {
  const rows = Object.entries(table).map(([name, { placeholder, variable, about, default: value }]) => {
    const left = `  --${name}${placeholder === undefined ? '' : ` ${placeholder}`}`;
    const facts = [variable, value === undefined ? undefined : `default ${value}`].filter((fact) => fact !== undefined);
    return [left, facts.length === 0 ? about : `${about} [${facts.join('; ')}]`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `${left.padEnd(width)}${right}`);
}
