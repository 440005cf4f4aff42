import { beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runCli, startTestServer } from '../support/cli.ts';

let url: string;

beforeAll(async () => {
  ({ url } = await startTestServer());
});

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { url });

async function topic(name: string): Promise<void> {
  await cli('topics', 'create', name, '-p', '2');
  const records = [0, 1, 2, 3].map((at) => ({ partition: at % 2, timestamp: 1_600_000_000_000 + at * 1_000 }));
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}/v1/topics/${name}/records`, { method: 'POST', headers, body: JSON.stringify({ records }) });
}

describe('deleting records', () => {
  it('is of named partitions where it is before an offset', async () => {
    await topic('by-offset');
    const refused = await cli('topics', 'delete-records', 'by-offset', '--before-offset', '1');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('needs --partition') as string });
    expect(await cli('topics', 'delete-records', 'by-offset', '-p', '1', '--before-offset', '1')).toEqual({
      code: 0,
      stdout: 'PARTITION  START\n1          1\n',
      stderr: '',
    });
  });

  it('is of all partitions where it is before a time or the end', async () => {
    await topic('by-time');
    expect((await cli('topics', 'delete-records', 'by-time', '--before-time', '@1600000001500', '--json')).stdout).toBe(
      '{"topic":"by-time","partition":0,"log_start_offset":1}\n{"topic":"by-time","partition":1,"log_start_offset":1}\n',
    );
    for (const end of ['latest', '-1']) {
      expect(await cli('topics', 'delete-records', 'by-time', '--before-offset', end)).toMatchObject({
        code: 0,
        stdout: 'PARTITION  START\n0          2\n1          2\n',
      });
    }
  });

  it('fails where a partition does, and says how far the others came', async () => {
    await topic('partly');
    await fetch(`${url}/v1/topics/partly/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ records: [{ partition: 1 }] }),
    });
    expect(await cli('topics', 'delete-records', 'partly', '-p', '0,1', '--before-offset', '3')).toEqual({
      code: 1,
      stdout: 'PARTITION  START\n0          failed\n1          3\n',
      stderr: expect.stringContaining('its high watermark is 2') as string,
    });
  });

  it.each([
    [[], 'give one of --before-offset and --before-time'],
    [['--before-offset', '1', '--before-time', '@0'], 'give one of'],
    [['--before-offset', 'some'], 'not an offset or latest'],
    [['--before-time', 'yesterday'], 'not a time'],
  ])('refuses %j', async (flags, reason) => {
    const refused = await cli('topics', 'delete-records', 't', ...flags);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(reason) as string });
  });
});
