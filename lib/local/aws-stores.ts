/**
 * DynamoDB and S3 for the local server. Region, credentials and endpoints come from the SDK's own environment
 * variables. What cannot work (no table, no bucket, no permission) is found out before the server serves.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { ReplicaId } from '../coordination/replication/replica-state.ts';
import { MillraceError } from '../kernel/errors.ts';
import { sentence } from '../kernel/sentence.ts';
import { createDynamoMetadataStore, dynamoClientConfig } from '../storage/metadata/dynamodb.ts';
import { createTable } from '../storage/metadata/dynamodb-table.ts';
import type { MetadataStore, TableScan } from '../storage/metadata/port.ts';
import type { ObjectStore } from '../storage/objects/port.ts';
import type { Replica } from '../storage/objects/replicated.ts';
import { openReplicaSet, parseReplicas } from '../storage/objects/replicated-config.ts';
import { createS3ObjectStore, s3ClientConfig } from '../storage/objects/s3.ts';
import type { Logger } from './logger.ts';
import { OptionsError } from './settings.ts';
import type { StoresContext } from './stores.ts';

export interface AwsStorageOptions {
  table: string;
  bucket: string;
  createTable: boolean;
  /** As in `MILLRACE_REPLICAS`. */
  replicas?: string;
}

export interface AwsStores {
  metadata: MetadataStore & TableScan;
  /** The stack's own, or with others. */
  bucket: ObjectStore;
  /** Absent where there is the own bucket only. */
  assignable?: ReplicaId[];
  close(): Promise<void>;
}

/** Throws an `OptionsError` where there is no region, and a `MillraceError` that says what else is missing. */
export async function openAwsStores(
  options: AwsStorageOptions,
  { clock, random, log }: StoresContext,
): Promise<AwsStores> {
  const dynamo = new DynamoDBClient(dynamoClientConfig());
  const s3 = new S3Client(s3ClientConfig(process.env));
  const { table, bucket } = options;
  const metadata = createDynamoMetadataStore({ client: dynamo, table, clock, random });
  const objects = createS3ObjectStore({ client: s3, bucket, clock, random });
  const replicas =
    options.replicas === undefined
      ? undefined
      : openReplicaSet(parseReplicas(options.replicas), {
          own: { bucket, store: objects },
          environment: process.env,
          clock,
          random,
        });
  const close = async () => {
    replicas?.close();
    await metadata.close();
    dynamo.destroy();
    s3.destroy();
  };
  try {
    await requireRegion(dynamo);
    if (options.createTable) await createTable(dynamo, table, clock);
    await requireAnswer(`The table ${table}`, () => metadata.get({ pk: 'topics', sk: '.' }, 'eventual'));
    await requireAnswer(`The bucket ${bucket}`, () => objects.getRange('segments/probe'));
    if (replicas === undefined) return { metadata, bucket: objects, close };
    for (const replica of replicas.set.replicas) void warnOfSilence(replica, log);
    return { metadata, bucket: replicas.set, assignable: replicas.assignable, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The SDK itself would say it at the first call, as an error that looks like a bug. */
async function requireRegion({ config }: DynamoDBClient): Promise<void> {
  try {
    await config.region();
  } catch (cause) {
    const reason = (cause as Error).message;
    // As of all variables, an empty one is none.
    const isMissing = reason === 'Region is missing' || reason.includes('region=""');
    const refusal = isMissing
      ? 'AWS_REGION is not set, and no AWS configuration file names a region: DynamoDB and S3 need one'
      : `the AWS region cannot be used: ${reason}`;
    throw new OptionsError(refusal, { cause });
  }
}

async function requireAnswer(what: string, probe: () => Promise<unknown>): Promise<void> {
  try {
    await probe();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { cause } = error;
    const detail = [`${what} cannot be used.`, error.message];
    if (cause instanceof Error && cause.message !== '') detail.push(sentence(cause.message));
    if (cause instanceof Error && cause.name === 'ResourceNotFoundException') detail.push('--create-table makes it.');
    throw new MillraceError('KAFKA_STORAGE_ERROR', detail.join(' '), { cause });
  }
}

/** A replica that does not answer keeps nothing from starting; whoever started the server should know of it. */
async function warnOfSilence({ id, name, store }: Replica, log: Logger): Promise<void> {
  try {
    await store.getRange('segments/probe');
  } catch (error) {
    log.warn('a replica cannot be used, and counts as down until it can', { replica: id, name, error });
  }
}
