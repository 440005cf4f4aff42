import { beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runCli, startTestServer } from '../support/cli.ts';

let url: string;

beforeAll(async () => {
  ({ url } = await startTestServer());
});

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { url });
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await cli(...args, '--json')).stdout);

describe('topics', () => {
  it('are created, described, altered, listed and deleted', async () => {
    expect(await cli('topics', 'create', 'orders', '-p', '2', '-c', 'retention.ms=60000')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'The topic orders is there, with 2 partitions.\n',
    });
    expect((await cli('topics', 'describe', 'orders')).stdout).toMatch(
      new RegExp(
        [
          '^topic       orders',
          'id          [\\w-]{22}',
          'partitions  2',
          'replicas    1',
          'config      retention.ms=60000',
          '',
          'PARTITION  START  END  LEADER  IN SYNC',
          '0          0      0    0       0',
          '1          0      0    0       0',
          '$',
        ].join('\n'),
      ),
    );
    const altered = ['topics', 'alter', 'orders', '-p', '3', '-c', 'segment.ms=7', '--delete-config', 'retention.ms'];
    expect(await json(...altered)).toMatchObject({ name: 'orders', partitions: 3, config: { 'segment.ms': '7' } });
    expect(await json('topics', 'describe', 'orders')).toMatchObject({
      topic_id: expect.any(String) as string,
      replication_factor: 1,
      partition_details: [0, 1, 2].map((partition) => ({
        partition,
        leader: 0,
        leader_epoch: expect.any(Number) as number,
        replicas: [0],
        isr: [0],
        log_start_offset: 0,
        high_watermark: 0,
      })),
    });
    expect((await cli('topics', 'list')).stdout).toBe('TOPIC   PARTITIONS  REPLICAS\norders  3           1\n');
    expect(await cli('topics', 'delete', 'orders')).toMatchObject({
      code: 0,
      stderr: 'The topic orders is deleted.\n',
    });
    expect((await cli('topics', 'list')).stdout).toBe('TOPIC  PARTITIONS  REPLICAS\n');
  });

  it('that are there are left alone where that is asked for, and refused else', async () => {
    expect((await cli('topics', 'create', 'twice', '--if-not-exists')).code).toBe(0);
    expect(await cli('topics', 'create', 'twice', '-p', '2', '--if-not-exists')).toMatchObject({
      code: 0,
      stderr: 'The topic twice is there already.\n',
    });
    expect(await cli('topics', 'create', 'twice')).toMatchObject({
      code: 1,
      stderr: 'millrace: There is a topic "twice" already.\n',
    });
    expect(await json('topics', 'describe', 'twice')).toMatchObject({ partitions: 1, config: {} });
  });

  it('that are not there can be deleted where that is asked for, and others beside them', async () => {
    await cli('topics', 'create', 'a');
    expect(await cli('topics', 'delete', 'nope')).toMatchObject({
      code: 1,
      stderr: 'millrace: There is no topic "nope".\n',
    });
    expect((await cli('topics', 'delete', 'nope', 'a', '--if-exists', '--json')).stdout).toBe(
      '{"name":"nope","deleted":false}\n{"name":"a","deleted":true}\n',
    );
  });

  it('with a config that there is not are refused in the words of the API', async () => {
    const { code, stderr } = await cli('topics', 'create', 'bad', '-c', 'retention=1');
    expect(code).toBe(1);
    expect(stderr).toContain('retention');
  });

  it('are listed beyond one page', async () => {
    const names = Array.from({ length: 1_005 }, (_, index) => `many-${String(index).padStart(4, '0')}`);
    for (const name of names) {
      const body = JSON.stringify({ name });
      await fetch(`${url}/v1/topics`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    }
    const { stdout } = await cli('topics', 'list', '--json');
    const listed = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { name: string }).name);
    expect(listed.filter((name) => name.startsWith('many-'))).toEqual(names);
    expect((await cli('topics', 'list')).stdout.split('\n').filter((line) => line.startsWith('many-'))).toHaveLength(
      1_005,
    );
  });
});
