/** What the dialect says of the server itself. */
import { z } from '@hono/zod-openapi';
import { JSON_TYPE } from '../media-type.ts';
import { type DialectRoute, defineDialectRoute } from './route.ts';
import { bridgeInfoSchema } from './schemas.ts';

const document = {
  200: { description: 'The document', types: [JSON_TYPE], schema: z.record(z.string(), z.unknown()) },
};

export const infoRoute = defineDialectRoute({
  method: 'get',
  path: '/',
  operationId: 'info',
  summary: 'The version of the dialect',
  access: 'open',
  answers: { 200: { description: 'The version', types: [JSON_TYPE], schema: bridgeInfoSchema } },
  errors: [],
});

export const healthyRoute = healthRoute('/healthy', 'healthy');
export const readyRoute = healthRoute('/ready', 'ready');

function healthRoute(path: '/healthy' | '/ready', operationId: string): DialectRoute {
  return defineDialectRoute({
    method: 'get',
    path,
    operationId,
    summary: 'Whether storage answers',
    access: 'open',
    answers: { 200: { description: 'It does' }, 500: { description: 'It does not' } },
    errors: [],
  });
}

export const openApiRoute = defineDialectRoute({
  method: 'get',
  path: '/openapi',
  operationId: 'openapi',
  summary: 'This description (OpenAPI 3.1)',
  access: 'any-key',
  answers: document,
  errors: [],
});

export const openApi3Route = defineDialectRoute({
  method: 'get',
  path: '/openapi/v3',
  operationId: 'openapiv3',
  summary: 'This description (OpenAPI 3.1)',
  access: 'any-key',
  answers: document,
  errors: [],
});
