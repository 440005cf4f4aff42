import { type AddressInfo, connect as connectSocket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { tellsOfFault } from '../../lib/kafka/traffic.ts';
import { kafkaLimits } from '../../lib/kernel/limits/kafka.ts';
import { Turns } from '../../lib/kernel/turns.ts';
import { batchOf } from '../support/broker.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { turn } from '../support/passing-time.ts';
import { failingBroker } from './support/failing-broker.ts';
import { type GatewayWorldOptions, gatewayWorld } from './support/gateway-world.ts';
import { framed, type KafkaTestClient } from './support/kafka-test-client.ts';

const NOTHING = { refused: 0, requests: 0, failed: 0, bytesIn: 0, bytesOut: 0, mutedMs: 0, byApi: {} };

describe('what goes through a gateway', () => {
  it('is counted with who is connected, and is told once', async () => {
    const { broker, connect, gateway } = await gatewayWorld();
    await createTopic(broker, { name: 't', partitions: 1 });
    const client = await connect();
    const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf('x'.repeat(1_000)) }] }];
    await client.request('Produce', 9, { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData });
    await client.request('Metadata', 9, { topics: null });
    await client.request('Metadata', 9, { topics: null });
    const report = gateway.takeReport();
    expect(report).toMatchObject({ connections: 1, requests: 3, failed: 0, byApi: { Produce: 1, Metadata: 2 } });
    expect(report.bytesIn).toBeGreaterThan(1_000);
    expect(report.bytesOut).toBeGreaterThan(50);
    expect(report.bytesOut).toBeLessThan(1_000);
    expect(gateway.takeReport()).toEqual({ ...NOTHING, connections: 1 });
  });

  it('has the time for which clients were not listened to', async () => {
    const { connect, gateway } = await gatewayWorld({ quota: { throttleMs: () => 50 } });
    await (await connect()).request('Metadata', 9, { topics: null });
    expect(gateway.takeReport()).toMatchObject({ mutedMs: 50 });
  });

  it('has the connections that are too many', async () => {
    const { gateway } = await gatewayWorld();
    const server = gateway.serverOf({ nodeId: 2, host: '127.0.0.1', port: 0, rack: null });
    server.maxConnections = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connectSocket((server.address() as AddressInfo).port, '127.0.0.1');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(gateway.takeReport()).toEqual({ ...NOTHING, connections: 0, refused: 1 });
  });
});

describe('a request that ends its connection', () => {
  const produced = (name: string) => ({
    transactionalId: null,
    acks: 0,
    timeoutMs: 1_000,
    topicData: [{ name, partitionData: [{ index: 0, records: batchOf('x') }] }],
  });
  const closedBy = async (ask: (client: KafkaTestClient) => void, options: GatewayWorldOptions = {}) => {
    const { connect, gateway, logged } = await gatewayWorld(options);
    const client = await connect();
    ask(client);
    await client.closed;
    await turn();
    const { requests, failed, byApi } = gateway.takeReport();
    return { requests, failed, byApi, levels: logged.map(({ level }) => level) };
  };

  it.each<[string, Uint8Array]>([
    ['that no API has', framed(Uint8Array.from([0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]))],
    ['with a body that is none', framed(Uint8Array.from([0, 3, 0, 9, 0, 0, 0, 0, 0xff, 0xff, 0, 0xff]))],
    ['with a size that no frame has', Uint8Array.from([0x7f, 0xff, 0xff, 0xff])],
  ])('is not counted where the client did it: one %s', async (_what, bytes) => {
    const found = await closedBy((client) => client.sendBytes(bytes));
    expect(found).toEqual({ requests: 0, failed: 0, byApi: {}, levels: ['info'] });
  });

  it('is counted where its answer could not say what is wrong, and as failed only where that was here', async () => {
    const ask = (client: KafkaTestClient) => client.send('Produce', 9, produced('nope'));
    expect(await closedBy(ask)).toMatchObject({ requests: 1, failed: 0, byApi: { Produce: 1 } });
    const { broker, fail } = failingBroker();
    const whileAway = (client: KafkaTestClient) => {
      fail();
      ask(client);
    };
    expect(await closedBy(whileAway, { broker })).toMatchObject({ requests: 1, failed: 1, byApi: { Produce: 1 } });
  });

  it('is counted as failed where that is a bug', async () => {
    const throttleMs = () => {
      throw new Error('a bug');
    };
    const found = await closedBy((client) => client.send('Metadata', 9, { topics: null }), { quota: { throttleMs } });
    expect(found).toEqual({ requests: 1, failed: 1, byApi: { Metadata: 1 }, levels: ['error'] });
  });
});

describe('an answer', () => {
  const turns = new Turns({ clock: new ManualClock(), turnMs: kafkaLimits.kafkaTurnMsMax });

  it.each<[string, unknown]>([
    ['as a whole', { errorCode: -1 }],
    ['in a partition', { errorCode: 0, responses: [{ partitions: [{ errorCode: 0 }, { errorCode: 56 }] }] }],
    ['since storage is asked for too much', { groups: [{ errorCode: 89 }] }],
    ['as groups and transactions say it', { errorCode: 15 }],
    ['as members of groups are told', { groups: [{ errorCode: 16 }] }],
    ['of what was added to a transaction', { resultsByPartition: [{ partitionErrorCode: 14 }] }],
    [
      'in one of many partitions',
      { topics: [{ partitions: Array.from({ length: 1_000 }, (_, at) => ({ errorCode: at === 1 ? 56 : 0 })) }] },
    ],
  ])('counts as failed where something failed here: %s', async (_where, response) =>
    expect(await tellsOfFault(response, turns)).toBe(true),
  );

  it.each<[string, unknown]>([
    ['none', undefined],
    [
      'without an error',
      { errorCode: 0, responses: [{ partitions: [{ errorCode: 0, records: [Uint8Array.of(1)] }] }] },
    ],
    ['that says what the client did wrong', { errorCode: 3, topics: [{ errorCode: 29 }] }],
    ['with a number of another kind', { throttleTimeMs: 56, topics: [{ partitionIndex: 56 }] }],
  ])('does not count where nothing did: %s', async (_what, response) =>
    expect(await tellsOfFault(response, turns)).toBe(false),
  );
});
