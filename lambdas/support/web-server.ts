/**
 * The HTTP door as a Lambda Web Function: a server on the address that the platform names, for many requests at once.
 *
 * SIGTERM comes about a second before the end. Then no new request is taken, those that wait for records are answered
 * at once, live tails end cleanly, what was accepted is stored, and the process ends with 0; whatever is not done by
 * then was never acknowledged.
 */
import type { Server } from 'node:http';
import { settled } from '../../lib/broker/broker.ts';
import { createHttpServer } from '../../lib/http/node-server.ts';
import { toHex } from '../../lib/kernel/bytes.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import type { Backend } from './backend.ts';
import { readHttpEndpoint } from './environment.ts';
import { publishBackground, serveMetered } from './telemetry.ts';

/**
 * Starts the server. `draining` is the controller of the door's signal. Where it cannot start, the process ends with a
 * sentence: Node's own report of an uncaught error begins with a line of the bundle, which is very long.
 */
export async function runWeb(backend: () => Backend, draining: AbortController): Promise<void> {
  try {
    await serveWeb(backend(), draining);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
}

async function serveWeb({ door, broker, telemetry }: Backend, draining: AbortController): Promise<void> {
  const { host, port } = readHttpEndpoint(process.env);
  const http = createHttpServer({
    app: {
      fetch: (request, env) =>
        serveMetered({
          telemetry,
          correlationId: correlationIdOf(request),
          request,
          serve: async () => door.app.fetch(request, env),
          publish: true,
        }),
    },
    clock: systemClock,
    random: systemRandom,
    log: telemetry.log,
  });
  await listening(http.server, host, port);
  process.once('SIGTERM', () => {
    draining.abort();
    const drained = http.close().then(() => settled(broker));
    void Promise.race([drained, systemClock.sleep(lambdaLimits.webDrainMsMax)]).finally(() => {
      publishBackground(telemetry);
      process.exit(0);
    });
  });
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

/** The platform's trace id, or one of our own. A client may send any, so only what looks like one is taken. */
function correlationIdOf(request: Request): string {
  const traceId = request.headers.get('x-amzn-trace-id') ?? '';
  return /^[\w=;:.-]{1,128}$/.test(traceId) ? traceId : toHex(systemRandom.bytes(16));
}
