import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import type { Condition, Write } from '../../../lib/kernel/items.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import type { CapacityUnits } from '../../../lib/storage/metadata/dynamodb.ts';
import { expressionCost } from '../../../lib/storage/metadata/dynamodb-expressions.ts';
import { createTable } from '../../../lib/storage/metadata/dynamodb-table.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { lateCreationContract } from '../../contract/late-creations.ts';
import { metadataStoreContract } from '../../contract/metadata-store.ts';
import { objectStoreContract } from '../../contract/object-store.ts';
import { tableScanContract } from '../../contract/table-scan.ts';
import { FEW_KEYS, smallWrites } from '../../support/arbitrary-items.ts';
import { DescribeTableCommand, UpdateItemCommand, type UpdateItemCommandInput } from '../../support/aws-sdk.ts';
import { INLINE } from '../../support/inline-names.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithPeer } from '../support/peer.ts';

const key = { pk: 'p', sk: 's' };

describeWithPeer(dynamoDbLocalMissing())('with DynamoDB Local', () => {
  let dynamo: Dynamo;
  beforeAll(async () => {
    dynamo = await makeDynamo();
  });
  afterAll(() => dynamo?.close());

  metadataStoreContract('dynamodb', () => dynamo.makeStore(), { numRuns: 60 });
  lateCreationContract('dynamodb', () => dynamo.makeStore());
  tableScanContract('dynamodb', () => dynamo.makeStore());
  objectStoreContract('inline over dynamodb', {
    ...INLINE,
    manyObjects: 300,
    makeStore: async () => {
      const metadata = await dynamo.makeStore();
      return { store: createInlineObjectStore({ metadata, clock: systemClock }), close: () => metadata.close() };
    },
  });

  test('random writes have the same results and leave the same items as in SQLite', async () => {
    const property = fc.asyncProperty(fc.array(smallWrites, { minLength: 1, maxLength: 12 }), async (history) => {
      const sqlite = openSqliteMetadataStore({ path: ':memory:' });
      const dynamodb = await dynamo.makeStore();
      for (const writes of history) {
        const [expected, actual] = [await sqlite.write(writes), await dynamodb.write(writes)];
        expect(actual).toEqual(expected);
      }
      for (const one of FEW_KEYS) expect(await dynamodb.get(one, 'strong')).toEqual(await sqlite.get(one, 'strong'));
      await sqlite.close();
    });
    await fc.assert(property, { numRuns: 150 });
  });

  describe('an expression at the edge', () => {
    const update = (conditions: Condition[]): Write => ({
      kind: 'update',
      key,
      changes: { set: { done: 1 } },
      conditions,
    });
    const lacks = (count: number): Condition[] =>
      Array.from({ length: count }, (_, index) => ({ clause: 'lacks', attribute: 'list', value: index }));

    test('of 300 operators is taken, and one more is not even sent', async () => {
      const store = await dynamo.makeStore();
      await store.write([{ kind: 'put', key, attributes: { list: ['x'], n: 1 } }]);
      // One for the type, then NOT, contains and AND for each; an equality and an AND more.
      const within = update([...lacks(99), { clause: 'equals', attribute: 'n', value: 1 }]);
      expect(expressionCost(within).conditionOperators).toBe(storageLimits.expressionOperatorsMax);
      expect(await store.write([within])).toMatchObject({ outcome: 'applied' });
      const beyond = update(lacks(100));
      expect(expressionCost(beyond).conditionOperators).toBe(storageLimits.expressionOperatorsMax + 1);
      await expect(store.write([beyond])).rejects.toThrow('expressionOperatorsMax');
    });

    /** Sets so many attributes and drops so many elements that the expression has exactly that size. */
    const updateOfBytes = (bytes: number): Write => {
      for (let count = 450; count < 600; count++) {
        const set = Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, index]));
        for (let list = 1; list <= 8; list++) {
          const write: Write = { kind: 'update', key, changes: { set, dropFirst: { list } } };
          if (expressionCost(write).updateBytes === bytes) return write;
        }
      }
      throw new Error(`no update has an expression of ${bytes} bytes`);
    };

    test('of 4,096 bytes is taken, and one more is not even sent', async () => {
      const store = await dynamo.makeStore();
      await store.write([{ kind: 'put', key, attributes: { list: [0, 1, 2, 3, 4, 5, 6, 7] } }]);
      expect(await store.write([updateOfBytes(storageLimits.expressionBytesMax)])).toMatchObject({
        outcome: 'applied',
      });
      const beyond = updateOfBytes(storageLimits.expressionBytesMax + 1);
      await expect(store.write([beyond])).rejects.toThrow('expressionBytesMax');
    });

    test('is where DynamoDB has it: what is refused here is refused there', async () => {
      const TableName = await dynamo.makeTable();
      const send = (request: Pick<UpdateItemCommandInput, 'ConditionExpression' | 'UpdateExpression'>) => {
        const ExpressionAttributeValues = { ':v': { N: '1' } };
        const input = { TableName, Key: { pk: { S: 'p' }, sk: { S: 's' } }, ExpressionAttributeValues, ...request };
        return dynamo.client.send(new UpdateItemCommand(input));
      };
      const equalities = (count: number) => Array.from({ length: count }, () => 'a=:v').join(' AND ');
      await expect(send({ ConditionExpression: equalities(150) })).rejects.toThrow('conditional request failed');
      await expect(send({ ConditionExpression: equalities(151) })).rejects.toThrow('operator count: 301');
      const set = (bytes: number) => `SET ${'a'.repeat(bytes - 'SET =:v'.length)}=:v`;
      await send({ UpdateExpression: set(4_096) });
      await expect(send({ UpdateExpression: set(4_097) })).rejects.toThrow('Expression size has exceeded');
    });
  });

  test('a table is made once, with its keys and stream, and is found by the next who asks', async () => {
    const table = await dynamo.makeTable();
    await createTable(dynamo.client, table, systemClock);
    const { Table } = await dynamo.client.send(new DescribeTableCommand({ TableName: table }));
    expect(Table).toMatchObject({
      TableStatus: 'ACTIVE',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    });
  });

  test('a table that is not there is a fault without effect', async () => {
    const store = await dynamo.makeStore({ table: 'no-such-table' });
    const fault = { code: 'KAFKA_STORAGE_ERROR', effect: 'none', message: expect.stringContaining('ResourceNotFound') };
    await expect(store.get(key, 'strong')).rejects.toMatchObject(fault);
    await expect(store.write([{ kind: 'delete', key }])).rejects.toMatchObject(fault);
  });

  describe('consumed capacity', () => {
    const measured = async (work: (units: CapacityUnits[]) => Promise<void>) => {
      const units: CapacityUnits[] = [];
      await work(units);
      return units;
    };

    test('is reported for every kind of call', async () => {
      const table = await dynamo.makeTable();
      const units = await measured(async (seen) => {
        const store = await dynamo.makeStore({ table, onCapacity: (capacity) => seen.push(capacity) });
        await store.write([{ kind: 'put', key, attributes: { b: new Uint8Array(2_000) } }]);
        await store.get(key, 'strong');
        await store.get(key, 'eventual');
        await store.query({ pk: key.pk, limit: 10, consistency: 'strong' });
        await store.write([{ kind: 'update', key, changes: { remove: ['b'] } }]);
        await store.write([{ kind: 'delete', key }]);
      });
      expect(units.map(({ read, write }) => [read, write])).toEqual([
        [0, 2],
        [1, 0],
        [0.5, 0],
        [1, 0],
        [0, 2],
        [0, 1],
      ]);
      expect(units.every((unit) => unit.table === table)).toBe(true);
    });

    test('of an append to sixteen partitions of a ledger is one write unit while the head is below 1 KiB', async () => {
      const counters = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`n${index}`, 1]));
      const units = await measured(async (seen) => {
        const store = await dynamo.makeStore({ onCapacity: (capacity) => seen.push(capacity) });
        await store.write([{ kind: 'put', key, attributes: { epoch: 1, ...counters, tail: [], commits: [] } }]);
        const result = await store.write([
          {
            kind: 'update',
            key,
            conditions: [
              { clause: 'equals', attribute: 'epoch', value: 1 },
              { clause: 'lacks', attribute: 'commits', value: new Uint8Array(9).fill(3) },
              { clause: 'shorter', attribute: 'tail', length: 64 },
            ],
            changes: {
              add: counters,
              append: { tail: [new Uint8Array(100)], commits: [new Uint8Array(9).fill(3)] },
            },
          },
        ]);
        expect(result).toMatchObject({ outcome: 'applied', item: { n0: 2, n15: 2 } });
      });
      expect(units.map(({ write }) => write)).toEqual([1, 1]);
    });
  });

  test('what two writers wrote in turn, a store of another process reads', async () => {
    const table = await dynamo.makeTable();
    const [one, two] = [await dynamo.makeStore({ table }), await dynamo.makeStore({ table })];
    await one.write([{ kind: 'update', key, changes: { add: { n: 1 } } }]);
    await two.write([{ kind: 'update', key, changes: { add: { n: 1 } } }]);
    expect(await one.get(key, 'strong')).toEqual({ n: 2 });
  });
});
