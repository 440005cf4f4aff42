/** Everything that reads and writes no records: topics, erasures, keys, the health check, the OpenAPI documents. */
import { mountDialectInfo } from '../lib/http/dialect/info.ts';
import { mountDialectMethods } from '../lib/http/dialect/mount.ts';
import { mountDialectTopics } from '../lib/http/dialect/topics.ts';
import { mountErasures } from '../lib/http/native/erasures.ts';
import { mountHealth } from '../lib/http/native/health.ts';
import { mountKeys } from '../lib/http/native/keys.ts';
import { mountOpenApi } from '../lib/http/native/openapi.ts';
import { mountTopics } from '../lib/http/native/topics.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';

const native = [mountTopics, mountErasures, mountKeys, mountHealth, mountOpenApi];
const dialect = [mountDialectTopics, mountDialectInfo, mountDialectMethods];

export const handler = apiHandler(createBackend({ service: 'millrace-topics', routes: [...native, ...dialect] }));
