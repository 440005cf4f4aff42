/**
 * Which tenants to synthesize, read from CDK's context: `-c tenant=acme`, `-c tenants=acme,globex`, or a list under
 * `tenants` in cdk.json whose elements are names or `{ "name": …, options }`. Options may also be given to all tenants
 * by context keys of their name (`-c ingress=web-function`); a tenant's own win.
 *
 * Everything is checked here, where a person typed it: an unknown option or a wrong value is one clear sentence.
 */
import { parseKafkaGatewayOptions } from './kafka-gateway-options.ts';
import { OptionError } from './option-error.ts';
import { checkTenantName } from './tenant-name.ts';
import type { TenantOptions } from './tenant-stack.ts';

export interface Tenant {
  name: string;
  options: TenantOptions;
}

const EXAMPLES =
  'Name one with `npx cdk synth -c tenant=acme`, several with `-c tenants=acme,globex`, or list them in cdk.json: ' +
  '"context": { "tenants": ["acme", { "name": "globex", "ingress": "web-function" }] }.';

type OptionParser = (value: unknown, name: string) => unknown;

/** One parser an option; the type makes sure that none is missing. */
const OPTIONS: { [Name in keyof Required<TenantOptions>]: OptionParser } = {
  ingress: oneOf('http-api', 'web-function'),
  authorizer: oneOf('api-keys', 'iam'),
  reservedConcurrency: concurrency,
  maxEnvironments: wholeNumber(2),
  throttlingRate: wholeNumber(0),
  throttlingBurst: wholeNumber(0),
  memoryMiB: wholeNumber(128, 10_240),
  logRetentionDays: wholeNumber(1),
  removal: oneOf('retain', 'destroy'),
  encryption,
  alarms: trueOrFalse,
  alarmTopicArn: topicArn,
  dashboard: trueOrFalse,
  corsOrigins: origins,
  inlineBytesMax: wholeNumber(0, 350 * 1024),
  producerIdExpirationMs: wholeNumber(60_000),
  offsetsRetentionMinutes: wholeNumber(1, 2 ** 31 - 1),
  replicas: places,
  replicaLagMs: wholeNumber(1),
  triggers: trueOrFalse,
  allowedTargets: targets,
  dispatcherConcurrency: concurrency,
  triggerSweepMinutes: wholeNumber(1, 60),
  iteratorAgeAlarmMs: wholeNumber(1),
  triggerErrorsAlarm: wholeNumber(1),
  destinationFailuresAlarm: wholeNumber(1),
  kafka: parseKafkaGatewayOptions,
  tags: tagValues,
};

export const optionNames: readonly string[] = Object.keys(OPTIONS);

const KNOWN = optionNames.join(', ');

/** The tenants in the order given. `context` is all of the app's, with what CDK puts into it. */
export function tenantsFromContext(context: Readonly<Record<string, unknown>>): Tenant[] {
  const { tenant, tenants: listed, ...others } = context;
  const forAll: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(others)) {
    if (Object.hasOwn(OPTIONS, key)) forAll[key] = value;
    else if (!isOfCdk(key))
      throw new OptionError(`The context has an unknown option "${key}"; known are tenant, tenants, ${KNOWN}.`);
  }
  const tenants = listTenants(tenant, listed).map((entry) => parseTenant(entry, forAll));
  const names = new Set<string>();
  for (const { name } of tenants) {
    if (names.has(name)) throw new OptionError(`The tenant ${name} is listed twice.`);
    names.add(name);
  }
  return tenants;
}

/**
 * CDK keeps feature flags, look-ups and settings of its own in the context (`@aws-cdk/…`, `availability-zones:…`,
 * `cli-telemetry`), and none of their names is a single word, as all options here are.
 */
function isOfCdk(key: string): boolean {
  return !/^\w+$/.test(key);
}

