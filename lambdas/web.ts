/** The whole API as a Lambda Web Function: one HTTP server for all routes, which streams. */
import { mountFetch } from '../lib/http/native/fetch.ts';
import { mountGroups } from '../lib/http/native/groups.ts';
import { mountHealth } from '../lib/http/native/health.ts';
import { mountKeys } from '../lib/http/native/keys.ts';
import { mountOpenApi } from '../lib/http/native/openapi.ts';
import { mountProduce } from '../lib/http/native/produce.ts';
import { mountTopics } from '../lib/http/native/topics.ts';
import { mountTransactions } from '../lib/http/native/transactions.ts';
import { limits } from '../lib/kernel/limits.ts';
import { createBackend } from './support/backend.ts';
import { runWeb } from './support/web-server.ts';

const draining = new AbortController();

const backend = () =>
  createBackend({
    service: 'millrace-web',
    routes: [mountTopics, mountProduce, mountFetch, mountTransactions, mountGroups, mountKeys, mountHealth, mountOpenApi],
    door: { streaming: true, liveTailMsMax: limits.webLiveTailMsMax, draining: draining.signal },
  });

await runWeb(backend, draining);
