/**
 * A share group at two gateways over one table of DynamoDB and one bucket, which share nothing else. One of them is
 * killed while a member of its has records: these are nobody else's until their lock is over, and the member may still
 * settle them, at the other gateway.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KafkaTestClient } from '../../kafka/support/kafka-test-client.ts';
import { ackOf, ShareMember } from '../../kafka/support/share-member.ts';
import { batchOf } from '../../support/broker.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { s3ServerMissing } from '../support/s3-server.ts';

const [ACCEPT, RELEASE, REJECT, RENEW] = [1, 2, 3, 4];
const GROUP_RESOURCE = 32;
const INVALID_RECORD_STATE = 121;
const SESSION_NOT_FOUND = 122;
/** The shortest that there is. */
const LOCK_MS = 15_000;

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing())('a share group at two gateways', () => {
  let dynamo: Dynamo;
  let s3: S3;
  let gateways: GatewayProcess[] = [];
  const clients: KafkaTestClient[] = [];

  beforeAll(async () => {
    [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
    const [table, bucket] = await Promise.all([dynamo.makeTable(), s3.makeBucket()]);
    const storage = { table, bucket, dynamoEndpoint: dynamo.endpoint, s3Endpoint: s3.endpoint };
    gateways = await Promise.all([1, 2].map(() => startGatewayProcess({ storage, port: 0 })));
  });

  afterAll(async () => {
    for (const client of clients) client.destroy();
    for (const gateway of gateways) await gateway.kill();
    await dynamo?.close();
    await s3?.close();
  });

  async function connect(gateway: GatewayProcess): Promise<KafkaTestClient> {
    const client = await KafkaTestClient.open(gateway.port);
    clients.push(client);
    return client;
  }

  it('goes on when one of them is killed, and gives no record to two', async () => {
    const [first, second] = gateways as [GatewayProcess, GatewayProcess];
    const [atFirst, atSecond] = [await connect(first), await connect(second)];
    const topicId = await makeTopicAndConfigs(atFirst);
    const a = new ShareMember(atFirst, { memberId: 'a', topicId });
    const b = new ShareMember(atSecond, { memberId: 'b', topicId });
    for (const member of [a, b]) expect(await partitionsOf(member)).toEqual([0]);
    for (let value = 0; value < 10; value++) await produce(atSecond, `${value}`);

    expect(offsetsOf(await a.fetch({ partitions: [0], maxRecords: 4, strict: true }))).toEqual([0, 1, 2, 3]);
    expect(offsetsOf(await b.fetch({ partitions: [0] }))).toEqual([4, 5, 6, 7, 8, 9]);
    await first.kill();

    const said = ackOf(4, 8, ACCEPT, REJECT, RELEASE, RELEASE, RENEW);
    expect((await b.acknowledge({ 0: said }, { renews: true })).codes).toEqual([0]);
    expect((await b.fetch()).partitions).toMatchObject([{ offsets: [6, 7], deliveries: [2, 2] }]);
    expect((await b.acknowledge({ 0: ackOf(6, 9, ACCEPT) })).codes).toEqual([0]);
    // What the other one had is still locked.
    expect((await b.fetch()).partitions).toEqual([]);

    const moved = new ShareMember(await connect(second), { memberId: 'a', topicId });
    expect((await moved.fetch({ epoch: a.sessionEpoch })).errorCode).toBe(SESSION_NOT_FOUND);
    expect(offsetsOf(await moved.fetch({ partitions: [0] }))).toEqual([]);
    expect((await moved.acknowledge({ 0: ackOf(0, 1, ACCEPT) })).codes).toEqual([0]);

    const late = await b.fetch({ waitMs: 2 * LOCK_MS });
    expect(late.partitions).toMatchObject([{ offsets: [2, 3], deliveries: [2, 2], values: ['2', '3'] }]);
    expect((await moved.acknowledge({ 0: ackOf(2, 2, ACCEPT) })).codes).toEqual([INVALID_RECORD_STATE]);
    expect((await b.acknowledge({ 0: ackOf(2, 3, ACCEPT) })).codes).toEqual([0]);
    expect(await startAndLag(atSecond)).toEqual([[10n, 0n]]);
  });
});

/** Resolves with the topic's id. */
async function makeTopicAndConfigs(client: KafkaTestClient): Promise<string> {
  const topic = { name: 't', numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };
  const created = await client.request('CreateTopics', 7, { topics: [topic], timeoutMs: 10_000 });
  const configs = [
    { name: 'share.record.lock.duration.ms', configOperation: 0, value: String(LOCK_MS) },
    { name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' },
  ];
  const resources = [{ resourceType: GROUP_RESOURCE, resourceName: 'g', configs }];
  const altered = await client.request('IncrementalAlterConfigs', 1, { resources, validateOnly: false });
  expect([created.topics[0]?.errorCode, altered.responses[0]?.errorCode]).toEqual([0, 0]);
  return created.topics[0]?.topicId ?? '';
}

async function produce(client: KafkaTestClient, value: string): Promise<void> {
  const partitionData = [{ index: 0, records: batchOf(value) }];
  const request = { acks: -1, timeoutMs: 10_000, topicData: [{ name: 't', partitionData }] };
  const { responses } = await client.request('Produce', 9, request);
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
}

/** Joins, and is told from which partitions to fetch. */
async function partitionsOf(member: ShareMember): Promise<number[]> {
  const { assignment } = await member.beat({ subscribedTopicNames: ['t'] });
  return (assignment?.topicPartitions ?? []).flatMap(({ partitions }) => partitions);
}

function offsetsOf({ partitions }: Awaited<ReturnType<ShareMember['fetch']>>): number[] {
  return partitions.flatMap(({ offsets }) => offsets);
}

async function startAndLag(client: KafkaTestClient): Promise<bigint[][]> {
  const topics = [{ topicName: 't', partitions: [0] }];
  const { groups } = await client.request('DescribeShareGroupOffsets', 1, { groups: [{ groupId: 'g', topics }] });
  return groups.flatMap((group) =>
    group.topics.flatMap(({ partitions }) => partitions.map(({ startOffset, lag }) => [startOffset, lag])),
  );
}
