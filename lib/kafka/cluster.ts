/**
 * The cluster that clients see. Every process of the gateway answers for every partition and group; since clients want
 * brokers, it names some: virtual ones, each an address. Which of them "leads" a partition or "coordinates" a group
 * only spreads the clients' connections. They are this process's own, and those of other processes that are known to be
 * there (`meet`).
 */

import { assert } from '../kernel/assert.ts';
import { utf8 } from '../kernel/bytes.ts';
import { murmur2 } from '../kernel/murmur2.ts';

export interface VirtualBroker {
  nodeId: number;
  /** Where clients reach it. */
  host: string;
  port: number;
  rack: string | null;
}

export class Cluster {
  readonly id: string;
  readonly #own: readonly VirtualBroker[];
  #nodes: readonly VirtualBroker[];

  /** `id`: Kafka's text form of a UUID. `own`: of this process, at least one. */
  constructor(id: string, own: readonly VirtualBroker[]) {
    assert(own.length > 0, 'a cluster has a node');
    this.id = id;
    this.#own = own;
    this.#nodes = own;
  }

  /** In the order of their ids, which is the same to all processes. */
  get nodes(): readonly VirtualBroker[] {
    return this.#nodes;
  }

  /**
   * Beside this process's own there are these. One that has the id of an own one is left out: a process answers for
   * what it is itself.
   */
  meet(others: readonly VirtualBroker[]): void {
    const ids = new Set(this.#own.map(({ nodeId }) => nodeId));
    this.#nodes = [...this.#own, ...others.filter(({ nodeId }) => !ids.has(nodeId))].sort(
      (a, b) => a.nodeId - b.nodeId,
    );
  }

  /**
   * The leader and the brokers after it: one for each replica, or all of them where there are fewer. Neighbouring
   * partitions have different leaders, where there are several brokers.
   */
  replicasOf(topicId: string, partition: number, replicationFactor: number): VirtualBroker[] {
    const leader = hash(topicId) + partition;
    const count = Math.min(replicationFactor, this.#nodes.length);
    return Array.from({ length: count }, (_, after) => this.#at(leader + after));
  }

  /** `key`: a group's id, or a transactional id. */
  coordinatorOf(key: string): VirtualBroker {
    return this.#at(hash(key));
  }

  /**
   * Whether the node coordinates this group or transactional id. Clients ask every broker for lists of these and put
   * the answers together, so that each broker has to list its own only.
   */
  isCoordinator({ nodeId }: VirtualBroker, key: string): boolean {
    return this.coordinatorOf(key).nodeId === nodeId;
  }

  get controller(): VirtualBroker {
    return this.#at(0);
  }

  #at(index: number): VirtualBroker {
    return this.#nodes[index % this.#nodes.length] as VirtualBroker;
  }
}

function hash(text: string): number {
  return murmur2(utf8(text)) >>> 1;
}
