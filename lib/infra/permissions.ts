/**
 * What each function may do, action by action, and nothing else. `docs/deploy.md` holds the same table for readers.
 *
 * Transactions have no action of their own: DynamoDB authorizes each part of a `TransactWriteItems` by the action of
 * the single operation (Amazon DynamoDB Developer Guide, "Using IAM with DynamoDB transactions").
 */
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { LambdaName } from './lambda-code.ts';

/** Whoever works on a tenant's table and bucket: its functions, and the tasks of its Kafka gateway. */
export type BackendRole = LambdaName | 'kafka-gateway';

export interface Permissions {
  /** On the tenant's table. */
  table: readonly string[];
  /** On the objects of the tenant's bucket. */
  objects: readonly string[];
  /** On merged segments beside that: `MERGED_NAMES`. */
  merged?: readonly string[];
  /** On the tenant's bucket itself. */
  bucket: readonly string[];
}

/** The names of merged segments, as an ARN of objects ends. */
export const MERGED_NAMES = 'merged/*';

/** What reads items, and writes and deletes them, also in transactions. */
const readAndWrite = [
  'dynamodb:GetItem',
  'dynamodb:Query',
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:ConditionCheckItem',
];

export const permissionsOf: Readonly<Record<BackendRole, Permissions>> = {
  /**
   * Uploads objects (to the bucket, or small ones as items), reads configs, keys and ledgers, appends to heads and
   * seals them into pages. Producers' sequences move between heads and items of their own. It never reads objects back:
   * an unknown outcome is settled from heads and pages.
   */
  produce: {
    table: [
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
      'dynamodb:ConditionCheckItem',
    ],
    objects: ['s3:PutObject'],
    bucket: [],
  },
  /**
   * Only reads. Without `s3:ListBucket`, S3 answers 403 instead of 404 for an object that is gone, and a reader must
   * tell the two apart: gone means "read the head again" (Amazon S3 API, GetObject, Permissions).
   */
  fetch: {
    table: ['dynamodb:GetItem'],
    objects: ['s3:GetObject'],
    bucket: ['s3:ListBucket'],
  },
  /**
   * Members, assignments and committed offsets are items, which conditional writes change and queries list. Polls read
   * records as fetch does.
   */
  groups: {
    table: readAndWrite,
    objects: ['s3:GetObject'],
    bucket: ['s3:ListBucket'],
  },
  /**
   * Topics and keys are items, created and removed in transactions. Lists of them, and of what a deleted topic still
   * has, are the only queries. No objects.
   */
  topics: {
    table: readAndWrite,
    objects: [],
    bucket: [],
  },
  /** Triggers, their leases and their groups are items. What an offset at a time is, records say. */
  triggers: {
    table: readAndWrite,
    objects: ['s3:GetObject'],
    bucket: ['s3:ListBucket'],
  },
  /** As the API's function for triggers, for CloudFormation. */
  'trigger-registrar': {
    table: readAndWrite,
    objects: ['s3:GetObject'],
    bucket: ['s3:ListBucket'],
  },
  /** What grew is in the stream's records; which triggers that concerns is read. */
  router: { table: ['dynamodb:GetItem', 'dynamodb:Query'], objects: [], bucket: [] },
  /**
   * Compares heads with leases, puts `wake` on heads that lack it, and finishes triggers that were left half made or
   * half deleted.
   */
  'trigger-sweeper': {
    table: readAndWrite,
    objects: ['s3:GetObject'],
    bucket: ['s3:ListBucket'],
  },
  /**
   * Reads records as fetch does, and writes leases, offsets, and what could not be delivered to a topic, as produce
   * does.
   */
  dispatcher: {
    table: readAndWrite,
    objects: ['s3:GetObject', 's3:PutObject'],
    bucket: ['s3:ListBucket'],
  },
  /**
   * Reads pages and their objects, writes merged segments, in parts where they are large, and moves them to a class for
   * archives, which is a copy onto itself; deletes objects that no ledger has, and items of groups; the check of what
   * is stored scans the table. Without `s3:ListBucket` it could not list objects, nor tell one that is gone.
   */
  maintenance: {
    table: [...readAndWrite, 'dynamodb:Scan'],
    objects: ['s3:GetObject', 's3:DeleteObject'],
    merged: ['s3:PutObject', 's3:AbortMultipartUpload'],
    bucket: ['s3:ListBucket'],
  },
  /** One process for all routes: what the functions behind an HTTP API have together. */
  web: {
    table: readAndWrite,
    objects: ['s3:GetObject', 's3:PutObject'],
    bucket: ['s3:ListBucket'],
  },
  /** As the web function: produces, fetches, and keeps groups, topics and keys. */
  'kafka-gateway': {
    table: readAndWrite,
    objects: ['s3:GetObject', 's3:PutObject'],
    bucket: ['s3:ListBucket'],
  },
};

/** What a function may do beside that where there are replicas. */
const permissionsForReplicas: Readonly<Record<BackendRole, Permissions>> = {
  /**
   * Looks after the ledgers that it writes to: asks replicas for objects, copies what one lacks, reads who led when.
   */
  produce: { table: ['dynamodb:Query'], objects: ['s3:GetObject'], bucket: ['s3:ListBucket'] },
  /** Reads who led when, for what an unclean election may have lost. */
  fetch: { table: ['dynamodb:Query'], objects: [], bucket: [] },
  groups: { table: [], objects: [], bucket: [] },
  topics: { table: [], objects: [], bucket: [] },
  triggers: { table: [], objects: [], bucket: [] },
  'trigger-registrar': { table: [], objects: [], bucket: [] },
  router: { table: [], objects: [], bucket: [] },
  'trigger-sweeper': { table: [], objects: [], bucket: [] },
  dispatcher: { table: [], objects: [], bucket: [] },
  maintenance: { table: [], objects: [], bucket: [] },
  web: { table: [], objects: [], bucket: [] },
  'kafka-gateway': { table: [], objects: [], bucket: [] },
};

export function permissionsIn(lambda: BackendRole, replicated: boolean): Permissions {
  const alone = permissionsOf[lambda];
  if (!replicated) return alone;
  const more = permissionsForReplicas[lambda];
  return {
    table: [...alone.table, ...more.table],
    objects: [...alone.objects, ...more.objects],
    ...(alone.merged !== undefined && { merged: alone.merged }),
    bucket: [...alone.bucket, ...more.bucket],
  };
}

/**
 * The mode of the sessions that a function may have with directory buckets, whose actions cannot be given one by one: a
 * read-only session reads and lists objects, a read-write session does everything (Amazon S3 API, CreateSession).
 */
export function sessionModeOf(lambda: BackendRole): 'ReadWrite' | 'ReadOnly' | undefined {
  const { objects } = permissionsOf[lambda];
  if (objects.length === 0) return undefined;
  return objects.some((action) => action !== 's3:GetObject') ? 'ReadWrite' : 'ReadOnly';
}

export interface StorageArns {
  table: string;
  bucket: string;
  /** The bucket's objects: the bucket's ARN and `/*`. */
  objects: string;
  /** Those that are merged segments: the bucket's ARN and `/merged/*`. */
  merged: string;
}

/** The statements of a function's role for its table and bucket. */
export function storageStatements(permissions: Permissions, arns: StorageArns): PolicyStatement[] {
  return (['table', 'objects', 'merged', 'bucket'] as const).flatMap((resource) => {
    const actions = permissions[resource] ?? [];
    if (actions.length === 0) return [];
    return new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [arns[resource]] });
  });
}
