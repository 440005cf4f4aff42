/**
 * What the gateway alone is told: the flags and variables of the local server that concern Kafka's protocol, keys and
 * storage. Its storage is a table and a bucket, since several gateways share it.
 */
import { type Flag, type FlagName, flagLines, flags } from '../flags.ts';
import type { LocalKafkaOptions } from '../kafka/kafka-gateway.ts';
import { type LocalOptions, parseCommand } from '../options.ts';
import { OptionsError, readFlags, type Surroundings } from '../settings.ts';

export interface GatewayOptions
  extends Pick<
    LocalOptions,
    'storage' | 'inlineBytesMax' | 'replicaLagMsMax' | 'producerIdExpirationMs' | 'apiKeys' | 'host'
  > {
  kafka: LocalKafkaOptions & { required: true };
}

export type GatewayCommand = { command: 'help' } | { command: 'serve'; options: GatewayOptions };

/** Of the local server alone: HTTP, embedded storage, triggers, and what the stack's maintenance does for a gateway. */
const NOT_OF_THE_GATEWAY: ReadonlySet<FlagName> = new Set<FlagName>([
  'port',
  'data',
  'replica-data',
  'fsync',
  'advertised-url',
  'cors-origin',
  'triggers',
  'offsets-retention-minutes',
  'maintenance-interval-ms',
]);

const gatewayFlags = {
  ...Object.fromEntries(Object.entries(flags).filter(([name]) => !NOT_OF_THE_GATEWAY.has(name as FlagName))),
  'kafka-port': { ...flags['kafka-port'], about: "Port of Kafka's protocol; 0 takes a free one." },
} as Record<FlagName, Flag>;

const STORAGE_VARIABLES = ['MILLRACE_TABLE', 'MILLRACE_BUCKET', 'MILLRACE_REPLICAS'];

/** Throws `OptionsError`. */
export function parseGatewayCommand({ args, env, readFile }: Surroundings): GatewayCommand {
  if (readFlags(args, gatewayFlags).has('help')) return { command: 'help' };
  const known = new Set([...Object.values(gatewayFlags).map(({ variable }) => variable), ...STORAGE_VARIABLES]);
  const ownEnv = Object.fromEntries(Object.entries(env).filter(([name]) => known.has(name)));
  const command = parseCommand({ args, env: ownEnv, readFile });
  if (command.command === 'help') return command;
  const { kafka, ...options } = command.options;
  if (options.storage.kind !== 'aws' || kafka === undefined) {
    throw new OptionsError(
      'the gateway serves a DynamoDB table and an S3 bucket: set MILLRACE_TABLE and MILLRACE_BUCKET; millrace serve has embedded storage',
    );
  }
  return { command: 'serve', options: { ...options, kafka: { ...kafka, required: true } } };
}

/** What `--help` prints. */
export function gatewayHelp(): string {
  return [
    "Serves Kafka's protocol, and nothing else, over a DynamoDB table and an S3 bucket.",
    '',
    'millrace gateway [flags]              from the package',
    'npm run -s cli -- gateway [flags]     from a checkout',
    '',
    ...flagLines(gatewayFlags),
    '',
    'MILLRACE_TABLE and MILLRACE_BUCKET name table and bucket, MILLRACE_REPLICAS the buckets of replicated topics; region, credentials',
    "and endpoints come from the AWS SDK's own environment variables. Several gateways may serve the same. They leave what is to be",
    'done now and then (retention, merging, erasures) to the maintenance of the stack, or to a local server.',
    '',
  ].join('\n');
}
