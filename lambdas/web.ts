/** The whole API as a Lambda Web Function: one HTTP server for all routes, which streams. */
import { mountApi } from '../lib/http/app.ts';
import { lambdaLimits } from '../lib/kernel/limits/lambda.ts';
import { createBackend } from './support/backend.ts';
import { deployedTargetPolicy } from './support/deployed-targets.ts';
import { runWeb } from './support/web-server.ts';

const draining = new AbortController();

const backend = () =>
  createBackend({
    service: 'millrace-web',
    routes: [mountApi],
    door: {
      streaming: true,
      liveTailMsMax: lambdaLimits.webLiveTailMsMax,
      draining: draining.signal,
      targetPolicy: deployedTargetPolicy(),
    },
  });

await runWeb(backend, draining);
