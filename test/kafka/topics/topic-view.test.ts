import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { describeTopic } from '../../../lib/broker/topics/describe-topic.ts';
import { makeProcess, makeReplicas } from '../../support/replica-world.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

async function replicatedTopic(brokers: number) {
  const { broker } = makeProcess(await makeReplicas());
  await createTopic(broker, { name: 't', partitions: 4, replicationFactor: 3, config: { 'ledger.partitions': 1 } });
  const { connect } = await gatewayWorld({ broker, brokers });
  const client = await connect();
  const partitions = async () => (await client.request('Metadata', 12, { topics: null })).topics[0]?.partitions ?? [];
  return { broker, partitions };
}

describe('a topic with several replicas', () => {
  it('shows as many brokers for each partition, the leader first', async () => {
    const { partitions } = await replicatedTopic(5);
    const found = await partitions();
    expect(found).toHaveLength(4);
    for (const { leaderId, replicaNodes, isrNodes } of found) {
      expect(replicaNodes[0]).toBe(leaderId);
      expect(new Set(replicaNodes).size).toBe(3);
      expect(isrNodes).toEqual(replicaNodes);
    }
  });

  it('shows no brokers that are not there', async () => {
    const { partitions } = await replicatedTopic(2);
    for (const { replicaNodes } of await partitions()) expect(replicaNodes.toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  it('says the leader epoch where the process has seen it', async () => {
    const { broker, partitions } = await replicatedTopic(1);
    const { topicId, partitionDetails } = await describeTopic(broker, 't');
    expect((await partitions()).map(({ leaderEpoch }) => leaderEpoch)).toEqual([-1, -1, -1, -1]);
    await broker.heads.strong({ topicId, index: 2 });
    const seen = partitionDetails[2]?.leaderEpoch;
    expect((await partitions()).map(({ leaderEpoch }) => leaderEpoch)).toEqual([-1, -1, seen, -1]);
  });
});
