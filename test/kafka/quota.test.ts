import { describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../lib/broker/keys/authenticate.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import type { Quota, QuotaUse } from '../../lib/kafka/quota.ts';
import { kafkaLimits } from '../../lib/kernel/limits/kafka.ts';
import { batchOf } from '../support/broker.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { gatewayWorld, memoryBroker } from './support/gateway-world.ts';
import type { KafkaTestClient } from './support/kafka-test-client.ts';

/** A gateway whose clients are throttled for as long as the test says. */
async function world(throttleMs: (use: QuotaUse) => number) {
  const clock = new ManualClock();
  const broker = memoryBroker(clock);
  const uses: QuotaUse[] = [];
  const quota: Quota = {
    throttleMs: (use) => {
      uses.push(use);
      return throttleMs(use);
    },
  };
  return { clock, uses, ...(await gatewayWorld({ clock, broker, quota })) };
}

function metadata(client: KafkaTestClient) {
  return client.request('Metadata', 12, { topics: null });
}

/** Whether it is there after what can happen has happened: an answer on loopback needs no clock. */
async function isAnswered(answer: Promise<unknown>, other: KafkaTestClient): Promise<boolean> {
  let answered = false;
  void answer.then(() => (answered = true));
  // Whoever came later on another connection has been served meanwhile.
  for (let round = 0; round < 3; round++) await other.request('ApiVersions', 0, {});
  return answered;
}

describe('a client beyond its quota', () => {
  it('is answered, told for how long to be silent, and not listened to for that long', async () => {
    let throttleMs = 5_000;
    const { clock, connect } = await world(({ api }) => (api === 'Metadata' ? throttleMs : 0));
    const [client, other] = [await connect(), await connect()];
    expect(await metadata(client)).toMatchObject({ throttleTimeMs: 5_000, topics: [] });
    throttleMs = 0;
    const next = metadata(client);
    expect(await isAnswered(next, other)).toBe(false);
    await clock.advance(4_999);
    expect(await isAnswered(next, other)).toBe(false);
    await clock.advance(1);
    expect(await next).toMatchObject({ throttleTimeMs: 0 });
  });

  it('holds up no other', async () => {
    const { connect } = await world(({ clientId }) => (clientId === 'greedy' ? 5_000 : 0));
    const [greedy, modest] = [await connect(), await connect()];
    greedy.clientId = 'greedy';
    expect(await metadata(greedy)).toMatchObject({ throttleTimeMs: 5_000 });
    expect(await metadata(modest)).toMatchObject({ throttleTimeMs: 0 });
    expect(await metadata(modest)).toMatchObject({ throttleTimeMs: 0 });
  });

  it('is not listened to after records that nobody answers either', async () => {
    const { broker, connect, clock, uses } = await world(({ api }) => (api === 'Produce' ? 1_000 : 0));
    await createTopic(broker, { name: 't', partitions: 1 });
    const [client, other] = [await connect(), await connect()];
    const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf('a') }] }];
    client.send('Produce', 9, { transactionalId: null, acks: 0, timeoutMs: 1_000, topicData });
    while (uses.length === 0) await other.request('ApiVersions', 0, {});
    const next = metadata(client);
    expect(await isAnswered(next, other)).toBe(false);
    await clock.advance(1_000);
    await next;
    expect(uses[0]).toMatchObject({ api: 'Produce', responseBytes: 0 });
  });

  it('is listened to again after the longest time there is', async () => {
    const { connect } = await world(() => Number.MAX_SAFE_INTEGER);
    expect(await metadata(await connect())).toMatchObject({ throttleTimeMs: kafkaLimits.kafkaThrottleMsMax });
  });

  it('does not hold up the end of the gateway', async () => {
    const { connect, gateway } = await world(() => 20_000);
    const client = await connect();
    expect(await metadata(client)).toMatchObject({ throttleTimeMs: 20_000 });
    await gateway.close();
    await client.closed;
  });
});

it('a quota is told who has asked for what, and how large it was', async () => {
  const uses: QuotaUse[] = [];
  const broker = memoryBroker();
  const authenticator = createAuthenticator({ broker, staticKeys: [{ id: 'admin', secret: 'admin-secret' }] });
  const quota: Quota = { throttleMs: (use) => (uses.push(use), 0) };
  const { connect } = await gatewayWorld({ broker, authenticator, quota });
  const client = await connect();
  await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
  await client.request('SaslAuthenticate', 2, { authBytes: Buffer.from('\0admin\0admin-secret') });
  await metadata(client);
  const last = uses.at(-1);
  expect(last).toMatchObject({ api: 'Metadata', clientId: 'test', principal: { id: 'admin' } });
  expect(last?.requestBytes).toBeGreaterThan(10);
  expect(last?.responseBytes).toBeGreaterThan(30);
});
