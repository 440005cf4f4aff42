import { Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { type Clock, systemClock } from '../../../lib/kernel/clock.ts';
import { cliLimits } from '../../../lib/kernel/limits/cli.ts';
import { type CliOptions, runCli, startCli, startTestServer } from '../../support/cli.ts';
import { cleanUp, temporaryDirectory } from '../../support/local-process.ts';

const HOUR = 3_600_000;
let url: string;
let client: MillraceClient;

beforeAll(async () => {
  ({ url } = await startTestServer());
  client = createClient({ url });
});

const consume = (args: string[], options: CliOptions = {}) => runCli(['consume', ...args], { url, ...options });
const lines = async (...args: string[]) => (await consume(args)).stdout.split('\n').slice(0, -1);

async function topicOf(name: string, values: readonly (readonly string[])[]): Promise<void> {
  await client.topics.create(name, { partitions: values.length });
  const records = values.flatMap((own, partition) => own.map((value) => ({ key: `k-${value}`, value, partition })));
  if (records.length > 0) await client.produce(name, records);
}

describe('what is there', () => {
  const all = ['a0', 'a1', 'a2', 'a3', 'b0', 'b1'];

  beforeAll(() => topicOf('there', [['a0', 'a1', 'a2', 'a3'], ['b0', 'b1'], []]));

  it('is read to its end, each partition in its order', async () => {
    const read = await lines('there', '--end');
    expect(read.toSorted()).toEqual(all);
    for (const letter of ['a', 'b']) {
      expect(read.filter((line) => line.startsWith(letter))).toEqual(all.filter((line) => line.startsWith(letter)));
    }
    expect(await lines('there', '--until', 'end', '--from', 'beginning', '-p', '0')).toEqual(['a0', 'a1', 'a2', 'a3']);
  });

  it.each([
    [
      ['-o', '2', '-p', '0'],
      ['a2', 'a3'],
    ],
    [
      ['--from', '-1'],
      ['a3', 'b1'],
    ],
    [['--from', '-100'], all],
    [['--from', 'latest'], []],
    [['--from', '@-1h'], all],
    [
      ['-p', '1,2'],
      ['b0', 'b1'],
    ],
    [
      ['-p', '0', '-c', '2'],
      ['a0', 'a1'],
    ],
    [['-c', '100'], all],
  ])('is read from where it is asked for: %j', async (args, expected) => {
    expect((await lines('there', '--end', ...args)).toSorted()).toEqual(expected);
  });

  it('ends before an offset, and at a count over all partitions', async () => {
    expect((await lines('there', '--until', '2', '-p', '0,1')).toSorted()).toEqual(['a0', 'a1', 'b0', 'b1']);
    expect(await lines('there', '--count', '5')).toHaveLength(5);
  });

  it('is shown with keys, as base64, as JSON and by a template', async () => {
    expect(await lines('there', '-e', '-p', '1', '-k', '\\t')).toEqual(['k-b0\tb0', 'k-b1\tb1']);
    expect(await lines('there', '-e', '-p', '1', '--format', 'base64', '-K', ' ')).toEqual([
      'ay1iMA== YjA=',
      'ay1iMQ== YjE=',
    ]);
    const [first = ''] = await lines('there', '-e', '-p', '1', '--json');
    expect(JSON.parse(first)).toMatchObject({
      topic: 'there',
      partition: 1,
      offset: 0,
      key: 'k-b0',
      value: 'b0',
      headers: [],
    });
    expect(await lines('there', '-e', '-p', '1', '--format', 'json')).toHaveLength(2);
    expect((await consume(['there', '-e', '-p', '1', '-f', '%p:%o=%v;'])).stdout).toBe('1:0=b0;1:1=b1;');
  });

  it('is refused where there is no such offset, partition or topic', async () => {
    expect(await consume(['there', '--end', '--from', '9', '-p', '0'])).toMatchObject({ code: 0, stdout: '' });
    expect(await consume(['there', '--from', '9', '-p', '0'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('9') as string,
    });
    expect(await consume(['there', '-p', '3'])).toMatchObject({ code: 1 });
    expect(await consume(['nope'])).toEqual({ code: 1, stdout: '', stderr: 'millrace: There is no topic "nope".\n' });
  });
});

it('reads more than one answer holds, through a slow reader, once and in order', async () => {
  await client.topics.create('much');
  const producer = client.producer<string, string>();
  const values = Array.from({ length: 25_000 }, (_, index) => `${index}`.padStart(100, '.'));
  for (const value of values) void producer.send({ topic: 'much', records: [{ value }] });
  await producer.close();
  const chunks: Buffer[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, callback) => {
      chunks.push(chunk);
      setImmediate(callback);
    },
  });
  expect(await consume(['much', '--end'], { stdout: slow })).toMatchObject({ code: 0, stderr: '' });
  expect(chunks.length).toBeGreaterThan(1);
  expect(Buffer.concat(chunks).toString('utf8')).toBe(values.map((value) => `${value}\n`).join(''));
});

