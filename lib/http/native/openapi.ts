/** The API's own description, from the definitions that check its requests. Whole wherever it is served. */
import { OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import { jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { deleteRecordsRoute } from './delete-records-routes.ts';
import { createErasureRoute, deleteErasureRoute, describeErasureRoute, listErasuresRoute } from './erasures-routes.ts';
import { fetchRoute, listOffsetsRoute, planRoute, recordSchema } from './fetch-routes.ts';
import { commitOffsetsRoute, leaveGroupRoute, pollRoute } from './groups-poll-routes.ts';
import {
  deleteGroupRoute,
  describeGroupRoute,
  listCommittedOffsetsRoute,
  listGroupsRoute,
  resetOffsetsRoute,
} from './groups-routes.ts';
import { healthRoute } from './health-routes.ts';
import { createKeyRoute, deleteKeyRoute, listKeysRoute } from './keys-routes.ts';
import { mount } from './mount.ts';
import { produceResultSchema, produceRoute, produceToPartitionRoute } from './produce-routes.ts';
import { initProducerRoute } from './producers-routes.ts';
import { defineRoute } from './route.ts';
import {
  alterTopicRoute,
  createTopicRoute,
  deleteTopicRoute,
  describeTopicRoute,
  listTopicsRoute,
} from './topics-routes.ts';
import {
  abortTransactionRoute,
  addToTransactionRoute,
  commitTransactionRoute,
  describeTransactionRoute,
  initializeTransactionsRoute,
  transactRoute,
} from './transactions-routes.ts';
import {
  alterTriggerRoute,
  createTriggerRoute,
  deleteTriggerRoute,
  describeTriggerRoute,
  listTriggersRoute,
  replayTriggerRoute,
} from './triggers-routes.ts';

const openApiRoute = defineRoute({
  method: 'get',
  path: '/v1/openapi.json',
  operationId: 'describeApi',
  summary: 'This description (OpenAPI 3.1)',
  tag: 'health',
  access: 'any-key',
  params: z.object({}),
  query: z.object({}),
  answers: { 200: { description: 'The document', content: { 'application/json': z.record(z.string(), z.unknown()) } } },
  errors: [],
});

/** Every route of the native API. */
export const nativeRoutes: readonly { documentation: RouteConfig }[] = [
  createTopicRoute,
  listTopicsRoute,
  describeTopicRoute,
  alterTopicRoute,
  deleteTopicRoute,
  produceRoute,
  produceToPartitionRoute,
  initProducerRoute,
  fetchRoute,
  listOffsetsRoute,
  planRoute,
  deleteRecordsRoute,
  transactRoute,
  initializeTransactionsRoute,
  addToTransactionRoute,
  commitTransactionRoute,
  abortTransactionRoute,
  describeTransactionRoute,
  pollRoute,
  leaveGroupRoute,
  commitOffsetsRoute,
  listCommittedOffsetsRoute,
  resetOffsetsRoute,
  listGroupsRoute,
  describeGroupRoute,
  deleteGroupRoute,
  createTriggerRoute,
  listTriggersRoute,
  describeTriggerRoute,
  alterTriggerRoute,
  deleteTriggerRoute,
  replayTriggerRoute,
  createErasureRoute,
  listErasuresRoute,
  describeErasureRoute,
  deleteErasureRoute,
  createKeyRoute,
  listKeysRoute,
  deleteKeyRoute,
  healthRoute,
  openApiRoute,
];

export function mountOpenApi(door: Door): void {
  let text: string | undefined;
  mount(door, openApiRoute, async () => {
    text ??= JSON.stringify(openApiDocument(door.options.advertisedUrl));
    return jsonAnswer(text);
  });
}

export function openApiDocument(serverUrl?: string) {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  for (const { documentation } of nativeRoutes) registry.registerPath(documentation);
  // What lines consist of, which no route refers to.
  registry.register('ProduceResult', produceResultSchema);
  registry.register('Record', recordSchema);
  registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'basic', { type: 'http', scheme: 'basic' });
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version: '1',
      description:
        "Kafka's log as HTTP: topics, produce, fetch, transactions, consumer groups, triggers and erasures. See docs/http-api.md.",
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    security: [{ bearer: [] }, { basic: [] }],
    ...(serverUrl === undefined ? {} : { servers: [{ url: serverUrl }] }),
  });
}
