/**
 * Two gateways over one table and one bucket, which know of each other by the table alone, and clients that write and
 * read through both. One of them is killed, or told to stop, under load, and later comes back at its address.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listCommittedOffsets } from '../../../lib/broker/groups/list-committed-offsets.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { Cluster } from '../../../lib/kafka/cluster.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { createDynamoMetadataStore } from '../../../lib/storage/metadata/dynamodb.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createS3ObjectStore } from '../../../lib/storage/objects/s3.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { KafkaTestClient } from '../../kafka/support/kafka-test-client.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { nodeClientsMissing } from '../support/node-clients.ts';
import { describeWithPeer, freePort } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { s3ServerMissing } from '../support/s3-server.ts';
import type { AwsStorage } from '../support/serving-process.ts';
import { type Acked, Load } from './gateways-under-load.ts';

const TOPIC = 'topic';
const TRANSACTED = 'transacted';
const PARTITIONS = 4;
const LOAD_MS = 3_000;
/** How long clients may take to find to the other gateway: one that was killed is named for nine seconds at most. */
const RECOVERY_MS_MAX = 40_000;

const missing = dynamoDbLocalMissing() ?? s3ServerMissing() ?? nodeClientsMissing();

describeWithPeer(missing)('two gateways', () => {
  let dynamo: Dynamo;
  let s3: S3;
  const ending: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    s3 = await makeS3();
  });

  // After the load of one test DynamoDB Local takes ten times as long for each write of the next one's table.
  beforeEach(async () => {
    dynamo = await makeDynamo();
    ending.push(() => dynamo.close());
  });

  afterEach(async () => {
    for (const end of ending.splice(0).reverse()) await end();
  });

  afterAll(async () => {
    await s3?.close();
  });

  /** The stores of a test, and a broker over them that sees what the gateways do. */
  async function stores(): Promise<{ storage: AwsStorage; broker: Broker }> {
    const [table, bucket] = await Promise.all([dynamo.makeTable(), s3.makeBucket()]);
    const surroundings = { clock: systemClock, random: systemRandom };
    const metadata = createDynamoMetadataStore({ client: dynamo.client, table, ...surroundings });
    const objects = createTieredObjectStore({
      inline: createInlineObjectStore({ metadata, ...surroundings }),
      bucket: createS3ObjectStore({ client: s3.client, bucket, ...surroundings }),
      inlineBytesMax: 4_096,
    });
    const broker = createBroker({ metadata, objects, compression: nodeCompression, ...surroundings });
    for (const name of [TOPIC, TRANSACTED]) await createTopic(broker, { name, partitions: PARTITIONS });
    return { storage: { table, bucket, dynamoEndpoint: dynamo.endpoint, s3Endpoint: s3.endpoint }, broker };
  }

  async function startGateway(storage: AwsStorage, nodeId: number, port: number): Promise<GatewayProcess> {
    const gateway = await startGatewayProcess({ storage, port, args: ['--kafka-node-id', String(nodeId)] });
    ending.push(() => gateway.kill());
    return gateway;
  }

  it.each([
    { how: 'is killed', end: (gateway: GatewayProcess) => gateway.kill() },
    {
      how: 'is told to stop',
      end: async (gateway: GatewayProcess) => expect(await gateway.stop()).toBe(0),
    },
  ])('lose nothing when one $how under load, and their groups go on', { timeout: 180_000 }, async ({ end }) => {
    const { storage, broker } = await stores();
    const [port, otherPort] = [await freePort(), await freePort()];
    const [first] = await Promise.all([startGateway(storage, 1, port), startGateway(storage, 2, otherPort)]);
    for (const asked of [port, otherPort]) {
      await until('they know of each other', async () => (await nodesOf(asked)).join() === '1,2');
    }
    const load = new Load({
      addresses: [`127.0.0.1:${port}`, `127.0.0.1:${otherPort}`],
      topic: TOPIC,
      transactedTopic: TRANSACTED,
      partitions: PARTITIONS,
      classicGroup: coordinatedByFirst('classic'),
      consumerGroup: coordinatedByFirst('consumer'),
      transactionalId: coordinatedByFirst('transactions'),
    });
    const watch = watchCommits(broker, [coordinatedByFirst('classic'), coordinatedByFirst('consumer')]);
    ending.push(watch.stop, () => load.close());
    await load.start();
    await goesOn(load);
    await pause(LOAD_MS);

    await end(first);
    await until('it is named no more', async () => (await nodesOf(otherPort)).join() === '2');
    await goesOn(load);
    await startGateway(storage, 1, port);
    for (const asked of [port, otherPort]) {
      await until('it is named again', async () => (await nodesOf(asked)).join() === '1,2');
    }
    await goesOn(load);
    await pause(LOAD_MS);

    await load.stopProducers();
    const log = await readAll(broker, TOPIC);
    for (const acked of load.acked) expectStored(acked, log);
    expect(load.failures).toEqual([]);
    expect(load.brokenTransactions.filter((error) => !isLostConnection(error))).toEqual([]);
    const values = log.flat();
    expect(new Set(values).size).toBe(values.length);
    expectWhole(load, (await readAll(broker, TRANSACTED)).flat());
    await until(
      'the groups have consumed all',
      async () => lagOf(load, log) === 0,
      () => `${lagOf(load, log)} records behind`,
    );
    expect(watch.wentBack).toEqual([]);
  });
});

