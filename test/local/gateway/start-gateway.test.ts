import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import type { GatewayOptions } from '../../../lib/local/gateway/options.ts';
import { type RunningGateway, startGateway } from '../../../lib/local/gateway/start-gateway.ts';
import { ListenError } from '../../../lib/local/listen.ts';
import { createLogger } from '../../../lib/local/logger.ts';
import { KafkaTestClient } from '../../kafka/support/kafka-test-client.ts';

const OPTIONS: GatewayOptions = {
  storage: { kind: 'memory' },
  inlineBytesMax: 4_096,
  apiKeys: [],
  host: '127.0.0.1',
  kafka: {
    host: '127.0.0.1',
    port: 0,
    brokers: 1,
    required: true,
    autoCreate: { enabled: false, partitions: 1 },
  },
};

const opened: (RunningGateway | KafkaTestClient)[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await ('destroy' in one ? one.destroy() : one.close());
});

async function start(options: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  const log = createLogger(systemClock, () => {});
  const gateway = await startGateway({ ...OPTIONS, ...options }, { clock: systemClock, random: systemRandom, log });
  opened.push(gateway);
  return gateway;
}

async function connect({ address }: RunningGateway): Promise<KafkaTestClient> {
  const client = await KafkaTestClient.open(Number(address.split(':').at(-1)));
  opened.push(client);
  return client;
}

describe('the gateway alone', () => {
  it('has all virtual brokers behind one port, each with an address of its own for clients', async () => {
    const advertised = [{ host: 'kafka.example.com', port: 9_092 }];
    const client = await connect(await start({ kafka: { ...OPTIONS.kafka, brokers: 3, onePort: true, advertised } }));
    const { brokers } = await client.request('Metadata', 9, { topics: [] });
    expect(brokers.map(({ nodeId, host, port }) => [nodeId, host, port])).toEqual([
      [1, 'kafka.example.com', 9_092],
      [2, 'kafka.example.com', 9_093],
      [3, 'kafka.example.com', 9_094],
    ]);
  });

  it('asks who clients are where there is a key', async () => {
    const apiKeys = [{ id: 'admin', secret: 'a-secret-of-more-than-32-characters' }];
    const client = await connect(await start({ apiKeys }));
    expect((await client.request('ApiVersions', 0, {})).errorCode).toBe(0);
    await expect(client.request('Metadata', 9, { topics: [] })).rejects.toThrow('the connection was closed');
  });

  it('answers who waits when it is closed, and ends', async () => {
    const gateway = await start();
    const client = await connect(gateway);
    const topics = [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
    await client.request('CreateTopics', 7, { topics, timeoutMs: 10_000, validateOnly: false });
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }];
    const waiting = client.request('Fetch', 12, {
      maxWaitMs: 60_000,
      minBytes: 1,
      topics: [{ topic: 't', partitions }],
    });
    // Another connection is answered: the wait of the first has begun by then.
    await (await connect(gateway)).request('ApiVersions', 0, {});
    const closed = gateway.close();
    expect((await waiting).responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0n });
    await closed;
    await client.closed;
  });

  it('does not go on without its port', async () => {
    const port = Number((await start()).address.split(':').at(-1));
    await expect(start({ kafka: { ...OPTIONS.kafka, port } })).rejects.toThrow(ListenError);
  });
});
