/**
 * Reading records: `GET …/records`, `…/offsets` and `…/plan`. Behind an HTTP API, which buffers, live tails are
 * answered like long polls; behind a function URL in mode RESPONSE_STREAM (MILLRACE_STREAMING=true) answers are
 * streamed.
 */
import { mountFetch } from '../lib/http/native/fetch.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';
import { streamed } from './support/streaming.ts';

const backend = createBackend({ service: 'millrace-fetch', routes: [mountFetch] });

export const handler = apiHandler(backend, backend.environment.streaming ? streamed : {});
