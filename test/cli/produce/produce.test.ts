import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { type Clock, systemClock } from '../../../lib/kernel/clock.ts';
import { cliLimits } from '../../../lib/kernel/limits/cli.ts';
import { type CliOptions, runCli, startCli, startTestServer } from '../../support/cli.ts';
import { cleanUp, temporaryDirectory } from '../../support/local-process.ts';

let url: string;
let client: MillraceClient;
let topic: string;
let topics = 0;

beforeAll(async () => {
  ({ url } = await startTestServer());
  client = createClient({ url });
});

afterEach(cleanUp);

const produce = (args: string[], stdin: CliOptions['stdin'], options: CliOptions = {}) =>
  runCli(['produce', topic, ...args], { url, stdin, ...options });

async function newTopic(partitions = 1, config: Record<string, number> = {}): Promise<void> {
  topic = `topic-${topics++}`;
  await client.topics.create(topic, { partitions, config });
}

async function read(partition = 0) {
  return (await client.fetch(topic, partition, { offset: 'earliest', maxRecords: 10_000 })).records;
}

const values = async (partition = 0) => (await read(partition)).map(({ value }) => value);

describe('lines', () => {
  it('are written in their order, and counted', async () => {
    await newTopic();
    expect(await produce([], 'a\nb\n\nc')).toEqual({
      code: 0,
      stdout: '',
      stderr: `4 records are written to ${topic}.\n`,
    });
    expect(await values()).toEqual(['a', 'b', '', 'c']);
    expect((await read()).map(({ key }) => key)).toEqual([null, null, null, null]);
  });

  it('go by their keys, where all tools put them', async () => {
    await newTopic(4);
    expect(await produce(['-k', ':', '-H', 'source=test', '--quiet'], 'ada:1\nbob:2\nada:3\n')).toMatchObject({
      stderr: '',
    });
    for (const key of ['ada', 'bob']) {
      const [sent] = await client.produce(topic, [{ key, value: 'server' }]);
      const own = await read((sent as { partition: number }).partition);
      expect(own.filter((record) => record.key === key).map(({ value }) => value)).toEqual(
        key === 'ada' ? ['1', '3', 'server'] : ['2', 'server'],
      );
      expect(own.find((record) => record.key === key)?.headers).toEqual([{ key: 'source', value: 'test' }]);
    }
  });

  it('go to one partition where that is asked for', async () => {
    await newTopic(3);
    await produce(['-p', '2', '--batch', '1', '--linger', '0', '--acks', 'leader'], 'a\nb\n');
    expect(await values(2)).toEqual(['a', 'b']);
  });

  it('may be bytes, base64, JSON and null', async () => {
    await newTopic();
    await produce([], Uint8Array.of(0xff, 0, 0x0a));
    await produce(['--format', 'base64'], '/wA=\n');
    await produce(['--format', 'json'], '{"value":{"n":1.50}}\n\n  \r\n{"key":"k","timestamp":7}\n');
    await produce(['-k', ':', '-Z'], 'k:\n');
    expect(await read()).toMatchObject([
      { value: Uint8Array.of(0xff, 0) },
      { value: Uint8Array.of(0xff, 0) },
      { value: '{"n":1.50}' },
      { key: 'k', value: null, timestamp: 7 },
      { key: 'k', value: null },
    ]);
  });

  it('are summed up for programs', async () => {
    await newTopic(2);
    const { stdout, stderr } = await produce(
      ['--format', 'json', '--json'],
      '{"partition":1}\n{"partition":1}\n{"partition":0}\n',
    );
    expect(JSON.parse(stdout)).toEqual({
      topic,
      written: 3,
      refused: 0,
      failed: 0,
      partitions: [
        { partition: 0, records: 1, first_offset: 0, last_offset: 0 },
        { partition: 1, records: 2, first_offset: 0, last_offset: 1 },
      ],
    });
    expect(stderr).toBe('');
    const sent = await produce(['--acks', 'none', '--json', '-p', '0'], 'a\n');
    expect(JSON.parse(sent.stdout)).toMatchObject({ written: 1, partitions: [{ partition: 0, records: 1 }] });
  });

  it('may be none', async () => {
    await newTopic();
    expect(await produce([], '')).toMatchObject({ code: 0, stderr: `0 records are written to ${topic}.\n` });
  });
});