/** `-c tenant` picks from the list in cdk.json, so that one tenant of many can be deployed with its own options. */
function listTenants(tenant: unknown, tenants: unknown): readonly unknown[] {
  const listed = typeof tenants === 'string' ? splitNames(tenants) : tenants;
  if (listed !== undefined && !Array.isArray(listed)) {
    throw new OptionError(`The context "tenants" is ${JSON.stringify(tenants)}, not a list. ${EXAMPLES}`);
  }
  const entries: unknown[] = listed ?? [];
  if (tenant === undefined) {
    if (entries.length === 0) throw new OptionError(`No tenant is given. ${EXAMPLES}`);
    return entries;
  }
  return [entries.find((entry) => nameOf(entry) === tenant) ?? tenant];
}

function parseTenant(entry: unknown, forAll: Record<string, unknown>): Tenant {
  const name = nameOf(entry);
  checkTenantName(name);
  const own = typeof entry === 'object' && entry !== null ? { ...entry, name: undefined } : {};
  const options: Record<string, unknown> = {};
  for (const [option, value] of Object.entries({ ...forAll, ...own })) {
    if (value === undefined) continue;
    if (!Object.hasOwn(OPTIONS, option)) {
      throw new OptionError(`The tenant ${name} has an unknown option "${option}"; known are ${KNOWN}.`);
    }
    options[option] = OPTIONS[option as keyof TenantOptions](value, option);
  }
  return { name, options };
}

function nameOf(entry: unknown): unknown {
  return typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : entry;
}

function splitNames(names: string): string[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function oneOf(...allowed: string[]): OptionParser {
  return (value, name) => {
    if (typeof value === 'string' && allowed.includes(value)) return value;
    throw new OptionError(`${name} is ${JSON.stringify(value)}; it is ${allowed.join(' or ')}.`);
  };
}

/** On the command line every value is text. */
function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): OptionParser {
  return (value, name) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (Number.isSafeInteger(number) && (number as number) >= min && (number as number) <= max) return number;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw new OptionError(`${name} is ${JSON.stringify(value)}; it is a whole number ${range}.`);
  };
}

function concurrency(value: unknown, name: string): unknown {
  return value === 'unreserved' ? value : wholeNumber(0)(value, name);
}

function trueOrFalse(value: unknown, name: string): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new OptionError(`${name} is ${JSON.stringify(value)}; it is true or false.`);
}

/** What the places are is checked by the stack, which takes them from other apps too. */
function places(value: unknown, name: string): string[] {
  return names(value, name, 'places such as use1-az4,use1-az5');
}

/** As are the origins, … */
function origins(value: unknown, name: string): string[] {
  return names(value, name, 'origins such as https://app.example.com, or *');
}

/** … and the targets. */
function targets(value: unknown, name: string): string[] {
  return names(value, name, 'ARNs, or "tagged"');
}

function names(value: unknown, option: string, what: string): string[] {
  const listed = typeof value === 'string' ? splitNames(value) : value;
  if (Array.isArray(listed) && listed.every((name) => typeof name === 'string')) return listed;
  throw new OptionError(`${option} is ${JSON.stringify(value)}; it is a list of ${what}.`);
}

/** Whether an ARN is a key's is checked by the stack. */
function encryption(value: unknown, name: string): string {
  if (typeof value === 'string' && /^(?:aws-owned|tenant-key|arn:.+)$/.test(value)) return value;
  throw new OptionError(`${name} is ${JSON.stringify(value)}; it is aws-owned, tenant-key, or the ARN of a KMS key.`);
}

function topicArn(value: unknown, name: string): string {
  if (typeof value === 'string' && /^arn:[^:]+:sns:[^:]+:\d{12}:.+$/.test(value)) return value;
  throw new OptionError(
    `${name} is ${JSON.stringify(value)}; it is the ARN of an SNS topic, arn:aws:sns:region:account:name.`,
  );
}

function tagValues(value: unknown, name: string): Record<string, string> {
  const tags = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (tags.length > 0 && tags.every(([, text]) => typeof text === 'string')) return value as Record<string, string>;
  throw new OptionError(`${name} is ${JSON.stringify(value)}; it is an object of strings, in cdk.json only.`);
}
