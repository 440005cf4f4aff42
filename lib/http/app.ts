/** The whole HTTP API as one app. A Lambda function mounts what it needs onto a door of its own. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { createDoor, type DoorEnv, type DoorOptions } from './door.ts';
import { mountFetch } from './native/fetch.ts';
import { mountGroups } from './native/groups.ts';
import { mountHealth } from './native/health.ts';
import { mountKeys } from './native/keys.ts';
import { mountObjects } from './native/objects.ts';
import { mountOpenApi } from './native/openapi.ts';
import { mountProduce } from './native/produce.ts';
import { mountTopics } from './native/topics.ts';
import { mountTransactions } from './native/transactions.ts';

export function createApp(options: DoorOptions): OpenAPIHono<DoorEnv> {
  const door = createDoor(options);
  mountTopics(door);
  mountProduce(door);
  mountFetch(door);
  mountTransactions(door);
  mountGroups(door);
  mountObjects(door);
  mountKeys(door);
  mountHealth(door);
  mountOpenApi(door);
  return door.app;
}