/** As kafkajs says it, which may have tried again in vain. */
function isLostConnection(error: string): boolean {
  return /^KafkaJS(?:Connection\w*|NumberOfRetriesExceeded: Connection error)/.test(error);
}

/** Ids that the first of two gateways coordinates, while both are there. */
function coordinatedByFirst(prefix: string): string {
  const nodes = [1, 2].map((nodeId) => ({ nodeId, host: '', port: 0, rack: null }));
  const cluster = new Cluster('', nodes);
  for (let number = 0; ; number++) {
    const id = `${prefix}-${number}`;
    if (cluster.coordinatorOf(id).nodeId === 1) return id;
  }
}

async function nodesOf(port: number): Promise<number[]> {
  const client = await KafkaTestClient.open(port);
  const { brokers } = await client.request('Metadata', 9, { topics: [] });
  client.destroy();
  return brokers.map(({ nodeId }) => nodeId);
}

/** Every producer writes, every group reads what was written from now on, and transactions are committed. */
async function goesOn(load: Load): Promise<void> {
  const acked = load.acked.map(({ length }) => length);
  const committed = load.committed.length;
  const since = new Set(load.acked.flatMap((all) => all.map(({ value }) => value)));
  const stuck = () => {
    const producers = load.acked.flatMap(({ length }, producer) =>
      length > (acked[producer] ?? 0) + 10 ? [] : [`producer ${producer}`],
    );
    const groups = Object.entries(load.delivered).flatMap(([group, members]) =>
      members.flat().filter(({ value }) => !since.has(value)).length > 20 ? [] : [`the ${group} group`],
    );
    return [...producers, ...groups, ...(load.committed.length > committed + 4 ? [] : ['transactions'])];
  };
  await until(
    'all clients go on',
    async () => load.acked.length === 4 && stuck().length === 0,
    () => `${stuck().join(', ')}; ${load.failures.join('; ')}`,
  );
}

/** Each at its offset, and in the order in which they were sent. */
function expectStored(acked: readonly Acked[], log: string[][]): void {
  expect(acked.length).toBeGreaterThan(50);
  expect(acked.filter(({ partition, offset, value }) => log[partition]?.[offset] !== value)).toEqual([]);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const offsets = acked.filter((one) => one.partition === partition).map(({ offset }) => offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  }
}

/** Those that were committed are there once, those that were aborted are not, and none by half. */
function expectWhole({ committed, aborted }: Load, values: string[]): void {
  expect(committed.length).toBeGreaterThan(20);
  const stored = new Set(values);
  expect(stored.size).toBe(values.length);
  expect(committed.filter((value) => !stored.has(value))).toEqual([]);
  expect(aborted.filter((value) => stored.has(value))).toEqual([]);
  const halves = values.filter(
    (value) => !stored.has(value.endsWith('a') ? `${value.slice(0, -1)}b` : `${value.slice(0, -1)}a`),
  );
  expect(halves).toEqual([]);
}

/** Records that one of the groups has not been given. */
function lagOf(load: Load, log: string[][]): number {
  const lags = Object.values(load.delivered).map((members) => {
    const given = new Set(members.flat().map(({ partition, offset, value }) => `${partition}/${offset}/${value}`));
    return log
      .flatMap((values, partition) => values.map((value, offset) => `${partition}/${offset}/${value}`))
      .filter((record) => !given.has(record)).length;
  });
  return Math.max(...lags);
}

async function readAll(broker: Broker, topic: string): Promise<string[][]> {
  const log: string[][] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const values: string[] = [];
    for (;;) {
      const position = { at: 'offset', offset: values.length } as const;
      const request = { position, maxBytes: 1_000_000, maxRecords: 10_000, minBytes: 0, waitMs: 0 };
      const { records } = await fetchRecords(broker, { topic, partition, ...request });
      if (records.length === 0) break;
      for (const { offset, value } of records) {
        expect(offset).toBe(values.length);
        values.push(Buffer.from(value ?? []).toString());
      }
    }
    log.push(values);
  }
  return log;
}

/** Looks again and again at what the groups have committed. */
function watchCommits(broker: Broker, groups: readonly string[]) {
  const wentBack: string[] = [];
  const newest = new Map<string, number>();
  const stopped = new AbortController();
  const watch = async () => {
    while (!stopped.signal.aborted) {
      for (const group of groups) {
        for (const { partition, offset } of (await listCommittedOffsets(broker, { group })).offsets) {
          const place = `${group}/${partition}`;
          const before = newest.get(place) ?? 0;
          if (offset < before) wentBack.push(`${place} from ${before} to ${offset}`);
          newest.set(place, offset);
        }
      }
      await systemClock.sleep(200, stopped.signal);
    }
  };
  const watching = watch();
  const stop = async () => {
    stopped.abort();
    await watching;
  };
  return { wentBack, stop };
}

async function until(
  what: string,
  isSo: () => Promise<boolean>,
  instead: () => string = () => 'it is not so',
): Promise<void> {
  const deadline = performance.now() + RECOVERY_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: ${instead()}`);
    await pause(100);
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
