/**
 * The replicas of a stack as configuration: a JSON list, in the environment variable `MILLRACE_REPLICAS` of functions.
 *
 *     [{ "id": 1, "name": "use1-az4", "bucket": "acme-1--use1-az4--x-s3", "region": "us-east-1", "rack": "use1-az4" }, …]
 *
 * A replica's id is its number for life, in the heads of ledgers: the list may be put in another order and may grow, but
 * an id is never given to another bucket. Id 0 is the stack's own bucket, which has every object of topics with a single
 * replica, whether it is in the list or not.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import type { ReplicaId } from '../../coordination/replication/replica-state.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import type { Random } from '../../kernel/random.ts';
import type { ObjectStore } from './port.ts';
import { type Replica, ReplicaSet } from './replicated.ts';
import { createS3ObjectStore } from './s3.ts';
import { zoneOf } from './s3-directory-bucket.ts';
import { createS3Client } from './s3-sessions.ts';

export interface ReplicaConfig {
  id: number;
  name: string;
  bucket: string;
  region: string;
  rack: string;
}

/** The list behind its text; throws a sentence that says what is wrong with it. */
export function parseReplicas(text: string): ReplicaConfig[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw refusal('is not JSON', cause);
  }
  if (!Array.isArray(list) || list.length === 0 || list.length > replicationLimits.replicasMax) {
    throw refusal(`is not a list of 1 to ${replicationLimits.replicasMax} replicas`);
  }
  const replicas = list.map(parseReplica);
  for (const field of ['id', 'name', 'bucket'] as const) {
    if (new Set(replicas.map((replica) => replica[field])).size < replicas.length) {
      throw refusal(`gives two replicas the same ${field}`);
    }
  }
  return replicas;
}

function parseReplica(entry: unknown, index: number): ReplicaConfig {
  const { id, name, bucket, region, rack } = (entry ?? {}) as Record<string, unknown>;
  const texts = [name, bucket, region, rack];
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= replicationLimits.replicasMax) {
    throw refusal(`has no id from 0 to ${replicationLimits.replicasMax - 1} in its replica ${index + 1}`);
  }
  if (!texts.every((value) => typeof value === 'string' && value !== '')) {
    throw refusal(`lacks name, bucket, region or rack in its replica ${index + 1}`);
  }
  const known = entry as ReplicaConfig;
  const zone = zoneOf(known.bucket);
  if (known.bucket.endsWith('--x-s3') && zone === undefined) {
    throw refusal(`names a directory bucket ${JSON.stringify(known.bucket)} that cannot be one`);
  }
  return { id: known.id, name: known.name, bucket: known.bucket, region: known.region, rack: known.rack };
}

function refusal(what: string, cause?: unknown): MillraceError {
  return new MillraceError('INVALID_CONFIG', `The list of replicas ${what}.`, { cause });
}

export interface ReplicaOpening {
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  random: Random;
}

export interface OpenedReplicas {
  replicas: Replica[];
  clients: readonly S3Client[];
  /** Ends the clients' connections. */
  close(): void;
}

/** The replicas' stores, with one client for each region. */
export function openReplicas(configs: readonly ReplicaConfig[], opening: ReplicaOpening): OpenedReplicas {
  const clients = new Map<string, S3Client>();
  const clientOf = (region: string) => {
    const client = clients.get(region) ?? createS3Client({ ...opening, region });
    clients.set(region, client);
    return client;
  };
  const { clock, random } = opening;
  return {
    replicas: configs.map(({ id, name, rack, region, bucket }) => ({
      id,
      name,
      rack,
      store: createS3ObjectStore({ client: clientOf(region), bucket, clock, random }),
    })),
    clients: [...clients.values()],
    close: () => {
      for (const client of clients.values()) client.destroy();
    },
  };
}

export interface StackReplicas {
  /** With the stack's own bucket, whether the list names it or not. */
  set: ReplicaSet;
  /** Those of the list, in its order. */
  assignable: ReplicaId[];
  clients: readonly S3Client[];
  /** Ends the connections to all but the own bucket. */
  close(): void;
}

/** Number of the stack's own bucket. */
const OWN_ID = 0;

/** Throws where the list and the own bucket cannot both be meant. */
export function openReplicaSet(
  configs: readonly ReplicaConfig[],
  { own, ...opening }: ReplicaOpening & { own: { bucket: string; store: ObjectStore } },
): StackReplicas {
  for (const { id, bucket } of configs) {
    if ((id === OWN_ID) === (bucket === own.bucket)) continue;
    throw refusal(
      `gives ${JSON.stringify(bucket)} the id ${id}, and ${OWN_ID} is the own bucket's, ${JSON.stringify(own.bucket)}`,
    );
  }
  const opened = openReplicas(
    configs.filter(({ id }) => id !== OWN_ID),
    opening,
  );
  const region = opening.environment['AWS_REGION'] ?? 'own';
  const { name, rack } = configs.find(({ id }) => id === OWN_ID) ?? { name: 'own', rack: region };
  const replicas = [{ id: OWN_ID, name, rack, store: own.store }, ...opened.replicas];
  return {
    set: new ReplicaSet({ replicas, clock: opening.clock }),
    assignable: configs.map(({ id }) => id),
    clients: opened.clients,
    close: () => opened.close(),
  };
}
