/** Answers that Lambda passes on piece by piece, as web streams: what the platform calls response streaming. */
import { Readable } from 'node:stream';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import type { ApiHandlerOptions } from './api-handler.ts';

export const streamed: ApiHandlerOptions = {
  executionMode: executionModeStreamifyResponse,
  render: (response) => ({
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    // middy pipes a stream into Lambda's; the type knows of buffered answers only.
    body: (response.body === null ? '' : Readable.fromWeb(response.body)) as string,
  }),
};
