/** Writing records: `POST …/records`, as JSON, lines of JSON and record batches. */
import { mountProduce } from '../lib/http/native/produce.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';

export const handler = apiHandler(createBackend({ service: 'millrace-produce', routes: [mountProduce] }));
