import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledgeWildcard } from './acknowledge.ts';
import { keyStatements } from './encryption.ts';
import type { LambdaName } from './lambda-code.ts';
import { MillraceFunction, type MillraceFunctionProps } from './millrace-function.ts';
import type { MillraceReplicas } from './millrace-replicas.ts';
import { type BackendRole, MERGED_NAMES, permissionsIn, permissionsOf, storageStatements } from './permissions.ts';
import { lookupStatements } from './triggers/allowed-targets.ts';

/** Who checks callers: the app its own API keys, or AWS by SigV4 signatures. */
export type Authorizer = 'api-keys' | 'iam';

export interface BackendProps {
  tenant: string;
  table: ITable;
  bucket: IBucket;
  /**
   * Of table, bucket and replicas, which every role then needs. Default: they are encrypted with keys that AWS owns.
   */
  key?: IKey;
  authorizer: Authorizer;
  /** Absent with the authorizer `iam`: then no API key is ever checked. */
  adminKey?: ISecret;
  /** Whose pages may call the API. Default: none. */
  corsOrigins?: readonly string[];
  /** Where replicated topics are. Default: there are none. */
  replicas?: MillraceReplicas;
  /** How long a replica may be behind and in sync. Default: the app's own, 30 s. */
  replicaLagMs?: number;
  /** Objects up to this size live in the table. Default: the app's own, 4 KiB. */
  inlineBytesMax?: number;
  /** How long an idempotent producer that writes no more is known. Default: the app's own, one day. */
  producerIdExpirationMs?: number;
  /**
   * What triggers made through the API may deliver to, for the functions that serve `/v1/triggers`. Default: nothing.
   */
  allowedTargets?: readonly string[];
  /** How long offsets of a group without members are kept. Default: the app's own, 7 days. */
  offsetsRetentionMinutes?: number;
  /** Default 90. */
  logRetentionDays?: number;
  /** Where the entries or their bundles are; by default where this package has them. */
  lambdasDirectory?: string;
}

export interface MillraceFunctionsProps extends BackendProps {
  /** Of each function. Default: none. */
  reservedConcurrency?: number;
  /** Of each function. Default 1024. */
  memoryMiB?: number;
}

/** The four functions behind an HTTP API, each with the least that its routes need. */
export class MillraceFunctions extends Construct {
  readonly produce: MillraceFunction;
  readonly fetch: MillraceFunction;
  /** Consumer groups: polls and what is committed. */
  readonly groups: MillraceFunction;
  /** Topics, keys, OpenAPI and health: everything else. */
  readonly topics: MillraceFunction;

  constructor(scope: Construct, id: string, props: MillraceFunctionsProps) {
    super(scope, id);
    this.produce = this.addFunction('Produce', 'produce', props);
    this.fetch = this.addFunction('Fetch', 'fetch', props);
    this.groups = this.addFunction('Groups', 'groups', props);
    this.topics = this.addFunction('Topics', 'topics', props);
  }

  get all(): readonly MillraceFunction[] {
    return [this.produce, this.fetch, this.groups, this.topics];
  }

  private addFunction(id: string, lambda: LambdaName, props: MillraceFunctionsProps): MillraceFunction {
    const { memoryMiB, reservedConcurrency } = props;
    return addBackendFunction(this, id, { lambda, backend: props, memoryMiB, reservedConcurrency });
  }
}

export interface BackendFunctionOptions
  extends Pick<
    MillraceFunctionProps,
    'lambda' | 'memoryMiB' | 'timeoutSeconds' | 'reservedConcurrency' | 'invokesItself'
  > {
  backend: BackendProps;
  /** Beside what every function of the backend is told. */
  environment?: Readonly<Record<string, string>>;
  /** Beside what its role may do with the tenant's table, bucket and first key. */
  statements?: readonly PolicyStatement[];
}

/** One function of the backend, with the environment and the role that `lambda` needs. */
export function addBackendFunction(scope: Construct, id: string, options: BackendFunctionOptions): MillraceFunction {
  const { lambda, backend, environment, statements = [], ...limits } = options;
  const created = new MillraceFunction(scope, id, {
    ...limits,
    lambda,
    environment: { ...backendEnvironment(lambda, backend), ...environment },
    statements: [...backendStatements(lambda, backend), ...statements],
    logRetentionDays: backend.logRetentionDays,
    lambdasDirectory: backend.lambdasDirectory,
  });
  acknowledgeObjectNames(created.role, lambda, backend.bucket);
  backend.replicas?.acknowledgeObjectNames(created.role, lambda);
  return created;
}

