/**
 * The metadata store on DynamoDB: one table with the keys `pk` and `sk`.
 *
 * - One write is a PutItem, UpdateItem or DeleteItem with a condition; several are a TransactWriteItems. A refused
 *   write brings the item back in the same answer (`ReturnValuesOnConditionCheckFailure: ALL_OLD`).
 * - The SDK's retries must be off (`dynamoClientConfig`). A write is sent again only after an answer, or a failure to
 *   connect, that proves that the attempt had no effect. After anything else the fault says `effect: 'unknown'`.
 * - Every attempt of one transaction carries the same ClientRequestToken, so that a request that the network delivers
 *   twice applies once. The token is deliberately not used to repeat a transaction whose answer was lost, although
 *   DynamoDB would then apply it once: the repetition can be refused while the first attempt is still on its way, and
 *   "refused" must mean that nothing changed and nothing will.
 * - A connection that was idle while its process was frozen may be dead: the first write over it ends as `unknown`,
 *   since a reset does not tell whether the request arrived.
 * - A lone check is a strongly consistent read, at a quarter of the price of a transaction.
 */
import {
  type CancellationReason,
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  DeleteItemCommand,
  type DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { assert } from '../../kernel/assert.ts';
import { toHex } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { Random } from '../../kernel/random.ts';
import { awsFailure, awsFault } from '../faults.ts';
import { withRetries } from '../retry.ts';
import { evaluate, withoutNegativeZeros } from './apply.ts';
import { checkKey, checkWrites, overLimit } from './check-writes.ts';
import { compileWrite } from './dynamodb-expressions.ts';
import { planQuery, queryPage } from './dynamodb-query.ts';
import { type DynamoItem, fromDynamoItem, toDynamoItem, toDynamoKey } from './dynamodb-values.ts';
import { keyCursor, parseKeyCursor } from './key-cursor.ts';
import type { Consistency, KeyPage, MetadataStore, Query, QueryPage, TableScan, WriteResult } from './port.ts';

export interface DynamoMetadataStoreOptions {
  /** Made with `dynamoClientConfig`. It stays the caller's: `close` does not destroy it. */
  client: DynamoDBClient;
  table: string;
  clock: Clock;
  random: Random;
  /** Called with what each answered call consumed. DynamoDB does not say what a refused write consumed. */
  onCapacity?: (units: CapacityUnits) => void;
}

export interface CapacityUnits {
  read: number;
  write: number;
  table: string;
}

/** What every client of this adapter is made with; region, credentials and endpoint come from the environment. */
export function dynamoClientConfig(): DynamoDBClientConfig {
  const agent = { keepAlive: true, maxSockets: storageLimits.storageConnectionsMax };
  return {
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: storageLimits.storageConnectMsMax,
      requestTimeout: storageLimits.metadataCallMsMax,
      throwOnRequestTimeout: true,
      socketTimeout: storageLimits.metadataCallMsMax,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}

export function createDynamoMetadataStore(options: DynamoMetadataStoreOptions): MetadataStore & TableScan {
  return new DynamoMetadataStore(options);
}

const READ = 'a read from DynamoDB';
const WRITE = 'a write to DynamoDB';
/** DynamoDB's own sentences for an item that an update would make too large. */
const ITEM_TOO_LARGE = /item size.*exceeded the maximum allowed size/i;

/** A transaction of which no condition failed: nothing happened, and `transient` says whether it may pass. */
class CancelledTransaction extends Error {
  override readonly name = 'CancelledTransaction';
  readonly reasons: readonly CancellationReason[];
  readonly transient: boolean;
  readonly throttled: boolean;

  constructor(reasons: readonly CancellationReason[], cause: unknown) {
    const codes = reasons.map(({ Code = 'None' }) => Code).filter((code) => code !== 'None');
    super(codes.join(', '), { cause });
    this.reasons = reasons;
    this.throttled = codes.some((code) => code === 'ThrottlingError' || code === 'ProvisionedThroughputExceeded');
    this.transient = this.throttled || codes.includes('TransactionConflict');
  }
}

class DynamoMetadataStore implements MetadataStore, TableScan {
  private readonly options: DynamoMetadataStoreOptions;

  constructor(options: DynamoMetadataStoreOptions) {
    this.options = options;
  }

  async get(key: ItemKey, consistency: Consistency): Promise<Attributes | undefined> {
    checkKey(key);
    const answer = await this.reading(() =>
      this.options.client.send(
        new GetItemCommand({ ...this.common(), Key: toDynamoKey(key), ConsistentRead: consistency === 'strong' }),
      ),
    );
    this.consumed('read', answer.ConsumedCapacity);
    return answer.Item === undefined ? undefined : fromDynamoItem(answer.Item);
  }

  async query(query: Query): Promise<QueryPage> {
    const plan = planQuery(query);
    if (plan === undefined) return { items: [] };
    const answer = await this.reading(() =>
      this.options.client.send(new QueryCommand({ ...this.common(), ...plan.request })),
    );
    this.consumed('read', answer.ConsumedCapacity);
    const items = (answer.Items ?? []).map((item) => ({ key: keyOf(item), attributes: fromDynamoItem(item) }));
    return queryPage(query, plan, items, answer.LastEvaluatedKey?.sk?.S);
  }

  /** Billed by all that is read, which is whole items; only their keys are sent. */
  async scanKeys(cursor?: string): Promise<KeyPage> {
    const command = new ScanCommand({
      ...this.common(),
      ProjectionExpression: 'pk, sk',
      Limit: checkLimits.scanPageItems,
      ...(cursor !== undefined && { ExclusiveStartKey: toDynamoKey(parseKeyCursor(cursor)) }),
    });
    const answer = await this.reading(() => this.options.client.send(command));
    this.consumed('read', answer.ConsumedCapacity);
    const keys = (answer.Items ?? []).map(keyOf);
    const { LastEvaluatedKey: last } = answer;
    return last === undefined ? { keys } : { keys, next: keyCursor(keyOf(last)) };
  }

  async write(writes: readonly Write[]): Promise<WriteResult> {
    checkWrites(writes);
    const [write, ...others] = writes;
    assert(write !== undefined, 'a write has at least one item');
    return others.length > 0 ? this.transact(writes) : this.writeOne(write);
  }

  /** The client is the caller's. */
  async close(): Promise<void> {}

  private async writeOne(write: Write): Promise<WriteResult> {
    try {
      switch (write.kind) {
        case 'put':
          return await this.put(write);
        case 'update':
          return await this.update(write);
        case 'delete':
          return await this.delete(write);
        case 'check':
          return await this.check(write);
      }
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw this.writeFault(error, write);
      return { outcome: 'refused', index: 0, item: itemOf(error.Item) };
    }
  }

  private async put(write: Write & { kind: 'put' }): Promise<WriteResult> {
    const Item = toDynamoItem(write.key, write.attributes);
    const command = new PutItemCommand({ ...this.common(), ...this.conditional(write), Item });
    const answer = await this.writing(() => this.options.client.send(command));
    this.consumed('write', answer.ConsumedCapacity);
    return { outcome: 'applied', item: withoutNegativeZeros(write.attributes) };
  }

  private async update(write: Write & { kind: 'update' }): Promise<WriteResult> {
    const Key = toDynamoKey(write.key);
    const command = new UpdateItemCommand({
      ...this.common(),
      ...this.conditional(write),
      Key,
      ReturnValues: 'ALL_NEW',
    });
    const answer = await this.writing(() => this.options.client.send(command));
    this.consumed('write', answer.ConsumedCapacity);
    return { outcome: 'applied', item: fromDynamoItem(answer.Attributes ?? {}) };
  }

  private async delete(write: Write & { kind: 'delete' }): Promise<WriteResult> {
    const Key = toDynamoKey(write.key);
    const command = new DeleteItemCommand({ ...this.common(), ...this.conditional(write), Key });
    const answer = await this.writing(() => this.options.client.send(command));
    this.consumed('write', answer.ConsumedCapacity);
    return { outcome: 'applied' };
  }

  private async check({ key, conditions }: Write & { kind: 'check' }): Promise<WriteResult> {
    const item = await this.get(key, 'strong');
    return evaluate(conditions, item) ? { outcome: 'applied' } : { outcome: 'refused', index: 0, item };
  }

  private async transact(writes: readonly Write[]): Promise<WriteResult> {
    const command = new TransactWriteItemsCommand({
      TransactItems: writes.map((write) => this.transactItem(write)),
      ClientRequestToken: toHex(this.options.random.bytes(16)),
      ReturnConsumedCapacity: this.common().ReturnConsumedCapacity,
    });
    try {
      const answer = await this.writing(() => this.sendTransaction(command));
      if (answer.outcome === 'refused') return answer;
      for (const capacity of answer.capacity) this.consumed('write', capacity);
      return { outcome: 'applied' };
    } catch (error) {
      throw this.writeFault(error, ...writes);
    }
  }

  private async sendTransaction(
    command: TransactWriteItemsCommand,
  ): Promise<{ outcome: 'applied'; capacity: ConsumedCapacity[] } | (WriteResult & { outcome: 'refused' })> {
    try {
      const { ConsumedCapacity: capacity = [] } = await this.options.client.send(command);
      return { outcome: 'applied', capacity };
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const reasons = error.CancellationReasons ?? [];
      const index = reasons.findIndex(({ Code }) => Code === 'ConditionalCheckFailed');
      if (index < 0) throw new CancelledTransaction(reasons, error);
      return { outcome: 'refused', index, item: itemOf(reasons[index]?.Item) };
    }
  }

  private transactItem(write: Write): TransactWriteItem {
    const TableName = this.options.table;
    const { condition, update, names, values } = compileWrite(write);
    const common = {
      TableName,
      ConditionExpression: condition,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    };
    const Key = toDynamoKey(write.key);
    switch (write.kind) {
      case 'put':
        return { Put: { ...common, Item: toDynamoItem(write.key, write.attributes) } };
      case 'update':
        return { Update: { ...common, Key, UpdateExpression: update } };
      case 'delete':
        return { Delete: { ...common, Key } };
      case 'check':
        return { ConditionCheck: { ...common, Key, ConditionExpression: condition } };
    }
  }

  private conditional(write: Write) {
    const { condition, update, names, values } = compileWrite(write);
    return {
      ...(update !== undefined && { UpdateExpression: update }),
      ConditionExpression: condition,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ...(condition !== undefined && { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }),
    };
  }

  private common() {
    const ReturnConsumedCapacity = this.options.onCapacity === undefined ? undefined : ('TOTAL' as const);
    return { TableName: this.options.table, ReturnConsumedCapacity };
  }

  private async reading<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await withRetries(call, { ...this.options, mayRepeat: (error) => awsFailure(error)?.transient === true });
    } catch (error) {
      throw awsFault(error, READ, true);
    }
  }

  private writing<T>(call: () => Promise<T>): Promise<T> {
    return withRetries(call, {
      ...this.options,
      mayRepeat: (error) => {
        if (error instanceof CancelledTransaction) return error.transient;
        const failure = awsFailure(error);
        return failure?.transient === true && failure.nothingHappened;
      },
    });
  }

  private writeFault(error: unknown, ...writes: readonly Write[]): unknown {
    if (isItemTooLarge(error)) {
      const what =
        writes.length === 1 ? `the item ${writes[0]?.key.pk} / ${writes[0]?.key.sk}` : 'an item of a transaction';
      return overLimit('itemBytesMax', what, storageLimits.itemBytesMax);
    }
    if (!(error instanceof CancelledTransaction)) return awsFault(error, WRITE, false);
    if (error.throttled) {
      const facts = { retryAfterMs: storageLimits.storageRetryPauseMsMax };
      return new MillraceError('THROTTLING_QUOTA_EXCEEDED', `${WRITE} was throttled`, { facts, cause: error });
    }
    const code = error.transient ? 'KAFKA_STORAGE_ERROR' : 'UNKNOWN_SERVER_ERROR';
    return new MillraceError(code, `${WRITE} was cancelled (${error.message})`, { cause: error });
  }

  private consumed(kind: 'read' | 'write', capacity: ConsumedCapacity | undefined): void {
    const units = capacity?.CapacityUnits;
    if (units === undefined) return;
    this.options.onCapacity?.({
      read: kind === 'read' ? units : 0,
      write: kind === 'write' ? units : 0,
      table: this.options.table,
    });
  }
}

function isItemTooLarge(error: unknown): boolean {
  if (error instanceof CancelledTransaction) {
    return error.reasons.some(({ Message }) => Message !== undefined && ITEM_TOO_LARGE.test(Message));
  }
  return error instanceof Error && error.name === 'ValidationException' && ITEM_TOO_LARGE.test(error.message);
}

function itemOf(item: DynamoItem | undefined): Attributes | undefined {
  return item === undefined ? undefined : fromDynamoItem(item);
}

function keyOf(item: DynamoItem): ItemKey {
  const { pk, sk } = item;
  assert(pk?.S !== undefined && sk?.S !== undefined, 'an item has both parts of its key');
  return { pk: pk.S, sk: sk.S };
}
