/** Transactions over DynamoDB Local: its own conditions, refusals and conflicts in place of the embedded store's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listCommittedOffsets } from '../../../lib/broker/groups/list-committed-offsets.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { ReplicaSet } from '../../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { recordCounts, to } from '../../support/transactions.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithPeer } from '../support/peer.ts';

describeWithPeer(dynamoDbLocalMissing())('transactions with DynamoDB Local', () => {
  let dynamo: Dynamo;
  let metadata: MetadataStore;
  beforeAll(async () => {
    dynamo = await makeDynamo();
    metadata = await dynamo.makeStore();
  });
  afterAll(() => dynamo?.close());

  let topics = 0;
  const world = async (partitions = 4, replicationFactor = 1) => {
    const shared = { clock: systemClock, random: systemRandom };
    const single = createMemoryObjectStore();
    const replicas = [single, createMemoryObjectStore(), createMemoryObjectStore()].map((store, replica) => ({
      id: replica,
      name: `r${replica}`,
      rack: 'a',
      store,
    }));
    const start = () => {
      const bucket = replicationFactor === 1 ? single : new ReplicaSet({ replicas, ...shared });
      const inline = createInlineObjectStore({ metadata, ...shared });
      // Of replicated ledgers every object is in the buckets, since inline ones are nobody's to lack.
      const inlineBytesMax = replicationFactor === 1 ? 4_096 : 0;
      const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax });
      return createBroker({ metadata, objects, compression: nodeCompression, ...shared });
    };
    const processes = [start(), start(), start()] as const;
    const names = [`a-${++topics}`, `b-${topics}`] as const;
    const settings = { partitions, replicationFactor, config: { 'ledger.partitions': 1 } };
    for (const name of names) await createTopic(processes[0], { name, ...settings });
    const counts = async () => {
      const read = async (name: string) => recordCounts(metadata, await processes[0].topics.get(name));
      return [await read(names[0]), await read(names[1])];
    };
    return { processes, names, counts };
  };

  test('of several processes at once on the same ledgers, beside plain appends, are each there once and whole', async () => {
    const { processes, names, counts } = await world();
    const [a, b] = names;
    const works = Array.from({ length: 45 }, async (_, index) => {
      const broker = processes[index % 3] as (typeof processes)[0];
      if (index % 5 === 0) return produceRecords(broker, { topic: a, records: [to(a, 0, 'plain')], acks: 'all' });
      const offsets = { group: `group-${index % 2}`, offsets: [{ topic: a, partition: 0, offset: index }] };
      return transact(broker, { records: [to(a, 0, 'v'), to(b, 1, 'v')], offsets });
    });
    await Promise.all(works);
    expect(await counts()).toEqual([
      [45, 0, 0, 0],
      [0, 36, 0, 0],
    ]);
  });

  test('repeated under their number are answered from their receipt, by another process', async () => {
    const { processes, names, counts } = await world();
    const [a, b] = names;
    const request = {
      transactionalId: `id-${a}`,
      caller: { epoch: 0, number: 0 },
      records: [to(a, 1, 'x'), to(b, 3, 'y')],
    };
    const first = await transact(processes[0], request);
    for (let times = 0; times < 20; times++) await transact(processes[0], { records: [to(a, 1, 'v'), to(a, 2, 'v')] });
    expect(await transact(processes[1], request)).toEqual({ records: first.records, repeated: true });
    const again = { ...request, caller: { epoch: 0, number: 2 } };
    await expect(transact(processes[2], again)).rejects.toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
    expect((await counts())[0]?.[1]).toBe(21);
  });

  test('one wins of several processes that commit the same number at once', async () => {
    const { processes, names, counts } = await world();
    const [a, b] = names;
    const request = {
      transactionalId: `id-${a}`,
      caller: { epoch: 0, number: 0 },
      records: [to(a, 0, 'x'), to(b, 0, 'y')],
    };
    const answers = await Promise.all(processes.map((broker) => transact(broker, request)));
    expect(answers.map(({ records }) => records.map(({ offset }) => offset))).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect((await counts())[0]).toEqual([1, 0, 0, 0]);
  });

  test('in parts, begun by one process and committed by another, appear whole', async () => {
    const { processes, names, counts } = await world();
    const [a, b] = names;
    const id = `parts-${a}`;
    const { epoch } = await initializeTransactions(processes[0], { transactionalId: id });
    const caller = { epoch, number: 0 };
    const offsets = { group: id, offsets: [{ topic: a, partition: 3, offset: 4, metadata: 'm' }] };
    for (const [part, broker] of processes.entries()) {
      await addToTransaction(broker, {
        transactionalId: id,
        caller,
        part,
        records: [to(a, 0, 'v'), to(b, 2, 'v')],
        offsets,
      });
    }
    expect(await counts()).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    const committed = await Promise.all(
      processes.map((broker) => commitTransaction(broker, { transactionalId: id, caller })),
    );
    for (const { partitions } of committed) {
      expect(partitions.map(({ baseOffset, records }) => [baseOffset, records])).toEqual([
        [0, 3],
        [0, 3],
      ]);
    }
    expect(await counts()).toEqual([
      [3, 0, 0, 0],
      [0, 0, 3, 0],
    ]);
    const listed = await listCommittedOffsets(processes[1], { group: id });
    expect(listed.offsets).toMatchObject([{ topic: a, partition: 3, offset: 4, metadata: 'm' }]);
  });

  test.each([1, 3])(
    'in 150 parts are committed once by three processes at once, as bundles (replicas: %d)',
    async (replicas) => {
      const { processes, names, counts } = await world(4, replicas);
      const [a, b] = names;
      const id = `bundles-${a}`;
      const { epoch } = await initializeTransactions(processes[0], { transactionalId: id });
      const caller = { epoch, number: 0 };
      for (let part = 0; part < 150; part++) {
        const records = [to(a, 0, `${part}`), ...(part % 10 === 0 ? [to(a, 1, 'v'), to(b, 2, 'v')] : [])];
        const broker = processes[part % 3] as (typeof processes)[0];
        await addToTransaction(broker, { transactionalId: id, caller, part, records: [...records] });
      }
      const beside = Array.from({ length: 10 }, () =>
        produceRecords(processes[0], { topic: a, records: [to(a, 1, 'plain')], acks: 'all' }),
      );
      const committed = await Promise.all(
        processes.map((broker) => commitTransaction(broker, { transactionalId: id, caller })),
      );
      await Promise.all(beside);
      for (const { partitions } of committed) {
        expect(partitions).toEqual(committed[0]?.partitions);
        expect(partitions.map(({ records }) => records)).toEqual([150, 15, 15]);
      }
      expect(committed.filter(({ repeated }) => !repeated)).toHaveLength(1);
      expect(await counts()).toEqual([
        [150, 25, 0, 0],
        [0, 0, 15, 0],
      ]);
      const position = { at: 'offset', offset: 75 } as const;
      const request = { topic: a, partition: 0, position, maxRecords: 75, maxBytes: 1 << 20, minBytes: 1, waitMs: 0 };
      const { records } = await fetchRecords(processes[2], request);
      expect(records.map(({ value }) => Number(new TextDecoder().decode(value ?? undefined)))).toEqual(
        Array.from({ length: 75 }, (_, index) => 75 + index),
      );
    },
  );

  test('of 98 ledgers, offsets and a transactional id are one write of 100 items', async () => {
    const { processes, names, counts } = await world(98);
    const [a] = names;
    const records = Array.from({ length: 98 }, (_, partition) => to(a, partition, 'v'));
    const offsets = { group: a, offsets: [{ topic: a, partition: 0, offset: 1 }] };
    const request = { transactionalId: `large-${a}`, records, offsets };
    expect((await transact(processes[0], request)).records).toHaveLength(98);
    expect((await counts())[0]).toEqual(Array(98).fill(1));
  });
});
