import { describe, expect, it } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';

describe('FindCoordinator', () => {
  it('names a virtual broker, the same whoever is asked', async () => {
    const { cluster, connect } = await gatewayWorld({ brokers: 3 });
    const [first, last] = [cluster.nodes[0]?.port, cluster.nodes[2]?.port];
    const names = ['orders', 'billing', 'tx-1', ''];
    const shared = [0, 1, 2].map((partition) => `orders:AAAAAAAAAAAAAAAAAAAAAQ:${partition}`);
    for (const [keyType, keys] of [names, names, shared].entries()) {
      const found = await Promise.all(
        [first, last].map(async (port) => {
          const client = await connect(port);
          return client.request('FindCoordinator', 6, { keyType, coordinatorKeys: keys });
        }),
      );
      expect(found[0]?.coordinators).toEqual(found[1]?.coordinators);
      for (const [at, coordinator] of (found[0]?.coordinators ?? []).entries()) {
        const node = cluster.nodes.find(({ nodeId }) => nodeId === coordinator.nodeId);
        expect(coordinator).toMatchObject({ key: keys[at], errorCode: 0, host: node?.host, port: node?.port });
      }
    }
  });

  it('spreads groups over the virtual brokers', async () => {
    const { connect } = await gatewayWorld({ brokers: 3 });
    const client = await connect();
    const coordinatorKeys = Array.from({ length: 100 }, (_, n) => `group-${n}`);
    const { coordinators } = await client.request('FindCoordinator', 4, { keyType: 0, coordinatorKeys });
    expect(new Set(coordinators.map(({ nodeId }) => nodeId))).toEqual(new Set([1, 2, 3]));
  });

  it('answers old clients, who ask for one', async () => {
    const { cluster, connect } = await gatewayWorld();
    const client = await connect();
    const { host, port } = cluster.nodes[0] as { host: string; port: number };
    expect(await client.request('FindCoordinator', 0, { key: 'g' })).toMatchObject({
      errorCode: 0,
      nodeId: 1,
      host,
      port,
    });
    expect(await client.request('FindCoordinator', 3, { key: 'tx', keyType: 1 })).toMatchObject({
      errorCode: 0,
      nodeId: 1,
    });
  });

  it('refuses share partitions that are none, and such keys in versions before there were any', async () => {
    const { connect } = await gatewayWorld();
    const client = await connect();
    const codeOf = async (version: number, key: string) =>
      (await client.request('FindCoordinator', version, { keyType: 2, coordinatorKeys: [key] })).coordinators[0]
        ?.errorCode;
    expect(await codeOf(6, 'g')).toBe(42);
    expect(await codeOf(6, 'g:AAAAAAAAAAAAAAAAAAAAAQ:x')).toBe(42);
    expect(await codeOf(5, 'g:AAAAAAAAAAAAAAAAAAAAAQ:0')).toBe(42);
    expect(await codeOf(6, 'g:AAAAAAAAAAAAAAAAAAAAAQ:0')).toBe(0);
    expect(await codeOf(6, ' :AAAAAAAAAAAAAAAAAAAAAQ:0')).toBe(42);
    expect(await codeOf(6, 'g:AAAAAAAAAAAAAAAAAAAAAQ:0:0')).toBe(42);
  });

  it('refuses long names of share partitions in time that grows with their length only', async () => {
    const { connect } = await gatewayWorld();
    const client = await connect();
    const coordinatorKeys = Array.from({ length: 500 }, () => 'x'.repeat(30_000));
    const { coordinators } = await client.request('FindCoordinator', 6, { keyType: 2, coordinatorKeys });
    expect(new Set(coordinators.map(({ errorCode }) => errorCode))).toEqual(new Set([42]));
  });

  it('refuses kinds of coordinators that there are not', async () => {
    const { connect } = await gatewayWorld();
    const client = await connect();
    expect(await client.request('FindCoordinator', 2, { key: 'g', keyType: 3 })).toMatchObject({
      errorCode: 42,
      nodeId: -1,
    });
    const { coordinators } = await client.request('FindCoordinator', 5, { keyType: -1, coordinatorKeys: ['g'] });
    expect(coordinators).toMatchObject([{ key: 'g', errorCode: 42, nodeId: -1 }]);
  });
});
