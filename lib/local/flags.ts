/** The flags of the local server, with their environment variables: what parses them and what `--help` prints. */
import { groupLimits } from '../kernel/limits/groups.ts';
import { maintenanceLimits } from '../kernel/limits/maintenance.ts';
import { producerLimits } from '../kernel/limits/producers.ts';
import { replicationLimits } from '../kernel/limits/replication.ts';
import { storageLimits } from '../kernel/limits/storage.ts';

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
    default: String(storageLimits.inlineBytesMaxDefault),
    about: 'Largest object that is stored as an item of the table; 0 for none.',
  },
  'replica-lag-ms': {
    placeholder: '<ms>',
    variable: 'MILLRACE_REPLICA_LAG_MS',
    default: String(replicationLimits.replicaLagMsDefault),
    about: 'How long a replica may be behind before it leaves the in-sync set (replica.lag.time.max.ms).',
  },
  'producer-id-expiration-ms': {
    placeholder: '<ms>',
    variable: 'MILLRACE_PRODUCER_ID_EXPIRATION_MS',
    default: String(producerLimits.producerIdExpirationMsDefault),
    about: 'How long an idempotent producer that writes no more is known.',
  },
  'offsets-retention-minutes': {
    placeholder: '<minutes>',
    variable: 'MILLRACE_OFFSETS_RETENTION_MINUTES',
    default: String(groupLimits.offsetsRetentionMsDefault / 60_000),
    about: 'How long the offsets of a group without members are kept (offsets.retention.minutes).',
  },
  'maintenance-interval-ms': {
    placeholder: '<ms>',
    variable: 'MILLRACE_MAINTENANCE_INTERVAL_MS',
    default: String(maintenanceLimits.maintenanceIntervalMs),
    about: 'How long it is from one round of retention, merging and compaction to the next.',
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
    about: "Port of Kafka's protocol; 0 takes a free one, as --port 0 does unless this is given.",
  },
  'kafka-brokers': {
    placeholder: '<n>',
    variable: 'MILLRACE_KAFKA_BROKERS',
    default: '1',
    about: 'Virtual brokers that Kafka clients see, on ports from that of --kafka-port on.',
  },
  'kafka-node-id': {
    placeholder: '<n>',
    variable: 'MILLRACE_KAFKA_NODE_ID',
    about:
      'Id of the first virtual broker, where several gateways are the brokers of one cluster: they find each other by the table (node.id).',
  },
  'kafka-advertised': {
    placeholder: '<host[:port]>',
    variable: 'MILLRACE_KAFKA_ADVERTISED',
    about:
      'What Kafka clients are told to connect to, if not where it listens; of the first virtual broker, or a comma list of all.',
  },
  'kafka-one-port': {
    variable: 'MILLRACE_KAFKA_ONE_PORT',
    about:
      'All virtual brokers are behind the port of --kafka-port: a load balancer has one for each, which --kafka-advertised tells.',
  },
  'kafka-rack': {
    placeholder: '<rack>',
    variable: 'MILLRACE_KAFKA_RACK',
    about: 'Rack of the virtual brokers, or a comma list of those of each (broker.rack).',
  },
  'auto-create-topics': {
    placeholder: '<true|false>',
    variable: 'MILLRACE_AUTO_CREATE_TOPICS',
    default: 'true',
    about: 'Whether Kafka clients create topics by asking for them (auto.create.topics.enable).',
  },
  'num-partitions': {
    placeholder: '<n>',
    variable: 'MILLRACE_NUM_PARTITIONS',
    default: '1',
    about: 'Partitions of topics that Kafka clients create without saying how many (num.partitions).',
  },
  'kafka-initial-rebalance-ms': {
    placeholder: '<ms>',
    variable: 'MILLRACE_KAFKA_INITIAL_REBALANCE_MS',
    default: '0',
    about:
      'How long the first members of a group of the classic protocol wait for each other (group.initial.rebalance.delay.ms).',
  },
  'kafka-tls-cert': {
    placeholder: '<file>',
    variable: 'MILLRACE_KAFKA_TLS_CERT',
    about: "Certificate, with its chain, for Kafka's protocol (PEM); followed when the file changes, and on SIGHUP.",
  },
  'kafka-tls-key': {
    placeholder: '<file>',
    variable: 'MILLRACE_KAFKA_TLS_KEY',
    about: 'Its key (PEM).',
  },
  'kafka-tls-client-ca': {
    placeholder: '<file>',
    variable: 'MILLRACE_KAFKA_TLS_CLIENT_CA',
    about: 'Authorities (PEM) whose certificates name an API key by their common name, and prove that a client has it.',
  },
  'kafka-session-ms-max': {
    placeholder: '<ms>',
    variable: 'MILLRACE_KAFKA_SESSION_MS_MAX',
    default: '0',
    about: 'How often Kafka clients have to prove anew who they are (connections.max.reauth.ms); 0: once.',
  },
  'kafka-report-ms': {
    placeholder: '<ms>',
    variable: 'MILLRACE_KAFKA_REPORT_MS',
    default: '0',
    about: 'How often the log says how many Kafka clients are connected, and what they have asked for; 0: never.',
  },
  'kafka-oauth-keys': {
    placeholder: '<url|file>',
    variable: 'MILLRACE_KAFKA_OAUTH_KEYS',
    about:
      'Keys (JWKS) of an OAuth issuer whose tokens Kafka clients may show (OAUTHBEARER): its https URL, or a file.',
  },
  'kafka-oauth-issuer': {
    placeholder: '<issuer>',
    variable: 'MILLRACE_KAFKA_OAUTH_ISSUER',
    about: 'What the tokens say who has issued them (iss).',
  },
  'kafka-oauth-audience': {
    placeholder: '<audience>',
    variable: 'MILLRACE_KAFKA_OAUTH_AUDIENCE',
    about: 'What the tokens say whom they are for (aud).',
  },
  'kafka-oauth-principal-claim': {
    placeholder: '<claim>',
    variable: 'MILLRACE_KAFKA_OAUTH_PRINCIPAL_CLAIM',
    default: 'sub',
    about: 'The claim that names the principal.',
  },
  'kafka-oauth-scope-claim': {
    placeholder: '<claim>',
    variable: 'MILLRACE_KAFKA_OAUTH_SCOPE_CLAIM',
    default: 'scope',
    about: 'The claim with the scopes: produce, consume, admin, or with a prefix of topics as in produce:orders.',
  },
  'kafka-oauth-scope-prefix': {
    placeholder: '<prefix>',
    variable: 'MILLRACE_KAFKA_OAUTH_SCOPE_PREFIX',
    about: 'What the issuer puts before these scopes, as in millrace/produce.',
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