describe('times', () => {
  const now = Date.now();

  beforeAll(async () => {
    await client.topics.create('timed', { partitions: 2 });
    const at = (value: string, partition: number, hoursAgo: number) => ({
      value,
      partition,
      timestamp: now - hoursAgo * HOUR,
    });
    await client.produce('timed', [at('a', 0, 5), at('b', 0, 3), at('c', 0, 1), at('d', 1, 4)]);
  });

  it('begin with the first record of the time or later, and end before it', async () => {
    const span = ['--from', `@${now - 4 * HOUR}`, '--until', `@${now - 2 * HOUR}`];
    expect((await lines('timed', ...span)).toSorted()).toEqual(['b', 'd']);
    expect((await lines('timed', '--until', `@${now - 3 * HOUR}`)).toSorted()).toEqual(['a', 'd']);
  });

  it('in the future end when they come', async () => {
    const begun = Date.now();
    expect((await lines('timed', '--until', `@${begun + 300}`)).toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(300);
  });
});

describe('following', () => {
  it('goes on with what comes, and ends with 0 where it is interrupted', async () => {
    await topicOf('followed', [['first'], []]);
    const interrupt = new AbortController();
    const cli = startCli(['consume', 'followed'], { url, interruption: interrupt.signal });
    await cli.prints('first\n');
    await client.produce('followed', [{ value: 'second', partition: 1 }]);
    await cli.prints('second\n');
    await client.produce('followed', [{ value: 'third', partition: 0 }]);
    await cli.prints('third\n');
    interrupt.abort();
    expect(await cli.result).toEqual({ code: 0, stdout: 'first\nsecond\nthird\n', stderr: '' });
  });

  it('ends with 0 where it is interrupted before it has begun', async () => {
    expect(await consume(['followed'], { interruption: AbortSignal.abort() })).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends at its count, also when that comes later', async () => {
    await topicOf('counted', [['a'], []]);
    const cli = startCli(['consume', 'counted', '-c', '2'], { url });
    await cli.prints('a\n');
    await client.produce('counted', [{ value: 'b', partition: 1 }]);
    expect(await cli.result).toMatchObject({ code: 0, stdout: 'a\nb\n' });
  });

  it('reads from the end what is written after it began, and nothing twice or less', async () => {
    await topicOf('ends', [['old']]);
    const interrupt = new AbortController();
    const cli = startCli(['consume', 'ends', '--from', 'latest'], { url, interruption: interrupt.signal });
    // Until it is seen to be there, one after the other.
    let written = 0;
    const seen = cli.prints('\n').then(() => true);
    while (!(await Promise.race([seen, writeOne()]))) written++;
    await cli.prints(`${written}\n`);
    interrupt.abort();
    const read = (await cli.result).stdout.split('\n').slice(0, -1).map(Number);
    expect(read.length).toBeGreaterThan(0);
    expect(read).toEqual(Array.from({ length: read.length }, (_, index) => (read[0] ?? 0) + index));

    async function writeOne(): Promise<boolean> {
      await client.produce('ends', [{ value: String(written) }]);
      return false;
    }
  });

  it('ends with 1 where the topic is deleted', async () => {
    await topicOf('passing', [['x']]);
    const cli = startCli(['consume', 'passing'], { url });
    await cli.prints('x\n');
    await client.topics.delete('passing');
    expect(await cli.result).toMatchObject({ code: 1, stdout: 'x\n' });
  });

  it('outlasts a server that is gone for a while, and says so', async () => {
    const data = await temporaryDirectory();
    const first = await startTestServer('--data', data);
    const port = new URL(first.url).port;
    const writer = createClient({ url: first.url });
    await writer.topics.create('kept');
    await writer.produce('kept', [{ value: 'before' }]);
    const interrupt = new AbortController();
    const cli = startCli(['consume', 'kept'], { url: first.url, interruption: interrupt.signal });
    await cli.prints('before\n');
    await first.close();
    await cli.says('It is asked again until it answers.');
    await startTestServer('--data', data, '--port', port);
    await writer.produce('kept', [{ value: 'after' }]);
    await cli.prints('after\n');
    interrupt.abort();
    const { code, stdout, stderr } = await cli.result;
    expect([code, stdout]).toEqual([0, 'before\nafter\n']);
    expect(stderr).toMatch(
      /^millrace: There is no answer from \S+ \(.*\): .*\nmillrace: The server answers again\.\n$/,
    );
    await cleanUp();
  });

  it('finds partitions that are added', async () => {
    await topicOf('grows', [['a']]);
    const interrupt = new AbortController();
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) => systemClock.sleep(ms === cliLimits.cliTopicRefreshMs ? 5 : ms, signal),
    };
    const cli = startCli(['consume', 'grows', '--from', 'latest'], { url, interruption: interrupt.signal, clock });
    await client.topics.alter('grows', { partitions: 3 });
    await client.produce('grows', [{ value: 'new', partition: 2 }]);
    await cli.prints('new\n');
    interrupt.abort();
    expect((await cli.result).code).toBe(0);
  });

  it('reads more partitions than it polls at a time', async () => {
    const values = Array.from({ length: 100 }, (_, partition) => [`p${partition}`]);
    await topicOf('wide', values);
    const interrupt = new AbortController();
    const cli = startCli(['consume', 'wide'], { url, interruption: interrupt.signal });
    for (const [value] of values) await cli.prints(`${value}\n`);
    await client.produce('wide', [{ value: 'late', partition: 99 }]);
    await cli.prints('late\n');
    interrupt.abort();
    expect((await cli.result).stdout.trim().split('\n').toSorted()).toEqual([...values.flat(), 'late'].toSorted());
  });
});
