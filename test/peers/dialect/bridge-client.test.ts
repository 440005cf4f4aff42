import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { startServer } from '../../../lib/local/server.ts';
import { describeWithPeer } from '../support/peer.ts';

const PYTHON = join(import.meta.dirname, '../.venv/bin/python');
const missing = existsSync(PYTHON) ? undefined : 'kafka-bridge-client is not installed: run `npm run peers:python`';

describeWithPeer(missing)("an existing client of the bridge's API, unmodified", () => {
  test('writes, reads and commits', async () => {
    const server = await startServer(
      {
        host: '127.0.0.1',
        port: 0,
        storage: { kind: 'memory' },
        inlineBytesMax: storageLimits.inlineBytesMaxDefault,
        apiKeys: [],
        corsOrigins: [],
      },
      { clock: systemClock, random: systemRandom, log: { info: () => {}, warn: () => {}, error: () => {} } },
    );
    try {
      const body = JSON.stringify({ topic_name: 't' });
      const headers = { 'content-type': 'application/vnd.kafka.v2+json' };
      expect((await fetch(`${server.url}/admin/topics`, { method: 'POST', headers, body })).status).toBe(201);
      const script = join(import.meta.dirname, 'session.py');
      const { stdout } = await promisify(execFile)(PYTHON, [script, server.url, 't']);
      const hex = (text: string) => Buffer.from(text).toString('hex');
      expect(JSON.parse(stdout)).toEqual([
        [0, hex('"one"')],
        [1, hex('"two"')],
        [2, 'ff00'],
      ]);
      const committed = await (await fetch(`${server.url}/v1/groups/bridge-clients/offsets`)).json();
      expect(committed).toMatchObject({ offsets: [{ topic: 't', partition: 0, offset: 2 }] });
    } finally {
      await server.close();
    }
  });
});
