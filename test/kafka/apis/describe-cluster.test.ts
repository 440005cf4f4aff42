import { describe, expect, it } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';

describe('DescribeCluster', () => {
  it('answers the virtual brokers with their racks', async () => {
    const { cluster, connect } = await gatewayWorld({ brokers: 2, racks: ['a', 'b'] });
    const client = await connect();
    const answer = await client.request('DescribeCluster', 2, { includeClusterAuthorizedOperations: false });
    expect(answer).toMatchObject({
      errorCode: 0,
      clusterId: cluster.id,
      controllerId: 1,
      clusterAuthorizedOperations: -(2 ** 31),
      brokers: cluster.nodes.map(({ nodeId, host, port, rack }) => ({
        brokerId: nodeId,
        host,
        port,
        rack,
        isFenced: false,
      })),
    });
  });

  it('answers what may be done where it is asked: where nobody is asked who they are, all that Kafka knows', async () => {
    const { connect } = await gatewayWorld();
    const client = await connect();
    const answer = await client.request('DescribeCluster', 0, { includeClusterAuthorizedOperations: true });
    expect(answer.clusterAuthorizedOperations).toBe(8_096);
  });

  it('has no controllers, and no other endpoints', async () => {
    const { connect } = await gatewayWorld();
    const client = await connect();
    const ask = async (endpointType: number) =>
      (await client.request('DescribeCluster', 1, { includeClusterAuthorizedOperations: false, endpointType }))
        .errorCode;
    expect([await ask(2), await ask(3)]).toEqual([114, 115]);
  });
});
