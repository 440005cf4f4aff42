import { hostname } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { type LocalGateway, type LocalKafkaOptions, openGateway } from '../../../lib/local/kafka/kafka-gateway.ts';
import { createLogger } from '../../../lib/local/logger.ts';
import { memoryBroker } from '../../kafka/support/gateway-world.ts';
import { joinOf } from '../../kafka/support/group-requests.ts';
import { KafkaTestClient } from '../../kafka/support/kafka-test-client.ts';
import { certificatePath } from '../../support/certificates.ts';

const DEFAULTS: LocalKafkaOptions = {
  host: '127.0.0.1',
  port: 0,
  brokers: 1,
  required: true,
  autoCreate: { enabled: true, partitions: 1 },
};

const opened: (LocalGateway | KafkaTestClient)[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await ('destroy' in one ? one.destroy() : one.close());
});

async function open(options: Partial<LocalKafkaOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger(systemClock, (line) => lines.push(line));
  const gateway = await openGateway({ ...DEFAULTS, ...options }, { broker: memoryBroker(), clock: systemClock, log });
  if (gateway !== undefined) opened.push(gateway);
  return { gateway, lines };
}

async function connect(port: number): Promise<KafkaTestClient> {
  const client = await KafkaTestClient.open(port);
  opened.push(client);
  return client;
}

const portOf = (gateway: LocalGateway | undefined) => Number(gateway?.address.split(':').at(-1));

describe("Kafka's protocol on a local server", () => {
  it('is spoken by as many virtual brokers as it is told, and each answers', async () => {
    const { gateway } = await open({ brokers: 3, racks: ['a', 'b', 'c'] });
    const first = await connect(portOf(gateway));
    const { brokers } = await first.request('Metadata', 9, { topics: [] });
    expect(brokers.map(({ nodeId, host, rack }) => [nodeId, host, rack])).toEqual([
      [1, '127.0.0.1', 'a'],
      [2, '127.0.0.1', 'b'],
      [3, '127.0.0.1', 'c'],
    ]);
    for (const { port } of brokers) {
      const client = await connect(port);
      expect((await client.request('Metadata', 9, { topics: [] })).brokers).toEqual(brokers);
    }
  });

  it('tells clients the address that it is told, wherever it listens', async () => {
    const { gateway } = await open({ brokers: 2, advertised: [{ host: 'kafka.example.com', port: 30_000 }] });
    const client = await connect(portOf(gateway));
    const { brokers } = await client.request('DescribeCluster', 0, { includeClusterAuthorizedOperations: false });
    expect(brokers.map(({ host, port }) => [host, port])).toEqual([
      ['kafka.example.com', 30_000],
      ['kafka.example.com', 30_001],
    ]);
  });

  it('never tells clients to connect to all addresses of a machine', async () => {
    const { gateway } = await open({ host: '0.0.0.0' });
    const client = await connect(portOf(gateway));
    const { brokers } = await client.request('Metadata', 9, { topics: [] });
    expect(brokers).toMatchObject([{ host: hostname(), port: portOf(gateway) }]);
  });

  it('says where clients are sent, where that is not where it listens', async () => {
    const { lines } = await open({ advertised: [{ host: 'kafka.example.com', port: 30_000 }] });
    expect(lines.join('')).toContain('"addresses":["kafka.example.com:30000"]');
    expect((await open()).lines).toEqual([]);
  });

  it('doubts a certificate that is not for where clients are sent', async () => {
    const tls = { cert: certificatePath('server', 'crt'), key: certificatePath('server', 'key') };
    const { lines } = await open({ tls, advertised: [{ host: 'kafka.example.com', port: 30_000 }] });
    expect(lines.join('')).toContain('The certificate is not for kafka.example.com');
    expect((await open({ tls })).lines).toEqual([]);
  });

  it('creates topics as it is told', async () => {
    const { gateway } = await open({ autoCreate: { enabled: true, partitions: 3 } });
    const client = await connect(portOf(gateway));
    const { topics } = await client.request('Metadata', 9, { topics: [{ name: 't' }] });
    expect(topics[0]?.partitions).toHaveLength(3);
  });

  it('has the first members of a group wait for each other as long as it is told', async () => {
    const { gateway } = await open({ initialRebalanceDelayMs: 500 });
    const [a, b] = [await connect(portOf(gateway)), await connect(portOf(gateway))];
    const first = a.request('JoinGroup', 3, joinOf({ group: 'g' }));
    await expect
      .poll(async () => (await b.request('DescribeGroups', 5, { groups: ['g'] })).groups[0]?.groupState)
      .toBe('PreparingRebalance');
    const joined = await Promise.all([first, b.request('JoinGroup', 3, joinOf({ group: 'g' }))]);
    expect(joined).toMatchObject([{ generationId: 1 }, { generationId: 1 }]);
  });

  it('is left out where another program has the port and nobody asked for it', async () => {
    const taken = portOf((await open()).gateway);
    const { gateway, lines } = await open({ port: taken, required: false });
    expect(gateway).toBeUndefined();
    expect(lines.join('')).toContain("Kafka's protocol is not served");
    await expect(open({ port: taken })).rejects.toThrow(`port ${taken} of 127.0.0.1 is in use`);
    await expect(open({ port: taken - 1, brokers: 2 })).rejects.toThrow('in use');
  });
});
