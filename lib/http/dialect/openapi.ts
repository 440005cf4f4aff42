/** The dialect's own description. Whole wherever it is served. */
import { OpenAPIHono } from '@hono/zod-openapi';
import {
  assignRoute,
  commitRoute,
  createConsumerRoute,
  deleteConsumerRoute,
  listSubscriptionsRoute,
  pollRoute,
  seekRoute,
  seekToBeginningRoute,
  seekToEndRoute,
  subscribeRoute,
  unsubscribeRoute,
} from './consumers-routes.ts';
import { healthyRoute, infoRoute, openApi3Route, openApiRoute, readyRoute } from './info-routes.ts';
import { sendRoute, sendToPartitionRoute } from './produce-routes.ts';
import { type DialectRoute, documentationOf } from './route.ts';
import {
  createTopicRoute,
  getOffsetsRoute,
  getPartitionRoute,
  getTopicRoute,
  listPartitionsRoute,
  listTopicsRoute,
} from './topics-routes.ts';

/** Of the published description that the dialect follows. */
export const DIALECT_VERSION = '0.1.0';

const dialectRoutes: readonly DialectRoute[] = [
  listTopicsRoute,
  getTopicRoute,
  sendRoute,
  listPartitionsRoute,
  getPartitionRoute,
  sendToPartitionRoute,
  getOffsetsRoute,
  createTopicRoute,
  createConsumerRoute,
  deleteConsumerRoute,
  subscribeRoute,
  listSubscriptionsRoute,
  unsubscribeRoute,
  assignRoute,
  pollRoute,
  commitRoute,
  seekRoute,
  seekToBeginningRoute,
  seekToEndRoute,
  healthyRoute,
  readyRoute,
  openApiRoute,
  openApi3Route,
  infoRoute,
];

export function dialectDocument(serverUrl?: string) {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  for (const route of dialectRoutes) registry.registerPath(documentationOf(route));
  registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'basic', { type: 'http', scheme: 'basic' });
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Millrace, in the dialect of REST Proxy v2',
      version: DIALECT_VERSION,
      description:
        'What Confluent REST Proxy v2, the Strimzi bridge, Karapace and Pandaproxy share. See docs/rest-dialect.md.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    security: [{ bearer: [] }, { basic: [] }],
    ...(serverUrl === undefined ? {} : { servers: [{ url: serverUrl }] }),
  });
}
