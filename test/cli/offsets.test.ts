import { beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../lib/client/client.ts';
import { runCli, startTestServer } from '../support/cli.ts';

const HOUR = 3_600_000;
let url: string;
let now: number;

beforeAll(async () => {
  ({ url } = await startTestServer());
  const client = createClient({ url });
  await client.topics.create('orders', { partitions: 3 });
  now = Date.now();
  await client.produce('orders', [
    { value: 'old', partition: 0, timestamp: now - 2 * HOUR },
    { value: 'new', partition: 0, timestamp: now },
    { value: 'old', partition: 2, timestamp: now - 2 * HOUR },
  ]);
});

const cli = (...args: string[]) => runCli(['offsets', 'orders', ...args], { url });

describe('offsets', () => {
  it('are where partitions begin and end', async () => {
    expect((await cli()).stdout).toBe(
      'PARTITION  EARLIEST  LATEST  RECORDS\n0          0         2       2\n1          0         0       0\n2          0         1       1\n',
    );
    expect((await cli('-p', '2', '--json')).stdout).toBe(
      '{"topic":"orders","partition":2,"earliest":0,"latest":1,"records":1}\n',
    );
  });

  it('are the first of a time or later', async () => {
    const time = new Date(now).toISOString();
    expect((await cli('--at', '@-1h')).stdout).toBe(
      `PARTITION  OFFSET  TIME\n0          1       ${time}\n1          none    none\n2          none    none\n`,
    );
    expect((await cli('--at', '@-3h', '-p', '0,1', '--json')).stdout).toBe(
      `{"topic":"orders","partition":0,"offset":0,"timestamp":${now - 2 * HOUR}}\n{"topic":"orders","partition":1,"offset":null,"timestamp":null}\n`,
    );
  });

  it('of partitions and topics that are not there are refused', async () => {
    expect(await cli('-p', '3')).toMatchObject({
      code: 1,
      stderr: 'millrace: The topic orders has no partition 3: it has 0 to 2.\n',
    });
    expect(await cli('--at', 'now')).toMatchObject({ code: 2 });
  });
});
