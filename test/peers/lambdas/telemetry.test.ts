/** What a function writes: metrics with few dimensions, logs without secrets, traces when they are asked for. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ExecutionEnvironment } from '../support/execution-environment.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { httpApiEvent } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';

const ADMIN = `Basic ${Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64')}`;
const JSON_TYPE = { 'content-type': 'application/json' };

interface MetricLine {
  _aws: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [field: string]: unknown;
}

describeWithPeer(functionsMissing())('what a function writes', () => {
  let functions: Functions;
  let authorization: string;

  beforeAll(async () => {
    functions = await makeFunctions();
    const topics = await functions.start('topics');
    const call = (path: string, body: unknown) =>
      topics.invoke(
        httpApiEvent({
          method: 'POST',
          path,
          headers: { ...JSON_TYPE, authorization: ADMIN },
          body: JSON.stringify(body),
        }),
      );
    await call('/v1/topics', { name: 'secret-topic' });
    const key = await call('/v1/keys', { scopes: ['admin'] });
    const { secret } = JSON.parse((key as { payload: { body: string } }).payload.body) as { secret: string };
    authorization = `Bearer ${secret}`;
  });

  afterAll(() => functions?.close());

  function metricsOf(environment: ExecutionEnvironment): MetricLine[] {
    return environment
      .logs()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes('"_aws"'))
      .map((line) => JSON.parse(line) as MetricLine);
  }

  it('is one line of metrics a request, and one an error', async () => {
    const environment = await functions.start('produce');
    const body = JSON.stringify({ records: [{ value: 'a' }, { value: 'b' }] });
    const request = { method: 'POST', headers: { ...JSON_TYPE, authorization }, body };
    await environment.invoke(httpApiEvent({ ...request, path: '/v1/topics/secret-topic/records' }));
    await environment.invoke(httpApiEvent({ ...request, path: '/v1/topics/no-such-topic/records' }));
    await environment.invoke(httpApiEvent({ ...request, path: '/etc/passwd' }));
    const lines = metricsOf(environment);
    expect(lines.map(({ service, route, code }) => ({ service, route, code }))).toEqual([
      { service: 'millrace-produce', route: 'POST /v1/topics/{topic}/records', code: undefined },
      { service: 'millrace-produce', route: undefined, code: 'UNKNOWN_TOPIC_OR_PARTITION' },
      { service: 'millrace-produce', route: 'POST /v1/topics/{topic}/records', code: undefined },
      { service: 'millrace-produce', route: undefined, code: 'NOT_FOUND' },
      { service: 'millrace-produce', route: 'other', code: undefined },
    ]);
    expect(lines[0]).toMatchObject({
      Requests: 1,
      RecordsProduced: 2,
      correlation_id: 'JKJaXmPLvHcESHA=',
      status: '200',
    });
    expect(lines[0]?.['BytesProduced']).toBeGreaterThan(61);
    expect(lines[0]?.['Latency']).toBeGreaterThan(0);
    expect(lines[2]).toMatchObject({ status: '404', error_code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    for (const line of lines) {
      const [directive] = line._aws.CloudWatchMetrics;
      expect(directive?.Namespace).toBe('Millrace');
      expect(directive?.Dimensions).toEqual([line['code'] === undefined ? ['service', 'route'] : ['service', 'code']]);
    }
  });

  it('has no secret, no record and no topic, whatever Powertools is told', async () => {
    const verbose = { POWERTOOLS_LOGGER_LOG_EVENT: 'true', POWERTOOLS_LOG_LEVEL: 'DEBUG', POWERTOOLS_DEV: 'false' };
    const environment = await functions.start('produce', verbose);
    const path = '/v1/topics/secret-topic/records';
    for (const body of ['{"records":[{"value":"geheim"}]}', '{"records":[{"value":"geheim"}', '{"geheim":1}']) {
      await environment.invoke(httpApiEvent({ method: 'POST', path, headers: { ...JSON_TYPE, authorization }, body }));
    }
    const logs = environment.logs();
    expect(metricsOf(environment).length).toBeGreaterThan(0);
    for (const secret of ['geheim', authorization.slice('Bearer '.length), 'secret-topic']) {
      expect(logs).not.toContain(secret);
    }
  });

  it('is a trace with the calls to AWS in it, for requests that are sampled', async () => {
    const daemon = createSocket('udp4').bind(0, '127.0.0.1');
    await once(daemon, 'listening');
    const segments: string[] = [];
    daemon.on('message', (message) => segments.push(message.toString()));
    const environment = await functions.start('fetch', {
      AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${daemon.address().port}`,
    });
    const path = '/v1/topics/secret-topic/partitions/0/records?offset=earliest';
    const event = httpApiEvent({ method: 'GET', path, headers: { authorization } });
    const traced = (sampled: number) => ({
      traceId: `Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=${sampled}`,
    });
    await environment.invoke(event, traced(0));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(segments).toEqual([]);
    await environment.invoke(event, traced(1));
    await expect.poll(() => segments.join('\n')).toContain('## index.handler');
    await expect.poll(() => segments.join('\n')).toContain('"name":"DynamoDB"');
    expect(segments.join('\n')).not.toContain('"value"');
    daemon.close();
    await once(daemon, 'close');
  });
});