describe('files', () => {
  it('are read one after the other, with what is piped in where - stands', async () => {
    await newTopic();
    const [a, b] = [await file('a', 'a1\na2'), await file('b', 'b1\nb2')];
    await produce([a, '-', b], 'piped');
    expect(await values()).toEqual(['a1', 'a2', 'piped', 'b1', 'b2']);
  });

  it('that cannot be read are refused before anything is written', async () => {
    await newTopic();
    const a = await file('a', 'a');
    const { code, stderr } = await produce([a, '/nowhere/b'], '');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^millrace: \/nowhere\/b cannot be read: ENOENT.*\n$/);
    expect((await produce([await temporaryDirectory()], '')).stderr).toContain('cannot be read: EISDIR');
    expect(await values()).toEqual([]);
  });

  it('name their lines', async () => {
    await newTopic();
    const path = await file('a', 'x:1\nbad\n');
    expect((await produce([path, '-k', ':'], '')).stderr).toBe(
      `millrace: ${path}:2: has no ":" between key and value\nmillrace: 1 line refused; 1 record is written to ${topic}.\n`,
    );
  });

  async function file(name: string, text: string): Promise<string> {
    const path = join(await temporaryDirectory(), name);
    await writeFile(path, text);
    return path;
  }
});

describe('lines that cannot be written', () => {
  it('are refused by number, and the others are written', async () => {
    await newTopic(1, { 'max.message.bytes': 1_000 });
    const long = 'x'.repeat(2_000);
    const { code, stderr } = await produce([], `a\n${long}\nb\n${long}\nc\n`);
    expect(code).toBe(1);
    expect(stderr.split('\n').map((line) => line.slice(0, 17))).toEqual([
      'millrace: line 2:',
      'millrace: line 4:',
      'millrace: 2 lines',
      '',
    ]);
    expect(stderr).toContain('1000');
    expect(stderr).toContain(`2 lines refused; 3 records are written to ${topic}.`);
    expect(await values()).toEqual(['a', 'b', 'c']);
  });

  it('for being longer than any topic takes are not kept in memory', async () => {
    await newTopic();
    const chunk = Buffer.alloc(1_024 * 1_024, 'x');
    const stdin = Readable.from(
      (function* () {
        yield Buffer.from('a\n');
        for (let count = 0; count < 64; count++) yield chunk;
        yield Buffer.from('\nb\n');
      })(),
    );
    const { code, stderr } = await produce([], stdin);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `millrace: line 2: is longer than ${cliLimits.cliLineBytesMax} bytes, more than any topic takes\n`,
    );
    expect(await values()).toEqual(['a', 'b']);
  });

  it('are only counted when they are many', async () => {
    await newTopic();
    const { stderr } = await produce(['--format', 'json'], `${'bad\n'.repeat(1_000)}{"value":1}\n`);
    const said = stderr.trim().split('\n');
    expect(said).toHaveLength(cliLimits.cliRefusalsShown + 2);
    expect(said.at(-2)).toBe('millrace: further lines are refused, and only counted');
    expect(said.at(-1)).toBe(`millrace: 1,000 lines refused; 1 record is written to ${topic}.`);
  });
});

