import { CfnOutput, Fn, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { ContainerDefinition, TaskDefinition } from 'aws-cdk-lib/aws-ecs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { checkCorsOrigins } from './cors-origins.ts';
import { type Encryption, tenantKey } from './encryption.ts';
import { FirstAdminKey } from './first-admin-key.ts';
import { type ConsumeGrantOptions, grantConsume } from './grant-consume.ts';
import { KafkaGateway } from './kafka-gateway.ts';
import type { KafkaGatewayOptions } from './kafka-gateway-options.ts';
import { addKafkaSidecar, type KafkaSidecarOptions } from './kafka-sidecar.ts';
import { LifecycleDashboard } from './lifecycle-dashboard.ts';
import { MillraceAlarms } from './millrace-alarms.ts';
import { MillraceApi } from './millrace-api.ts';
import { MillraceBucket } from './millrace-bucket.ts';
import { type Authorizer, type BackendProps, MillraceFunctions } from './millrace-functions.ts';
import { MillraceMaintenance } from './millrace-maintenance.ts';
import { MillraceReplicas } from './millrace-replicas.ts';
import { MillraceTable } from './millrace-table.ts';
import { OptionError } from './option-error.ts';
import type { Removal } from './removal.ts';
import { parseReplicaLocations } from './replica-locations.ts';
import { checkTenantName } from './tenant-name.ts';
import { checkAllowedTargets } from './triggers/allowed-targets.ts';
import { MillraceTriggers } from './triggers/millrace-triggers.ts';
import { TriggerAlarms } from './triggers/trigger-alarms.ts';
import { TriggerDashboard } from './triggers/trigger-dashboard.ts';
import type { ITriggerBackend } from './triggers/trigger-host.ts';
import { WebIngress } from './web-ingress.ts';

export type Ingress = 'http-api' | 'web-function';

/** What a tenant may choose; all flat, all with defaults. */
export interface TenantOptions {
  /** `http-api` (default): Lambda functions behind an HTTP API. `web-function`: one Lambda Web Function. */
  ingress?: Ingress;
  /** `api-keys` (default): the app checks its own keys. `iam`: AWS checks SigV4 signatures. */
  authorizer?: Authorizer;
  /**
   * HTTP API only: concurrent executions set aside for each of the four functions, which are also its limit; 0 stops
   * the tenant. Default 25. `unreserved` takes from the account's pool, for accounts whose quota is still small.
   */
  reservedConcurrency?: number | 'unreserved';
  /** Web function only: environments that run at most. Default 20, at least 2. */
  maxEnvironments?: number;
  /** Requests a second that the API lets through. Default 500. */
  throttlingRate?: number;
  /** HTTP API only: requests that it lets through at once. Default 1,000. */
  throttlingBurst?: number;
  /** HTTP API only: memory of each function, in MiB. Default 1024. */
  memoryMiB?: number;
  /** Of all logs. Default 90. */
  logRetentionDays?: number;
  /** `retain` (default) keeps table, buckets and secret when the stack is deleted; `destroy` deletes them. */
  removal?: Removal;
  /**
   * What table, bucket and directory buckets are encrypted with. `aws-owned` (default): keys that AWS owns.
   * `tenant-key`: a KMS key that the stack makes, so that deleting the key erases the tenant. Or the ARN of a KMS key
   * of this region; an `IKey` in a CDK app.
   */
  encryption?: Encryption;
  /** Default true. CloudWatch bills alarms by the month. */
  alarms?: boolean;
  /** An SNS topic that alarms notify. Default: none. */
  alarmTopicArn?: string;
  /** How the log is kept small, on a CloudWatch dashboard. Default true. An account's first three are free. */
  dashboard?: boolean;
  /**
   * Origins of other sites' pages that may call the API, and read history from the bucket by its signed URLs, such as
   * `https://app.example.com`; `*` for all. With API keys only. Default: none.
   */
  corsOrigins?: readonly string[];
  /** Objects up to this size live in the table instead of the bucket. Default: the app's own, 4 KiB. */
  inlineBytesMax?: number;
  /** How long an idempotent producer that writes no more is known; at least 60,000. Default: the app's own, one day. */
  producerIdExpirationMs?: number;
  /** How long offsets of a group without members are kept; at least 1. Default: the app's own, 7 days. */
  offsetsRetentionMinutes?: number;
  /**
   * Where replicated topics are, 2 to 8 of `own` (the stack's bucket), ids of availability zones
   * (`use1-az4`, for directory buckets that the stack makes) and existing buckets with their region
   * (`acme-west@eu-west-1`). New ones go to the end; none is ever moved or taken out.
   */
  replicas?: readonly string[];
  /** How long a replica may be behind before it leaves the in-sync set. Default: the app's own, 30 s. */
  replicaLagMs?: number;
  /**
   * Delivery of records to Lambda functions. Default: where there are `allowedTargets`, or an event source is bound to
   * the stack.
   */
  triggers?: boolean;
  /**
   * What triggers made through the API may invoke and send to: ARNs of functions, queues, SNS topics and buckets, in
   * which `*` stands for any characters; `tagged` for every function with this tenant's tag. Default: only what event
   * sources grant.
   */
  allowedTargets?: readonly string[];
  /** Dispatchers of triggers at once, set aside from the account's pool. Default: as `reservedConcurrency`. */
  dispatcherConcurrency?: number | 'unreserved';
  /** How often the sweeper looks for what a wake-up of a trigger missed, 1 to 60. Default 1. */
  triggerSweepMinutes?: number;
  /** The alarm on records that get to a trigger's function too late: their age in milliseconds. Default 300,000. */
  iteratorAgeAlarmMs?: number;
  /** The alarm on functions of triggers that fail: how often in 5 minutes. Default 10. */
  triggerErrorsAlarm?: number;
  /** The alarm on failure destinations that refuse: how often in 5 minutes. Default 1. */
  destinationFailuresAlarm?: number;
  /** Kafka's protocol for its own clients, by tasks that run all the time. Default: none. */
  kafka?: KafkaGatewayOptions;
  /** Put on every resource, beside `millrace:tenant`. */
  tags?: Record<string, string>;
}

export interface TenantStackProps extends TenantOptions, Omit<StackProps, 'tags'> {
  /** 1 to 32 lower-case letters, digits and single hyphens, starting with a letter. */
  tenant: string;
  /** Where the Lambda entries or their bundles are; by default where this package has them. */
  lambdasDirectory?: string;
}

/**
 * Everything that one tenant has, in one stack that refers to nothing outside of it: table, bucket, roles, ingress,
 * logs, alarms and the first admin key.
 *
 * Outputs: `Url`, `TableName`, `BucketName`, with API keys `AdminKeySecretArn`, and with `kafka`
 * `KafkaBootstrapServers`.
 */
export class TenantStack extends Stack implements ITriggerBackend {
  readonly table: MillraceTable;
  readonly bucket: MillraceBucket;
  /** Of table, bucket and directory buckets, where AWS does not own their keys. */
  readonly key: IKey | undefined;
  readonly replicas: MillraceReplicas | undefined;
  readonly adminKey: FirstAdminKey | undefined;
  readonly functions: MillraceFunctions | undefined;
  readonly api: MillraceApi | undefined;
  readonly web: WebIngress | undefined;
  readonly maintenance: MillraceMaintenance;
  readonly kafka: KafkaGateway | undefined;
  /** The API's address, without a trailing slash. */
  readonly url: string;
  private readonly backend: BackendProps;
  private readonly options: TenantOptions;
  private delivery: MillraceTriggers | undefined;

  constructor(scope: Construct, id: string, props: TenantStackProps) {
    const { tenant, ingress = 'http-api', authorizer = 'api-keys', removal, logRetentionDays } = props;
    checkTenantName(tenant);
    checkIngressOptions(ingress, props);
    checkAllowedTargets(props.allowedTargets ?? []);
    checkCorsOrigins(props.corsOrigins ?? [], authorizer);
    super(scope, id, { description: `Millrace tenant ${tenant}`, ...props });
    for (const [key, value] of Object.entries({ ...props.tags, 'millrace:tenant': tenant }))
      Tags.of(this).add(key, value);

    this.key = tenantKey(this, 'Key', props);
    const { key } = this;
    this.table = new MillraceTable(this, 'Table', { removal, key });
    const { corsOrigins } = props;
    this.bucket = new MillraceBucket(this, 'Bucket', { removal, logRetentionDays, key, corsOrigins });
    this.replicas = this.addReplicas(props);
    this.adminKey = authorizer === 'iam' ? undefined : new FirstAdminKey(this, 'AdminKey', { tenant, removal });
    this.options = props;
    this.backend = {
      tenant,
      table: this.table.table,
      bucket: this.bucket.bucket,
      key,
      authorizer,
      adminKey: this.adminKey?.secret,
      corsOrigins,
      replicas: this.replicas,
      replicaLagMs: props.replicaLagMs,
      inlineBytesMax: props.inlineBytesMax,
      producerIdExpirationMs: props.producerIdExpirationMs,
      offsetsRetentionMinutes: props.offsetsRetentionMinutes,
      allowedTargets: props.allowedTargets,
      logRetentionDays,
      lambdasDirectory: props.lambdasDirectory,
    };
    if (ingress === 'http-api') {
      this.functions = this.addFunctions(this.backend, props);
      this.api = this.addApi(this.functions, authorizer, props);
      this.url = this.api.url;
    } else {
      this.web = this.addWeb(this.backend, props);
      this.url = this.web.url;
    }
    this.maintenance = new MillraceMaintenance(this, 'Maintenance', this.backend);
    this.kafka = props.kafka && new KafkaGateway(this, 'Kafka', { ...this.backend, ...props.kafka });
    if (props.alarms ?? true) this.addAlarms(props.alarmTopicArn);
    if (props.dashboard ?? true) {
      new LifecycleDashboard(this, 'LifecycleDashboard', {
        tenant,
        maintenance: this.maintenance.function,
        kafka: this.kafka,
      });
    }
    this.addOutputs();
    if (props.triggers ?? props.allowedTargets !== undefined) this.enableTriggers();
  }

  /** What delivers records to functions; undefined while nothing asks for it. */
  get triggers(): MillraceTriggers | undefined {
    return this.delivery;
  }

  /** Adds what delivers records to functions, if it is not there yet. Event sources call it. */
  enableTriggers(): MillraceTriggers {
    this.delivery ??= this.addTriggers(this.options);
    return this.delivery;
  }

  /** Lets a function of this or another stack read topics and take part in groups over HTTPS, and tells it where. */
  grantConsume(fn: LambdaFunction, options: ConsumeGrantOptions = {}): void {
    const { url, api, web } = this;
    grantConsume(fn, { url, api, web, adminKey: this.adminKey?.secret }, options);
  }

  /** Adds a gateway to a task of this or another stack, for its other containers, which reach it on loopback. */
  addKafkaSidecar(task: TaskDefinition, options: KafkaSidecarOptions = {}): ContainerDefinition {
    return addKafkaSidecar(task, this.backend, options);
  }

  private addReplicas({ replicas, removal }: TenantStackProps): MillraceReplicas | undefined {
    if (replicas === undefined) return undefined;
    const locations = parseReplicaLocations(replicas);
    return new MillraceReplicas(this, 'Replicas', { locations, bucket: this.bucket.bucket, removal, key: this.key });
  }

  private addFunctions(backend: BackendProps, props: TenantStackProps): MillraceFunctions {
    const { memoryMiB, reservedConcurrency = 25 } = props;
    return new MillraceFunctions(this, 'Functions', {
      ...backend,
      memoryMiB,
      reservedConcurrency: reservedConcurrency === 'unreserved' ? undefined : reservedConcurrency,
    });
  }

  private addApi(functions: MillraceFunctions, authorizer: Authorizer, props: TenantStackProps): MillraceApi {
    const { throttlingRate, throttlingBurst, logRetentionDays } = props;
    return new MillraceApi(this, 'Api', { functions, authorizer, throttlingRate, throttlingBurst, logRetentionDays });
  }

  private addWeb(backend: BackendProps, props: TenantStackProps): WebIngress {
    const { maxEnvironments, throttlingRate } = props;
    const codeBucket = this.bucket.addCodeBucket(this, 'CodeBucket');
    return new WebIngress(this, 'Web', { ...backend, codeBucket, maxEnvironments, throttlingRate });
  }

  private addTriggers(options: TenantOptions): MillraceTriggers {
    const { memoryMiB, triggerSweepMinutes } = options;
    const { dispatcherConcurrency = options.reservedConcurrency ?? 25 } = options;
    const triggers = new MillraceTriggers(this, 'Triggers', {
      ...this.backend,
      ownApi: this.api !== undefined,
      bootstrapServers: `${Fn.select(2, Fn.split('/', this.url))}:443`,
      memoryMiB,
      dispatcherConcurrency: dispatcherConcurrency === 'unreserved' ? undefined : dispatcherConcurrency,
      sweepMinutes: triggerSweepMinutes,
    });
    if (triggers.api !== undefined) this.api?.addTriggers(triggers.api);
    const { tenant } = this.backend;
    new TriggerDashboard(this, 'TriggerDashboard', { tenant, triggers });
    if (options.alarms ?? true) {
      new TriggerAlarms(this, 'TriggerAlarms', { ...options, tenant, triggers, topicArn: options.alarmTopicArn });
    }
    for (const [output, value] of Object.entries({
      TriggerRegistrarArn: triggers.registrarArn,
      DispatcherArn: triggers.dispatcherArn,
      DispatcherRoleArn: triggers.dispatcherRoleArn,
    })) {
      new CfnOutput(this, output, { value });
    }
    return triggers;
  }

  private addAlarms(topicArn: string | undefined): void {
    new MillraceAlarms(this, 'Alarms', {
      table: this.table.table,
      functions: this.functions?.all,
      maintenance: { function: this.maintenance.function, tenant: this.backend.tenant },
      stage: this.api?.stage,
      web: this.web,
      kafka: this.kafka,
      topicArn,
    });
  }

  private addOutputs(): void {
    new CfnOutput(this, 'Url', { value: this.url, description: 'Where the API is' });
    new CfnOutput(this, 'TableName', { value: this.table.table.tableName });
    new CfnOutput(this, 'BucketName', { value: this.bucket.bucket.bucketName });
    if (this.key !== undefined) {
      new CfnOutput(this, 'KeyArn', { value: this.key.keyArn, description: 'Without this key no record can be read' });
    }
    if (this.kafka !== undefined) {
      const { bootstrapServers, entrance } = this.kafka;
      new CfnOutput(this, 'KafkaBootstrapServers', { value: bootstrapServers });
      new CfnOutput(this, 'KafkaLoadBalancer', {
        value: entrance.loadBalancer.loadBalancerDnsName,
        description: 'What the name of kafka.host has to lead to',
      });
    }
    if (this.adminKey !== undefined) {
      new CfnOutput(this, 'AdminKeySecretArn', {
        value: this.adminKey.secret.secretArn,
        description: 'The secret with the first admin key, {"id","secret"}',
      });
    }
  }
}

/** An option that the chosen ingress cannot honour is refused, so that nobody believes in a limit that is not there. */
function checkIngressOptions(ingress: Ingress, options: TenantOptions): void {
  const foreign = {
    'http-api': ['maxEnvironments'],
    'web-function': ['reservedConcurrency', 'throttlingBurst', 'memoryMiB'],
  } as const;
  for (const option of foreign[ingress]) {
    if (options[option] === undefined) continue;
    throw new OptionError(
      `${option} does not apply to the ingress ${ingress}; see the options table in docs/deploy.md.`,
    );
  }
}
