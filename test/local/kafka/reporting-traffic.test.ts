import { expect, it } from 'vitest';
import { GATEWAY_METRICS } from '../../../lib/kernel/gateway-metrics.ts';
import { reportTraffic } from '../../../lib/local/kafka/reporting-traffic.ts';
import { idle, ManualClock } from '../../support/manual-clock.ts';

const QUIET = { connections: 0, refused: 0, requests: 0, failed: 0, bytesIn: 0, bytesOut: 0, mutedMs: 0, byApi: {} };

it('says what has gone through, nothing of a time in which nobody was there, and the rest at the end', async () => {
  const clock = new ManualClock();
  const said: unknown[] = [];
  let report = QUIET;
  const log = { info: (_message: string, facts?: Record<string, unknown>) => void said.push(facts) };
  const ending = new AbortController();
  const gateway = { takeReport: () => report };
  const reporting = reportTraffic({ gateway, everyMs: 60_000, clock, log }, ending.signal);
  await clock.advance(60_000);
  expect(said).toEqual([]);
  report = { ...QUIET, connections: 2, requests: 7, byApi: { Fetch: 7 } };
  await clock.advance(59_999);
  expect(said).toEqual([]);
  await clock.advance(1);
  const { byApi, ...counts } = report;
  expect(said).toEqual([{ kafka: { ...counts, memoryBytes: expect.any(Number) }, byApi }]);
  const [{ kafka }] = said as [{ kafka: Record<string, number> }];
  expect(Object.keys(kafka).toSorted()).toEqual(Object.keys(GATEWAY_METRICS).toSorted());
  ending.abort();
  await reporting;
  expect(said).toHaveLength(2);
  await idle();
});
