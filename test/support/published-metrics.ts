/** Metrics of Powertools, and the lines that they become. */
import { Metrics } from '@aws-lambda-powertools/metrics';
import { vi } from 'vitest';

/** Who calls it restores mocks and environment afterwards. */
export function publishedMetrics(serviceName: string): { metrics: Metrics; lines: Record<string, unknown>[] } {
  // Its own console otherwise, and no metrics where it is not said.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  const lines: Record<string, unknown>[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  return { metrics: new Metrics({ namespace: 'Millrace', serviceName }), lines };
}
