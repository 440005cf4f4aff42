/**
 * Structured logs and metrics (CloudWatch's embedded metric format), by Powertools.
 *
 * One line of metrics a request. Its dimensions have few values: the service, the route as the API documents it, and
 * for errors their code. What has many values (the correlation id, the status) is beside them as plain fields, so that
 * the same line is the request's log. Secrets, record contents, topics' names and headers are in neither.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { BrokerLog } from '../../lib/broker/broker-log.ts';
import type { BrokerMeter } from '../../lib/broker/broker-meter.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { errorCodeOf, routeLabel } from './route-label.ts';

export interface Telemetry {
  logger: Logger;
  metrics: Metrics;
  /** What use cases log to; names the request that is being served. */
  log: BrokerLog;
}

/** `service` where the platform gives the function no name of its own (POWERTOOLS_SERVICE_NAME). */
export function createTelemetry(service: string): Telemetry {
  const serviceName = process.env['POWERTOOLS_SERVICE_NAME'] ?? service;
  const namespace = process.env['POWERTOOLS_METRICS_NAMESPACE'] ?? 'Millrace';
  const logger = new Logger({ serviceName });
  const metrics = new Metrics({ serviceName, namespace });
  const withId = (facts: Record<string, unknown>) => ({ ...facts, correlation_id: serving.getStore()?.id });
  return {
    logger,
    metrics,
    log: {
      info: (message, facts) => logger.info(message, withId(facts)),
      warn: (message, facts) => logger.warn(message, withId(facts)),
      error: (message, facts) => logger.error(message, withId(facts)),
    },
  };
}

/** What a request has done so far. */
interface Served {
  /** The correlation id. */
  id: string;
  /** Its metrics are out; what it does from now on (a live tail, records sent with acks=none) counts as background. */
  metered: boolean;
  recordsProduced: number;
  bytesProduced: number;
  recordsFetched: number;
  bytesFetched: number;
}

const serving = new AsyncLocalStorage<Served>();

let background = nothingServed('background');

function nothingServed(id: string): Served {
  return { id, metered: false, recordsProduced: 0, bytesProduced: 0, recordsFetched: 0, bytesFetched: 0 };
}

function currentlyServed(): Served {
  const served = serving.getStore();
  return served === undefined || served.metered ? background : served;
}

/**
 * Counts for the request in whose asynchronous context it is called. What the maintenance counts, its own meter does.
 */
export const requestMeter: BrokerMeter = {
  produced: (records, bytes) => {
    const served = currentlyServed();
    served.recordsProduced += records;
    served.bytesProduced += bytes;
  },
  fetched: (records, bytes) => {
    const served = currentlyServed();
    served.recordsFetched += records;
    served.bytesFetched += bytes;
  },
  maintained: () => {},
};

export interface ServeOptions {
  telemetry: Telemetry;
  /** Names the request in every log line, and in the gateway's access log. */
  correlationId: string;
  request: Request;
  serve: (request: Request) => Promise<Response>;
  /**
   * Publishes the metrics as soon as they are added, with nothing awaited in between: where many requests are served at
   * once, a line must not get another request's. Otherwise whoever calls publishes.
   */
  publish?: boolean;
}

/** Serves one request and adds its metrics. */
export async function serveMetered({
  telemetry,
  correlationId,
  request,
  serve,
  publish,
}: ServeOptions): Promise<Response> {
  const served = nothingServed(correlationId);
  const startedMs = systemClock.monotonic();
  const response = await serving.run(served, () => serve(request));
  const code = await errorCodeOf(response);
  const latencyMs = systemClock.monotonic() - startedMs;
  addMetrics(telemetry.metrics, { request, status: response.status, code, latencyMs, served });
  served.metered = true;
  if (publish === true) {
    telemetry.metrics.publishStoredMetrics();
    publishBackground(telemetry);
  }
  return response;
}

/** Counts of what was done after or beside requests. */
export function publishBackground({ metrics }: Telemetry): void {
  const served = background;
  if (served.recordsProduced === 0 && served.recordsFetched === 0) return;
  background = nothingServed('background');
  metrics.addDimension('route', 'background');
  addCounts(metrics, served);
  metrics.publishStoredMetrics();
}

interface Facts {
  request: Request;
  status: number;
  code: string | undefined;
  latencyMs: number;
  served: Served;
}

function addMetrics(metrics: Metrics, { request, status, code, latencyMs, served }: Facts): void {
  metrics.addDimension('route', routeLabel(request.method, new URL(request.url).pathname));
  metrics.addMetric('Requests', MetricUnit.Count, 1);
  metrics.addMetric('Latency', MetricUnit.Milliseconds, Math.round(latencyMs * 10) / 10);
  addCounts(metrics, served);
  metrics.addMetadata('correlation_id', served.id);
  metrics.addMetadata('status', String(status));
  if (code === undefined) return;
  metrics.addMetadata('error_code', code);
  metrics.singleMetric().addDimension('code', code).addMetric('Errors', MetricUnit.Count, 1);
}

function addCounts(metrics: Metrics, served: Served): void {
  if (served.recordsProduced > 0) {
    metrics.addMetric('RecordsProduced', MetricUnit.Count, served.recordsProduced);
    metrics.addMetric('BytesProduced', MetricUnit.Bytes, served.bytesProduced);
  }
  if (served.recordsFetched > 0) {
    metrics.addMetric('RecordsFetched', MetricUnit.Count, served.recordsFetched);
    metrics.addMetric('BytesFetched', MetricUnit.Bytes, served.bytesFetched);
  }
}
