import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rangesOf } from '../../../lib/cli/groups/groups.ts';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { type CliResult, runCli, startTestServer } from '../../support/cli.ts';

let url: string;
let client: MillraceClient;
let group: string;
let topic: string;
let tests = 0;

beforeAll(async () => {
  ({ url } = await startTestServer());
  client = createClient({ url });
});

beforeEach(async () => {
  group = `billing-${++tests}`;
  topic = `orders-${tests}`;
  await client.topics.create(topic, { partitions: 2 });
  await client.produce(
    topic,
    Array.from({ length: 20 }, (_, n) => ({ value: n, partition: n % 2, timestamp: 1_700_000_000_000 + n * 1_000 })),
  );
});

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { url });

/** With one space between columns, and the topic of the test as "orders". */
function squeezed(stdout: string): string {
  return stdout.replaceAll(topic, 'orders').replaceAll(/ +/g, ' ');
}

/** A group that has read so many records, and has no members. */
async function read(count: number): Promise<void> {
  const consumer = client.consumer({ group, topics: [topic], autoOffsetReset: 'earliest', commit: 'manual' });
  let seen = 0;
  for await (const record of consumer.records()) {
    await record.commit();
    if (++seen === count) break;
  }
  await consumer.close();
}

describe('groups', () => {
  it('are listed, described with their lag, and deleted', async () => {
    await read(20);
    await client.produce(topic, [{ value: 'x', partition: 1 }]);
    expect((await cli('groups', 'list')).stdout).toMatch(new RegExp(`^GROUP +STATE +MEMBERS\n${group} +Empty  0\n`));
    const { stdout } = await cli('groups', 'describe', group);
    expect(stdout).toMatch(new RegExp(`^group +${group}\nstate +Empty\ngeneration +\\d+\n`));
    expect(squeezed(stdout)).toContain(
      '\nlag 1\n\nTOPIC PARTITION COMMITTED END LAG MEMBER\norders 0 10 10 0\norders 1 10 11 1\n',
    );
    expect(await cli('groups', 'delete', group)).toMatchObject({ code: 0, stderr: `The group ${group} is deleted.\n` });
    expect((await cli('groups', 'describe', group)).code).toBe(1);
  });

  it('show who owns what', async () => {
    const consumer = client.consumer({
      group,
      topics: [topic],
      instanceId: 'worker-1',
      autoOffsetReset: 'earliest',
    });
    await consumer.records().next();
    const { stdout } = await cli('groups', 'describe', group);
    expect(squeezed(stdout)).toMatch(/\nMEMBER CLIENT OWNS\nworker-1 \S+ orders 0-1\n/);
    expect(squeezed(stdout)).toMatch(/\norders 1 none \d+ \d+ worker-1\n/);
    const described = JSON.parse((await cli('groups', 'describe', group, '--json')).stdout) as Record<string, unknown>;
    expect(described).toMatchObject({ group, state: 'Stable', members: [{ instance_id: 'worker-1' }] });
    expect((await cli('groups', 'delete', group)).stderr).toContain('members');
    await consumer.close();
  });
});

describe('a reset', () => {
  it('says what it would do, and does it when told to', async () => {
    await read(20);
    const dry = await cli('groups', 'reset', group, '--to', 'earliest');
    expect(squeezed(dry.stdout)).toBe('TOPIC PARTITION COMMITTED WOULD BE\norders 0 10 0\norders 1 10 0\n');
    expect(dry.stderr).toBe('Nothing is changed. With --execute it is.\n');
    expect((await client.committedOffsets(group)).map(({ offset }) => offset)).toEqual([10, 10]);
    const done = await cli('groups', 'reset', group, '--to', 'earliest', '--execute');
    expect(done.stderr).toBe(`The group ${group} goes on there in 2 partitions.\n`);
    expect((await client.committedOffsets(group)).map(({ offset }) => offset)).toEqual([0, 0]);
  });

  it.each<[string[], (number | null)[]]>([
    [
      ['--shift', '-3'],
      [7, 7],
    ],
    [['--to', '4', '-t', 'orders', '-p', '1'], [4]],
    [
      ['--to', '@1700000006000', '-t', 'orders'],
      [3, 3],
    ],
    [['--shift', '1', '-t', 'orders', '-p', '0'], [10]],
  ])('goes %j', async (args, offsets) => {
    await read(20);
    const { stdout, code } = await cli(
      'groups',
      'reset',
      group,
      ...args.map((arg) => (arg === 'orders' ? topic : arg)),
      '--json',
    );
    expect(code).toBe(0);
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { offset: number; executed: boolean });
    expect(rows.map(({ offset }) => offset)).toEqual(offsets);
    expect(rows.every(({ executed }) => !executed)).toBe(true);
  });

  it('is refused where nobody can say what is meant', async () => {
    expect(await cli('groups', 'reset', group)).toMatchObject({ code: 2 });
    expect(await cli('groups', 'reset', group, '--to', 'latest', '--shift', '1')).toMatchObject({ code: 2 });
    expect(await cli('groups', 'reset', group, '--to', 'yesterday')).toMatchObject({ code: 2 });
    expect(await cli('groups', 'reset', group, '--to', 'latest', '-p', '0')).toMatchObject({ code: 2 });
    const nothing = await cli('groups', 'reset', group, '--to', 'latest');
    expect(nothing).toMatchObject({ code: 1 });
    expect(nothing.stderr).toContain('has committed nothing');
  });
});

it('writes partitions as ranges', () => {
  expect(rangesOf([3, 0, 1, 2, 7, 9, 8])).toBe('0-3,7-9');
  expect(rangesOf([5])).toBe('5');
});