describe('what ends it', () => {
  it('is a topic that is not there, though the input goes on', async () => {
    const stdin = new Readable({ read: () => {} });
    stdin.push('a\n');
    expect(await runCli(['produce', 'nope'], { url, stdin })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'millrace: There is no topic "nope". 0 records are written to nope.\n',
    });
  });

  it('is an interrupt: what was read is written', async () => {
    await newTopic();
    const interrupt = new AbortController();
    const stdin = new Readable({ read: () => {} });
    stdin.push('a\nb\nhalf a li');
    const running = produce(['--linger', '0'], stdin, { interruption: interrupt.signal });
    while ((await values()).length < 2);
    interrupt.abort();
    expect(await running).toEqual({
      code: 130,
      stdout: '',
      stderr: `millrace: Interrupted; 2 records are written to ${topic}.\n`,
    });
    expect(await values()).toEqual(['a', 'b']);
  });

  it('is an input that breaks: what was read is written', async () => {
    await newTopic();
    const stdin = Readable.from(
      (function* () {
        yield Buffer.from('a\n');
        throw new Error('the disk is gone');
      })(),
    );
    expect(await produce([], stdin)).toMatchObject({
      code: 1,
      stderr: 'millrace: The input cannot be read: the disk is gone.\n',
    });
    expect(await values()).toEqual(['a']);
  });
});

it('reads no more of an endless input than it can write', async () => {
  const refusal = Promise.withResolvers<void>();
  // Describes the topic, and answers nothing else until it is told to.
  const stuck = createServer((request, response) => {
    const answer = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
    if (request.method === 'GET')
      answer(200, { name: 't', topic_id: '', partitions: 1, config: {}, partition_details: [] });
    else if (request.url === '/v1/producers') answer(201, { producer_id: 1, producer_epoch: 0 });
    else
      void refusal.promise.then(() =>
        answer(403, { status: 403, code: 'FORBIDDEN', retriable: false, effect: 'none' }),
      );
  }).listen(0, '127.0.0.1');
  await once(stuck, 'listening');
  const chunk = Buffer.from('0123456789\n'.repeat(1_000));
  let pulled = 0;
  const enough = Promise.withResolvers<void>();
  const stdin = new Readable({
    read() {
      pulled += chunk.length;
      if (pulled > 300_000) enough.resolve();
      this.push(chunk);
    },
  });
  const { port } = stuck.address() as AddressInfo;
  const running = runCli(['produce', 't'], { url: `http://127.0.0.1:${port}`, stdin });
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
  };
  // Short lines take more memory than they have bytes, and count so.
  await enough.promise;
  await turns(500);
  expect(pulled).toBeLessThan(1_000_000);
  refusal.resolve();
  expect(await running).toMatchObject({ code: 1, stderr: 'millrace: FORBIDDEN. 0 records are written to t.\n' });
  stuck.closeAllConnections();
  stuck.close();
});

it('copies a topic byte for byte', async () => {
  await newTopic(3);
  const bytes = Uint8Array.of(0xff, 0, 10);
  await client.produce(topic, [
    {
      key: bytes,
      value: bytes,
      headers: [
        { key: 'h', value: bytes },
        { key: 'h', value: null },
      ],
      partition: 0,
    },
    { key: 'null', value: '"text"', partition: 1 },
    { key: null, value: null, partition: 1, timestamp: 7 },
    { key: '1.50', value: ' {"b":1,"a":123456789012345678901234567890}\n', partition: 2 },
  ]);
  const { stdout } = await runCli(['consume', topic, '--end', '--json'], { url });
  const original = topic;
  await newTopic(3);
  expect((await produce(['--format', 'json'], stdout)).code).toBe(0);
  for (const partition of [0, 1, 2]) {
    const [before, after] = await Promise.all(
      [original, topic].map((name) => client.fetch(name, partition, { offset: 0, as: 'bytes' })),
    );
    expect(after?.records).toEqual(before?.records);
  }
});

it('says how far it is while it takes long, and no more than that it is done where it is quiet', async () => {
  await newTopic();
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => systemClock.sleep(ms === cliLimits.cliProgressMs ? 5 : ms, signal),
  };
  for (const quiet of [false, true]) {
    const stdin = new Readable({ read: () => {} });
    stdin.push('a\nb\n');
    const cli = startCli(['produce', topic, ...(quiet ? ['-q'] : [])], { url, stdin, clock });
    const written = quiet ? 4 : 2;
    while ((await values()).length < written);
    if (!quiet) await cli.says('/s\n');
    stdin.push(null);
    expect((await cli.result).stderr).toMatch(quiet ? /^$/ : /^2 records, [\d,]+\/s\n2 records are written to .*\n$/);
  }
});
