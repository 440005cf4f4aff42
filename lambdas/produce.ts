/** Writing records: `POST …/records`, as JSON, lines of JSON and record batches; and transactions. */
import { mountDialectProduce } from '../lib/http/dialect/produce.ts';
import { mountProduce } from '../lib/http/native/produce.ts';
import { mountProducers } from '../lib/http/native/producers.ts';
import { mountTransactions } from '../lib/http/native/transactions.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';

const routes = [mountProduce, mountProducers, mountTransactions, mountDialectProduce];

export const handler = apiHandler(createBackend({ service: 'millrace-produce', routes }));
