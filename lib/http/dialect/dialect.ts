/**
 * The REST dialect that Confluent REST Proxy v2, the Strimzi bridge, Karapace and Pandaproxy share, below `/`
 * (docs/rest-dialect.md). It is another way of speaking to the use cases that `/v1` speaks to, under the same keys.
 */
import type { Door } from '../door.ts';
import { mountDialectConsumers } from './consumers.ts';
import { mountDialectInfo } from './info.ts';
import { mountDialectMethods } from './mount.ts';
import { mountDialectProduce } from './produce.ts';
import { mountDialectTopics } from './topics.ts';

export function mountDialect(door: Door): void {
  mountDialectTopics(door);
  mountDialectProduce(door);
  mountDialectConsumers(door);
  mountDialectInfo(door);
  mountDialectMethods(door);
}
