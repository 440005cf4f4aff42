import { Token } from 'aws-cdk-lib';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import type { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { OptionError } from './option-error.ts';

/** What a tenant may choose of its Kafka gateway; all flat, all but the host with defaults. */
export interface KafkaGatewayOptions {
  /** The name by which clients reach the gateway, which its certificate has: `kafka.example.com`. */
  host: string;
  /** An ACM certificate of the region for `host`. Default: one that the stack makes, which takes `hostedZoneId`. */
  certificateArn?: string;
  /**
   * Of Route 53, public: where the stack makes `host` an alias of the load balancer. Default: that is for somebody else
   * to do.
   */
  hostedZoneId?: string;
  /** Of the first virtual broker; the others have those after it. Default 9092. */
  port?: number;
  /** Virtual brokers that clients see: a listener each, and for clients a connection each. Default 3, at most 20. */
  brokers?: number;
  /** Tasks that run at least. Default 2. */
  tasksMin?: number;
  /** Tasks that run at most. Default 10. */
  tasksMax?: number;
  /** Of a task, 1,024 for a vCPU. Default 1024. */
  cpu?: number;
  /** Of a task, at least 1,024; what goes with `cpu` is in ECS's documentation. Default 2048. */
  memoryMiB?: number;
  /** Whether topics are made by asking for them (`auto.create.topics.enable`). Default true. */
  autoCreateTopics?: boolean;
  /** Where clients may come from. Default: anywhere; with `internal`, the VPC. */
  allowedCidrs?: readonly string[];
  /** The load balancer has private addresses only. Takes a `vpc`. Default false. */
  internal?: boolean;
  /** In a CDK app only. Default: one of the stack's own, with public subnets in two zones. */
  vpc?: IVpc;
  /** In a CDK app only. Default: built from this package when the stack is deployed, which takes Docker. */
  image?: ContainerImage;
}

/** What Fargate has, by its documentation of task sizes. */
const CPUS = [256, 512, 1_024, 2_048, 4_096, 8_192, 16_384];

/** What requests and answers may take together in a process (384 MiB), and Node beside it. */
const MEMORY_MIB_MIN = 1_024;

/** A load balancer has 50 listeners, by default. */
const BROKERS_MAX = 20;

const NUMBERS = {
  port: [1, 65_535],
  brokers: [1, BROKERS_MAX],
  tasksMin: [1, 1_000],
  tasksMax: [1, 1_000],
  memoryMiB: [MEMORY_MIB_MIN, 122_880],
} as const;

/** With what holds where an option is not given. */
export function withDefaults<Options extends KafkaGatewayOptions>(options: Options) {
  const { port = 9_092, brokers = 3, tasksMin = 2, tasksMax = 10, internal = false } = options;
  return { ...options, port, brokers, tasksMin, tasksMax, internal };
}

/** Throws an `OptionError`. */
export function checkKafkaGatewayOptions(options: KafkaGatewayOptions): void {
  const { host, certificateArn, hostedZoneId, cpu, vpc } = options;
  if (!isHostName(host)) {
    throw new OptionError(`kafka.host is ${JSON.stringify(host)}; it is a name such as kafka.example.com.`);
  }
  if (certificateArn === undefined && hostedZoneId === undefined) {
    throw new OptionError(
      'kafka needs a certificateArn, or a hostedZoneId in which the stack proves that the host is yours.',
    );
  }
  for (const [name, [min, max]] of Object.entries(NUMBERS)) {
    const value = options[name as keyof typeof NUMBERS];
    if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) continue;
    throw new OptionError(`kafka.${name} is ${JSON.stringify(value)}; it is a whole number from ${min} to ${max}.`);
  }
  if (cpu !== undefined && !CPUS.includes(cpu)) {
    throw new OptionError(`kafka.cpu is ${JSON.stringify(cpu)}; it is one of ${CPUS.join(', ')}.`);
  }
  const { port, brokers, tasksMin, tasksMax, internal } = withDefaults(options);
  if (tasksMin > tasksMax) throw new OptionError(`kafka.tasksMin is ${tasksMin}, and kafka.tasksMax ${tasksMax}.`);
  if (port + brokers - 1 > 65_535) throw new OptionError(`kafka.port is ${port}, too high for ${brokers} brokers.`);
  if (internal && vpc === undefined) {
    throw new OptionError(
      'kafka.internal needs a vpc, which only a CDK app can give: nobody is in the own one of the stack.',
    );
  }
}

/** From a context, where all is text, numbers and lists; what the options mean together is checked by the stack. */
export function parseKafkaGatewayOptions(value: unknown): KafkaGatewayOptions {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OptionError(`kafka is ${JSON.stringify(value)}; it is an object, in cdk.json only: { "host": …, … }.`);
  }
  for (const [name, given] of Object.entries(value)) {
    if (!Object.hasOwn(TEXT_FORMS, name)) {
      throw new OptionError(`kafka has an unknown option "${name}"; known are ${Object.keys(TEXT_FORMS).join(', ')}.`);
    }
    const form = TEXT_FORMS[name as keyof typeof TEXT_FORMS];
    const isList = Array.isArray(given) && given.every((one) => typeof one === 'string');
    if (form === 'list' ? isList : typeof given === form) continue;
    throw new OptionError(
      `kafka.${name} is ${JSON.stringify(given)}; it is a ${form === 'list' ? 'list of text' : form}.`,
    );
  }
  return value as KafkaGatewayOptions;
}

const TEXT_FORMS: Record<
  keyof Required<Omit<KafkaGatewayOptions, 'vpc' | 'image'>>,
  'string' | 'number' | 'boolean' | 'list'
> = {
  host: 'string',
  certificateArn: 'string',
  hostedZoneId: 'string',
  port: 'number',
  brokers: 'number',
  tasksMin: 'number',
  tasksMax: 'number',
  cpu: 'number',
  memoryMiB: 'number',
  autoCreateTopics: 'boolean',
  allowedCidrs: 'list',
  internal: 'boolean',
};

function isHostName(host: unknown): boolean {
  if (Token.isUnresolved(host)) return true;
  return typeof host === 'string' && /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/.test(host);
}
