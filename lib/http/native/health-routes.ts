import { z } from '@hono/zod-openapi';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';

export const healthRoute = defineRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'checkHealth',
  summary: 'Whether storage answers',
  tag: 'health',
  access: 'open',
  params: z.object({}),
  query: z.object({}),
  answers: { 200: { description: 'It does', content: { [JSON_TYPE]: z.object({ status: z.literal('ok') }) } } },
  errors: [],
});