/** The environment that `lambdas/<lambda>.ts` reads. */
export function backendEnvironment(lambda: LambdaName, props: BackendProps): Record<string, string> {
  return {
    ...storageEnvironment(props),
    MILLRACE_TENANT: props.tenant,
    MILLRACE_AUTHORIZER: props.authorizer,
    ...(props.corsOrigins === undefined ? {} : { MILLRACE_CORS_ORIGINS: JSON.stringify(props.corsOrigins) }),
    ...(props.offsetsRetentionMinutes === undefined || lambda !== 'maintenance'
      ? {}
      : { MILLRACE_OFFSETS_RETENTION_MINUTES: String(props.offsetsRetentionMinutes) }),
    ...(readsAdminKey(lambda, props) ? { MILLRACE_ADMIN_KEY_SECRET_ARN: props.adminKey.secretArn } : {}),
    ...(props.allowedTargets !== undefined && servesTriggers(lambda)
      ? { MILLRACE_ALLOWED_TARGETS: JSON.stringify(props.allowedTargets) }
      : {}),
    POWERTOOLS_SERVICE_NAME: `millrace-${lambda}`,
    POWERTOOLS_METRICS_NAMESPACE: 'Millrace',
    NODE_OPTIONS: '--enable-source-maps',
  };
}

/** Where the records are, and what of that is not the app's own default. */
export function storageEnvironment(props: BackendProps): Record<string, string> {
  return {
    MILLRACE_TABLE: props.table.tableName,
    MILLRACE_BUCKET: props.bucket.bucketName,
    ...(props.replicas === undefined ? {} : { MILLRACE_REPLICAS: props.replicas.configuration }),
    ...(props.replicaLagMs === undefined ? {} : { MILLRACE_REPLICA_LAG_MS: String(props.replicaLagMs) }),
    ...(props.inlineBytesMax === undefined ? {} : { MILLRACE_INLINE_BYTES_MAX: String(props.inlineBytesMax) }),
    ...(props.producerIdExpirationMs === undefined
      ? {}
      : { MILLRACE_PRODUCER_ID_EXPIRATION_MS: String(props.producerIdExpirationMs) }),
  };
}

/** The statements of the role of `lambda` for the tenant's table, bucket and first key. */
export function backendStatements(lambda: BackendRole, props: BackendProps): PolicyStatement[] {
  const { key, replicas } = props;
  const replicated = replicas !== undefined;
  const statements = storageStatements(permissionsIn(lambda, replicated), {
    table: props.table.tableArn,
    bucket: props.bucket.bucketArn,
    objects: props.bucket.arnForObjects('*'),
    merged: props.bucket.arnForObjects(MERGED_NAMES),
  });
  if (replicated) statements.push(...replicas.statements(lambda));
  if (key !== undefined) {
    const zones = (replicas?.directoryBuckets.size ?? 0) > 0;
    statements.push(...keyStatements(key, lambda, { replicated, zones }));
  }
  if (servesTriggers(lambda)) statements.push(...lookupStatements(props.allowedTargets ?? [], props.tenant));
  if (readsAdminKey(lambda, props)) {
    statements.push(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['secretsmanager:GetSecretValue'],
        resources: [props.adminKey.secretArn],
      }),
    );
  }
  return statements;
}

export function acknowledgeObjectNames(role: Construct, lambda: BackendRole, bucket: IBucket): void {
  const names = permissionsOf[lambda].merged === undefined ? ['*'] : ['*', MERGED_NAMES];
  for (const name of names) {
    acknowledgeWildcard(
      role,
      bucket.arnForObjects(name),
      "Object names are made at run time (birth time and random bits). The actions are single ones, and the bucket is the tenant's own.",
    );
  }
}

function servesTriggers(lambda: BackendRole): boolean {
  return lambda === 'triggers' || lambda === 'web';
}

/** The others find keys in the table; only the function that serves `/v1/keys` installs the first one. */
function readsAdminKey(lambda: BackendRole, props: BackendProps): props is BackendProps & { adminKey: ISecret } {
  return props.adminKey !== undefined && (lambda === 'topics' || lambda === 'web');
}
