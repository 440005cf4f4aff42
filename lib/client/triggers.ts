/**
 * Triggers, which deliver topics' records to functions: `client.triggers`. All of it needs `admin` without a topic
 * prefix.
 */
import { camelCased, snakeCased } from './names.ts';
import { JSON_TYPE, jsonOf, type Transport } from './transport.ts';

export type TriggerState = 'Creating' | 'Enabled' | 'Disabled' | 'Deleting';

export type TriggerFailureTarget = { kind: 'sqs' | 'sns' | 's3'; arn: string } | { kind: 'topic'; topic: string };

/** What can be changed later; docs/http-api.md has the bounds. */
export interface TriggerSettings {
  /** The function's ARN; of a local server `<module>.<export>`. */
  target: string;
  /** Default 100. */
  batchSize: number;
  /** How long a batch may fill. Default 0. */
  batchingWindowMs: number;
  /** Event patterns as JSON, one of which must match; none: every record. */
  filters: readonly string[];
  bisectBatchOnError: boolean;
  /** -1, the default: until it succeeds. */
  retryAttempts: number;
  /** -1, the default: any. */
  maxRecordAgeMs: number;
  reportBatchItemFailures: boolean;
  /** Invocations at once for a partition, with order kept per key. Default 1. */
  parallelizationFactor: number;
  /** 0, the default: none. */
  tumblingWindowMs: number;
  eventShape: 'msk' | 'self-managed';
  /** What the function may take: at least its own timeout. Default 60 s. */
  timeoutMs: number;
  /** False: nothing is delivered, and the place is held. */
  enabled: boolean;
}

interface TriggerIdentity {
  name: string;
  /** These, or all that the pattern means. */
  topics?: readonly string[];
  topicPattern?: string;
  /** The consumer group that it drives, alone. Default: its name. */
  group: string;
  /** Where partitions begin of which the group has committed nothing. */
  startingPosition: 'LATEST' | 'TRIM_HORIZON' | 'AT_TIMESTAMP';
  /** Of AT_TIMESTAMP, ms since the epoch. */
  startingTimestamp?: number;
  onFailure?: TriggerFailureTarget;
  tenantId?: string;
}

export type CreateTriggerOptions = Pick<TriggerIdentity, 'startingPosition'> &
  Pick<TriggerSettings, 'target'> &
  Partial<Omit<TriggerIdentity, 'name'> & TriggerSettings>;

/** `null` takes away what was there. */
export type AlterTriggerOptions = Partial<TriggerSettings> & {
  onFailure?: TriggerFailureTarget | null;
  tenantId?: string | null;
};

export interface TriggerSummary extends TriggerIdentity, TriggerSettings {
  state: TriggerState;
  /** Milliseconds since the epoch, as all times here. */
  createdAt: number;
}

export interface TriggerError {
  kind: string;
  message: string;
  at: number;
}

export interface TriggerPartition {
  topic: string;
  partition: number;
  /** `null`: none; then delivery begins at the log start. */
  committedOffset: number | null;
  logStartOffset: number;
  highWatermark: number;
  /** Records still to be delivered, or to be skipped by filters. */
  lag: number;
  /** When the oldest of them was appended. */
  oldestTimestamp?: number;
  /** The dispatcher that delivers it now, until when at most. */
  holder?: string;
  heldUntil?: number;
  /** Of the batch that fails at present. */
  attempts: number;
  nextAttempt?: number;
  lastError?: TriggerError;
}

export interface TriggerDetails extends TriggerSummary {
  /** Of all partitions together. */
  lag: number;
  lagMs: number;
  oldestTimestamp?: number;
  lastError?: TriggerError;
  partitions: TriggerPartition[];
}

export interface TriggerPage {
  triggers: TriggerSummary[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
}

/** With one of `from` and `timestamp`. */
export interface ReplayOptions {
  /** An offset is that of one partition. */
  from?: number | 'earliest' | 'latest';
  /** The first record of this time (ms since the epoch) or later, or else the end. */
  timestamp?: number;
  /** Absent: all of the trigger's. */
  topic?: string;
  /** Absent: all of the topic's. */
  partition?: number;
  /** Say what would be, and do nothing. */
  dryRun?: boolean;
}

export interface ReplayedPartition {
  topic: string;
  partition: number;
  offset: number;
  /** `null`: none was committed. */
  previousOffset: number | null;
}

export interface TriggersClient {
  /**
   * What is produced after it resolves is delivered. Throws `FORBIDDEN` where the deployment has not granted the
   * target.
   */
  create(name: string, options: CreateTriggerOptions): Promise<TriggerSummary>;
  /** One page, by name. */
  list(options?: { limit?: number; cursor?: string }): Promise<TriggerPage>;
  /** Throws `NOT_FOUND`. */
  describe(name: string): Promise<TriggerDetails>;
  alter(name: string, changes: AlterTriggerOptions): Promise<TriggerSummary>;
  /** Sets it back or forth, also while it delivers. */
  replay(name: string, options: ReplayOptions): Promise<ReplayedPartition[]>;
  /** Its group keeps what it has committed. Throws `NOT_FOUND`. */
  delete(name: string): Promise<void>;
}

const HEADERS = { 'content-type': JSON_TYPE };
const PATH = ['v1', 'triggers'];

export function triggersClient(send: Transport): TriggersClient {
  return {
    async create(name, options) {
      const body = JSON.stringify(snakeCased({ name, ...options }));
      return camelCased(jsonOf(await send({ method: 'POST', path: PATH, headers: HEADERS, body }))) as TriggerSummary;
    },
    async list({ limit, cursor } = {}) {
      return camelCased(jsonOf(await send({ method: 'GET', path: PATH, query: { limit, cursor } }))) as TriggerPage;
    },
    async describe(name) {
      return camelCased(jsonOf(await send({ method: 'GET', path: [...PATH, name] }))) as TriggerDetails;
    },
    async alter(name, changes) {
      const body = JSON.stringify(snakeCased(changes));
      // Done twice it is the same change.
      const request = { method: 'PATCH', path: [...PATH, name], headers: HEADERS, body, repeatable: true } as const;
      return camelCased(jsonOf(await send(request))) as TriggerSummary;
    },
    async replay(name, { dryRun = false, ...options }) {
      const body = JSON.stringify(snakeCased({ ...options, ...(dryRun && { dryRun }) }));
      const path = [...PATH, name, 'replay'];
      const answer = jsonOf(await send({ method: 'POST', path, headers: HEADERS, body, repeatable: dryRun }));
      return (camelCased(answer) as { offsets: ReplayedPartition[] }).offsets;
    },
    async delete(name) {
      await send({ method: 'DELETE', path: [...PATH, name] });
    },
  };
}
