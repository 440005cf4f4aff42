import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { type RunningServer, startServer } from '../../../lib/local/server.ts';
import { describeWithPeer } from '../support/peer.ts';
import { runSchemathesis, schemathesisMissing } from '../support/schemathesis.ts';
import { type Description, operationsOf, withDifferences, withNames } from './differences.ts';

const published = JSON.parse(readFileSync(join(import.meta.dirname, 'strimzi-bridge.json'), 'utf8')) as Description;

const API_KEY = 'a-secret-for-the-property-based-tester';
/** There are no metrics here. */
const NOT_SERVED = new Set(['metrics']);
/** What is there. */
const NAMES = { topicname: 'topic', groupid: 'my-group', name: 'my-consumer' };

const RUN_MS_MAX = 600_000;

describeWithPeer(schemathesisMissing())("the bridge's published description, by a property-based tester", () => {
  const faults: unknown[] = [];
  let server: RunningServer;

  const send = async (path: string, body: object, type = 'application/vnd.kafka.v2+json') => {
    const headers = { authorization: `Bearer ${API_KEY}`, 'content-type': type };
    const answer = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.ok, await answer.text()).toBe(true);
  };

  beforeAll(async () => {
    server = await startServer(
      {
        host: '127.0.0.1',
        port: 0,
        storage: { kind: 'memory' },
        inlineBytesMax: storageLimits.inlineBytesMaxDefault,
        apiKeys: [{ id: 'tester', secret: API_KEY }],
        corsOrigins: [],
      },
      {
        clock: systemClock,
        random: systemRandom,
        log: { info: () => {}, warn: () => {}, error: (...fault) => faults.push(fault) },
      },
    );
    // What the description's examples are about.
    for (const topic_name of ['my-topic', 'topic']) await send('/admin/topics', { topic_name, partitions_count: 3 });
    const records = [{ key: 'key1', value: 'value1' }, { value: 5 }];
    await send('/topics/topic', { records }, 'application/vnd.kafka.json.v2+json');
    const group = `/consumers/${NAMES.groupid}`;
    await send(group, { name: NAMES.name, format: 'json', 'auto.offset.reset': 'earliest' });
    await send(`${group}/instances/${NAMES.name}/subscription`, { topics: ['topic'] });
  });

  afterAll(() => server.close());

  const served = operationsOf(published)
    .map(({ operationId }) => operationId)
    .filter((id) => !NOT_SERVED.has(id));

  test(
    'holds for every operation that is served, with the differences that the docs list',
    async () => {
      const description = withNames(withDifferences(published), NAMES);
      const run = { url: server.url, apiKey: API_KEY, description, operations: served, seed: 20_261_122 };
      const { passed, requests, output } = await runSchemathesis({ ...run, examplesMax: 60 });
      expect(passed, output.slice(-20_000)).toBe(true);
      expect(requests).toBeGreaterThan(500);
      expect(faults).toEqual([]);
    },
    RUN_MS_MAX,
  );

  test(
    'would not hold without those differences: the tester finds them',
    async () => {
      const run = { url: server.url, apiKey: API_KEY, description: published, seed: 20_261_122, examplesMax: 20 };
      const { passed, output } = await runSchemathesis({ ...run, operations: ['createTopic', 'openapi'] });
      expect(passed).toBe(false);
      expect(output).toContain('Undocumented status code');
      expect(output).toContain('Response violates schema');
    },
    RUN_MS_MAX,
  );
});
