import { describe, expect, it } from 'vitest';
import { Cluster } from '../../lib/kafka/cluster.ts';

const clusterOf = (count: number) =>
  new Cluster(
    'id',
    Array.from({ length: count }, (_, index) => ({ nodeId: index + 1, host: 'h', port: 9092 + index, rack: null })),
  );

const leaderOf = (cluster: Cluster, topicId: string, partition: number) =>
  cluster.replicasOf(topicId, partition, 1)[0]?.nodeId;

describe('the virtual brokers', () => {
  it('lead partitions in turn, from a place that follows from the topic', () => {
    const cluster = clusterOf(3);
    const leaders = Array.from({ length: 6 }, (_, partition) => leaderOf(cluster, 'topic', partition));
    expect(new Set(leaders.slice(0, 3))).toEqual(new Set([1, 2, 3]));
    expect(leaders.slice(3)).toEqual(leaders.slice(0, 3));
    const firsts = Array.from({ length: 50 }, (_, n) => leaderOf(cluster, `topic ${n}`, 0));
    expect(new Set(firsts)).toEqual(new Set([1, 2, 3]));
  });

  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [3, 9],
  ])('stand for the replicas of a partition, each once: %i of 3 for %i', (shown, replicationFactor) => {
    const cluster = clusterOf(3);
    const replicas = cluster.replicasOf('topic', 1, replicationFactor).map(({ nodeId }) => nodeId);
    expect(replicas[0]).toBe(leaderOf(cluster, 'topic', 1));
    expect(replicas).toHaveLength(shown);
    expect(new Set(replicas).size).toBe(shown);
  });
});

it('the virtual brokers are those of other processes as well, all in the order of their ids', () => {
  const own = { nodeId: 2, host: 'own', port: 1, rack: null };
  const cluster = new Cluster('id', [own]);
  cluster.meet([
    { nodeId: 3, host: 'c', port: 1, rack: 'z' },
    { nodeId: 2, host: 'someone else', port: 1, rack: null },
    { nodeId: 1, host: 'a', port: 1, rack: null },
  ]);
  expect(cluster.nodes.map(({ host }) => host)).toEqual(['a', 'own', 'c']);
  cluster.meet([]);
  expect(cluster.nodes).toEqual([own]);
});
