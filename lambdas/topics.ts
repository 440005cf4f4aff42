/** Everything that is about no records: topics, keys, the health check, the OpenAPI document. */
import { mountHealth } from '../lib/http/native/health.ts';
import { mountKeys } from '../lib/http/native/keys.ts';
import { mountOpenApi } from '../lib/http/native/openapi.ts';
import { mountTopics } from '../lib/http/native/topics.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';

const routes = [mountTopics, mountKeys, mountHealth, mountOpenApi];

export const handler = apiHandler(createBackend({ service: 'millrace-topics', routes }));
