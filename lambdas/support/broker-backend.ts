/** From a function's environment to the broker: stores on DynamoDB and S3, and what logs and counts. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { type Broker, createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { createDynamoMetadataStore, dynamoClientConfig } from '../../lib/storage/metadata/dynamodb.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { openReplicaSet, type StackReplicas } from '../../lib/storage/objects/replicated-config.ts';
import { createS3ObjectStore, s3ClientConfig } from '../../lib/storage/objects/s3.ts';
import { Spool } from '../../lib/storage/objects/spool.ts';
import { createTieredObjectStore, type TieredObjectStoreOptions } from '../../lib/storage/objects/tiered.ts';
import { type LambdaEnvironment, readEnvironment } from './environment.ts';
import { createTelemetry, requestMeter, type Telemetry } from './telemetry.ts';

export interface BrokerBackend {
  environment: LambdaEnvironment;
  broker: Broker;
  telemetry: Telemetry;
  dynamo: DynamoDBClient;
  /** What traces are to show the calls of. */
  clients: readonly (DynamoDBClient | S3Client)[];
}

/**
 * Connects to nothing yet. Throws where the environment is wrong, which ends the function's init phase. `service` is
 * the function's name in logs and metrics, unless POWERTOOLS_SERVICE_NAME says another. `hasDisk`: what is too much for
 * memory is kept on disk.
 */
export function createBrokerBackend(service: string, { hasDisk = false }: { hasDisk?: boolean } = {}): BrokerBackend {
  const spool = hasDisk ? Spool.in(DISK) : undefined;
  const environment = readEnvironment(process.env);
  const telemetry = createTelemetry(service);
  const dynamo = new DynamoDBClient(dynamoClientConfig());
  const s3 = new S3Client(s3ClientConfig(process.env));
  const own = createS3ObjectStore({ client: s3, bucket: environment.bucket, spool, ...time });
  const replicas = openReplicasOf(environment, own);
  const bucket: Bucket =
    replicas === undefined ? { bucket: own } : { bucket: replicas.set, assignable: replicas.assignable };
  const broker = brokerOn(environment, telemetry, dynamo, { ...bucket, spool });
  return { environment, broker, telemetry, dynamo, clients: [dynamo, s3, ...(replicas?.clients ?? [])] };
}

/** Lambda's only place to write to; lib/infra says how large it is. */
const DISK = '/tmp';

const time = { clock: systemClock, random: systemRandom };

function openReplicasOf({ replicas, bucket }: LambdaEnvironment, store: ObjectStore): StackReplicas | undefined {
  return replicas && openReplicaSet(replicas, { own: { bucket, store }, environment: process.env, ...time });
}

/** With all that its adapter can, which is more than the broker asks for. */
export function openTable({ dynamo, environment: { table } }: Pick<BrokerBackend, 'dynamo' | 'environment'>) {
  return createDynamoMetadataStore({ client: dynamo, table, ...time });
}

type Bucket = Pick<TieredObjectStoreOptions, 'bucket' | 'assignable'>;

function brokerOn(
  environment: LambdaEnvironment,
  telemetry: Telemetry,
  dynamo: DynamoDBClient,
  { spool, ...bucket }: Bucket & { spool: Spool | undefined },
): Broker {
  const { producerIdExpirationMs, replicaLagMsMax, inlineBytesMax = storageLimits.inlineBytesMaxDefault } = environment;
  const metadata = openTable({ dynamo, environment });
  const objects = createTieredObjectStore({
    inline: createInlineObjectStore({ metadata, ...time }),
    ...bucket,
    inlineBytesMax,
  });
  return createBroker({
    metadata,
    objects,
    compression: nodeCompression,
    ...time,
    log: telemetry.log,
    meter: requestMeter,
    producerIdExpirationMs,
    replicaLagMsMax,
    spool,
  });
}
