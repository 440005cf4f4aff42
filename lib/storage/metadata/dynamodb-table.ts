/**
 * The table that the DynamoDB adapter needs, for whoever has none from the deployment: the local server on request, and
 * tests. The deployed table is made by the tenant stack with the same keys and stream.
 */
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { awsFault } from '../faults.ts';

const KEY_SCHEMA: KeySchemaElement[] = [
  { AttributeName: 'pk', KeyType: 'HASH' },
  { AttributeName: 'sk', KeyType: 'RANGE' },
];

/** Who reads the stream finds by both images what has grown. */
const STREAM_VIEW_TYPE = 'NEW_AND_OLD_IMAGES';

/** Makes the table unless it is there, and resolves when it can be used. Refuses a table with other keys. */
export async function createTable(client: DynamoDBClient, table: string, clock: Clock): Promise<void> {
  const created = await create(client, table);
  await waitUntilActive(client, table, clock);
  if (created) await turnOnRecovery(client, table);
}

async function create(client: DynamoDBClient, table: string): Promise<boolean> {
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: KEY_SCHEMA,
        AttributeDefinitions: KEY_SCHEMA.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
        StreamSpecification: { StreamEnabled: true, StreamViewType: STREAM_VIEW_TYPE },
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof ResourceInUseException) return false;
    throw awsFault(error, `creating the table ${table}`, false);
  }
}

async function waitUntilActive(client: DynamoDBClient, table: string, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + storageLimits.tableCreationMsMax;
  for (;;) {
    const description = await describe(client, table);
    if (description !== undefined) checkKeySchema(description, table);
    if (description?.TableStatus === 'ACTIVE') return;
    if (clock.monotonic() >= deadline) {
      const status = description?.TableStatus ?? 'not there';
      throw new MillraceError('KAFKA_STORAGE_ERROR', `The table ${table} did not become active; it is ${status}.`);
    }
    await clock.sleep(storageLimits.tableCreationPollMs);
  }
}

/** `undefined` for a table that is not there; a new one may not be seen at once. */
async function describe(client: DynamoDBClient, table: string): Promise<TableDescription | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    return Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw awsFault(error, `describing the table ${table}`, true);
  }
}

function checkKeySchema({ KeySchema = [] }: TableDescription, table: string): void {
  const found = KeySchema.map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`).join(', ');
  if (found === 'pk HASH, sk RANGE') return;
  throw new MillraceError('INVALID_CONFIG', `The table ${table} has the keys ${found}, not pk HASH, sk RANGE.`);
}

/** Point-in-time recovery. DynamoDB Local and other emulators have none. */
async function turnOnRecovery(client: DynamoDBClient, table: string): Promise<void> {
  try {
    await client.send(
      new UpdateContinuousBackupsCommand({
        TableName: table,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      }),
    );
  } catch (error) {
    if (error instanceof Error && error.name === 'UnknownOperationException') return;
    throw awsFault(error, `turning on recovery of the table ${table}`, false);
  }
}
