import { type AddressInfo, connect as connectSocket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { Traffic } from '../../lib/kafka/traffic.ts';
import { batchOf } from '../support/broker.ts';
import { gatewayWorld } from './support/gateway-world.ts';

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

describe('an answer', () => {
  const failedOf = (response: unknown) => {
    const traffic = new Traffic();
    traffic.answered('Fetch', { bytes: 1 }, { bytes: 1, response });
    return traffic.take().failed;
  };

  it.each<[string, unknown]>([
    ['as a whole', { errorCode: -1 }],
    ['in a partition', { errorCode: 0, responses: [{ partitions: [{ errorCode: 0 }, { errorCode: 56 }] }] }],
    ['since storage is asked for too much', { groups: [{ errorCode: 89 }] }],
    ['as groups and transactions say it', { errorCode: 15 }],
    ['as members of groups are told', { groups: [{ errorCode: 16 }] }],
    ['of what was added to a transaction', { resultsByPartition: [{ partitionErrorCode: 14 }] }],
  ])('counts as failed where something failed here: %s', (_where, response) => expect(failedOf(response)).toBe(1));

  it.each<[string, unknown]>([
    ['none', undefined],
    [
      'without an error',
      { errorCode: 0, responses: [{ partitions: [{ errorCode: 0, records: [Uint8Array.of(1)] }] }] },
    ],
    ['that says what the client did wrong', { errorCode: 3, topics: [{ errorCode: 29 }] }],
    ['with a number of another kind', { throttleTimeMs: 56, topics: [{ partitionIndex: 56 }] }],
  ])('does not count where nothing did: %s', (_what, response) => expect(failedOf(response)).toBe(0));
});
