/** The whole HTTP API as one app. A Lambda function mounts what it needs onto a door of its own. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { mountDialect } from './dialect/dialect.ts';
import { createDoor, type Door, type DoorEnv, type DoorOptions } from './door.ts';
import { mountDeleteRecords } from './native/delete-records.ts';
import { mountErasures } from './native/erasures.ts';
import { mountFetch } from './native/fetch.ts';
import { mountGroups } from './native/groups.ts';
import { mountHealth } from './native/health.ts';
import { mountKeys } from './native/keys.ts';
import { mountObjects } from './native/objects.ts';
import { mountOpenApi } from './native/openapi.ts';
import { mountProduce } from './native/produce.ts';
import { mountProducers } from './native/producers.ts';
import { mountTopics } from './native/topics.ts';
import { mountTransactions } from './native/transactions.ts';
import { mountTriggers } from './native/triggers.ts';

export function createApp(options: DoorOptions): OpenAPIHono<DoorEnv> {
  const door = createDoor(options);
  mountApi(door);
  mountObjects(door);
  return door.app;
}

/** All but the objects' own URLs, which are those of the storage where that is in the cloud. */
export function mountApi(door: Door): void {
  mountTopics(door);
  mountProduce(door);
  mountProducers(door);
  mountFetch(door);
  mountDeleteRecords(door);
  mountTransactions(door);
  mountGroups(door);
  mountTriggers(door);
  mountErasures(door);
  mountKeys(door);
  mountHealth(door);
  mountOpenApi(door);
  mountDialect(door);
}
