/**
 * What a function is told by its environment variables. `lib/infra` sets them; docs/deploy.md lists them.
 *
 * Everything is checked at the start, and everything that is wrong is said at once: a function that is configured
 * wrongly fails in its init phase, with a sentence in its log, and serves nothing.
 */
import { MillraceError } from '../../lib/kernel/errors.ts';
import { producerLimits } from '../../lib/kernel/limits/producers.ts';
import { parseReplicas, type ReplicaConfig } from '../../lib/storage/objects/replicated-config.ts';

export interface LambdaEnvironment {
  table: string;
  bucket: string;
  /** The buckets of replicated topics; none where absent. */
  replicas: ReplicaConfig[] | undefined;
  /** How long a replica may be behind and in sync; the app's own where absent. */
  replicaLagMsMax: number | undefined;
  /** Objects up to this size live in the table; the app's own limit where absent. */
  inlineBytesMax: number | undefined;
  /** How long an idempotent producer that writes no more is known; the app's own where absent. */
  producerIdExpirationMs: number | undefined;
  /** How long offsets of a group without members are kept; the app's own where absent. */
  offsetsRetentionMs: number | undefined;
  /** Who checks callers: the app its own API keys, or AWS by SigV4 signatures. */
  authorizer: 'api-keys' | 'iam';
  /** Where the first admin key is; only functions that serve keys are told. */
  adminKeySecretArn: string | undefined;
  /** Whose pages may call: origins, or `*`. */
  corsOrigins: readonly string[];
  /**
   * The function is behind something that passes an answer on piece by piece: a function URL in mode RESPONSE_STREAM.
   */
  streaming: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Throws an `Error` that names every variable at fault. */
export function readEnvironment(variables: Variables): LambdaEnvironment {
  const faults: string[] = [];
  const environment: LambdaEnvironment = {
    table: required(variables, 'MILLRACE_TABLE', faults),
    bucket: required(variables, 'MILLRACE_BUCKET', faults),
    replicas: replicas(variables, faults),
    replicaLagMsMax: atLeast(variables, 'MILLRACE_REPLICA_LAG_MS', 1, faults),
    inlineBytesMax: wholeNumber(variables, 'MILLRACE_INLINE_BYTES_MAX', faults),
    producerIdExpirationMs: atLeast(
      variables,
      'MILLRACE_PRODUCER_ID_EXPIRATION_MS',
      producerLimits.producerIdExpirationMsMin,
      faults,
    ),
    offsetsRetentionMs: offsetsRetentionMs(variables, faults),
    authorizer: oneOf(variables, 'MILLRACE_AUTHORIZER', ['api-keys', 'iam'], faults),
    adminKeySecretArn: given(variables, 'MILLRACE_ADMIN_KEY_SECRET_ARN'),
    corsOrigins: corsOrigins(variables, faults),
    streaming: oneOf(variables, 'MILLRACE_STREAMING', ['false', 'true'], faults) === 'true',
  };
  if (faults.length > 0) throw new Error(`The function's environment is wrong: ${faults.join('; ')}.`);
  return environment;
}

/** Where a Lambda Web Function is to listen, `host:port`. */
export function readHttpEndpoint(variables: Variables): { host: string; port: number } {
  const name = 'AWS_LAMBDA_HTTP_ENDPOINT';
  const value = given(variables, name);
  if (value === undefined) throw new Error(`The function's environment is wrong: ${name} is not set.`);
  const [, host = '', port = ''] = /^(?:http:\/\/)?(.+):(\d{1,5})$/.exec(value) ?? [];
  if (host === '' || Number(port) > 65_535) {
    throw new Error(`The function's environment is wrong: ${name} is "${value}", not host:port.`);
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** The name of the function that delivers, for those that wake it. */
export function readDispatcher(variables: Variables): string {
  return theOnly(variables, 'MILLRACE_DISPATCHER');
}

/** The function's own name, which the platform sets. */
export function readFunctionName(variables: Variables): string {
  return theOnly(variables, 'AWS_LAMBDA_FUNCTION_NAME');
}

/** The function's region, which the platform sets. */
export function readRegion(variables: Variables): string {
  return theOnly(variables, 'AWS_REGION');
}

/** What events say they come from, where an MSK cluster has its ARN and its brokers. */
export function readEventOrigin(variables: Variables): { eventSourceArn: string; bootstrapServers: string } {
  return {
    eventSourceArn: theOnly(variables, 'MILLRACE_EVENT_SOURCE_ARN'),
    bootstrapServers: theOnly(variables, 'MILLRACE_BOOTSTRAP_SERVERS'),
  };
}

function theOnly(variables: Variables, name: string): string {
  const value = given(variables, name);
  if (value === undefined) throw new Error(`The function's environment is wrong: ${name} is not set.`);
  return value;
}

/** What triggers may deliver to, and who they are of. */
export function readAllowedTargets(variables: Variables): { patterns: string[]; tagged: boolean; tenant: string } {
  const name = 'MILLRACE_ALLOWED_TARGETS';
  const tenant = given(variables, 'MILLRACE_TENANT') ?? '';
  const targets = listOfText(given(variables, name) ?? '[]');
  if (targets === undefined)
    throw new Error(`The function's environment is wrong: ${name} is not a JSON list of text.`);
  const tagged = targets.includes('tagged');
  if (tagged && tenant === '') throw new Error("The function's environment is wrong: MILLRACE_TENANT is not set.");
  return { patterns: targets.filter((target) => target !== 'tagged'), tagged, tenant };
}

function corsOrigins(variables: Variables, faults: string[]): readonly string[] {
  const origins = listOfText(given(variables, 'MILLRACE_CORS_ORIGINS') ?? '[]');
  if (origins === undefined) faults.push('MILLRACE_CORS_ORIGINS is not a JSON list of text');
  return origins ?? [];
}

function listOfText(text: string): string[] | undefined {
  try {
    const list = JSON.parse(text) as unknown;
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

function given(variables: Variables, name: string): string | undefined {
  const value = variables[name];
  return value === '' ? undefined : value;
}

function required(variables: Variables, name: string, faults: string[]): string {
  const value = given(variables, name);
  if (value === undefined) faults.push(`${name} is not set`);
  return value ?? '';
}

function replicas(variables: Variables, faults: string[]): ReplicaConfig[] | undefined {
  const text = given(variables, 'MILLRACE_REPLICAS');
  if (text === undefined) return undefined;
  try {
    return parseReplicas(text);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    faults.push(`MILLRACE_REPLICAS: ${error.message.replace(/\.$/, '')}`);
    return undefined;
  }
}

function offsetsRetentionMs(variables: Variables, faults: string[]): number | undefined {
  const minutes = atLeast(variables, 'MILLRACE_OFFSETS_RETENTION_MINUTES', 1, faults);
  return minutes === undefined ? undefined : minutes * 60_000;
}

function atLeast(variables: Variables, name: string, least: number, faults: string[]): number | undefined {
  const value = wholeNumber(variables, name, faults);
  if (value !== undefined && value < least) faults.push(`${name} is ${value}, it must be at least ${least}`);
  return value;
}

function wholeNumber(variables: Variables, name: string, faults: string[]): number | undefined {
  const value = given(variables, name);
  if (value === undefined) return undefined;
  if (!/^\d{1,12}$/.test(value)) faults.push(`${name} is "${value}", not a whole number`);
  return Number(value);
}

/** The first of the allowed values where the variable is not set. */
function oneOf<Value extends string>(
  variables: Variables,
  name: string,
  allowed: readonly [Value, ...Value[]],
  faults: string[],
): Value {
  const value = given(variables, name);
  if (value === undefined) return allowed[0];
  const known = allowed.find((candidate) => candidate === value);
  if (known === undefined) faults.push(`${name} is "${value}", not ${allowed.join(' or ')}`);
  return known ?? allowed[0];
}
