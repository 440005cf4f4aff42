/** DynamoDB Local with a client, for suites that want tables of their own. */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import {
  createDynamoMetadataStore,
  type DynamoMetadataStoreOptions,
  dynamoClientConfig,
} from '../../../lib/storage/metadata/dynamodb.ts';
import { createTable } from '../../../lib/storage/metadata/dynamodb-table.ts';
import type { MetadataStore, TableScan } from '../../../lib/storage/metadata/port.ts';
import { DynamoDBClient } from '../../support/aws-sdk.ts';
import { startDynamoDbLocal } from './dynamodb-local.ts';

/** DynamoDB Local takes any, of letters and digits. */
const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

export interface Dynamo {
  endpoint: string;
  client: DynamoDBClient;
  /** Makes a table that nobody else uses. */
  makeTable(): Promise<string>;
  /** A store on a table that nobody else uses. */
  makeStore(options?: Partial<DynamoMetadataStoreOptions>): Promise<MetadataStore & TableScan>;
  close(): Promise<void>;
}

export async function makeDynamo(): Promise<Dynamo> {
  const local = await startDynamoDbLocal();
  const client = new DynamoDBClient({
    ...dynamoClientConfig(),
    endpoint: local.endpoint,
    region: 'eu-west-1',
    credentials: LOCAL_CREDENTIALS,
  });
  const makeTable = async () => {
    const table = `test-${randomUUID()}`;
    await createTable(client, table, systemClock);
    return table;
  };
  return {
    endpoint: local.endpoint,
    client,
    makeTable,
    makeStore: async (options) =>
      createDynamoMetadataStore({
        client,
        table: options?.table ?? (await makeTable()),
        clock: systemClock,
        random: systemRandom,
        ...options,
      }),
    close: async () => {
      client.destroy();
      await local.close();
    },
  };
}
