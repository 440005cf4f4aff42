import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { type CliResult, runCli, startTestServer } from '../support/cli.ts';

let url: string;

beforeAll(async () => {
  ({ url } = await startTestServer());
});

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { url });

async function orders(topic: string): Promise<void> {
  await cli('topics', 'create', topic, '-p', '1');
  const records = [
    { key: 'a', value: 1 },
    { key: 'b', value: 2, headers: { user: 'x=y' } },
  ];
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}/v1/topics/${topic}/records`, { method: 'POST', headers, body: JSON.stringify({ records }) });
}

it('are created, waited for, shown, listed and forgotten', async () => {
  await orders('orders');
  const created = await cli('erasures', 'create', 'orders', '--record-key', 'a');
  expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{20}\n$/) as string });
  const id = created.stdout.trim();
  const waited = await cli('erasures', 'wait', id, '--unreadable');
  expect(waited.code).toBe(0);
  const report = 'nobody can read the records: 1 record removed, 1 segment rewritten';
  expect(waited.stderr).toMatch(new RegExp(`The erasure ${id} waits; ${report}\\.\n$`));
  const consumed = await cli('consume', 'orders', '--from', 'earliest', '--end', '--json');
  expect(consumed.stdout).toMatch(/^\{[^\n]*"key":"b"[^\n]*\n$/);
  const described = await cli('erasures', 'describe', id);
  expect(described.stdout).toMatch(/^erasure +[0-9a-f]{20}\nstate +waiting\ntopics +orders\nby +key\n/);
  expect(described.stdout).toMatch(/\norders +0 +2 +2 +1 +1\n$/);
  expect((await cli('erasures', 'list')).stdout).toMatch(
    new RegExp(`^ERASURE +STATE +TOPICS +BY +CREATED\n${id} +waiting +orders +key +\\S+Z\n$`),
  );
  expect(await cli('erasures', 'delete', id)).toMatchObject({ code: 0, stderr: `The erasure ${id} is forgotten.\n` });
  expect((await cli('erasures', 'list', '--json')).stdout).toBe('');
  expect((await cli('erasures', 'describe', id)).code).toBe(1);
}, 60_000);

it('are by header and pattern too, and of nothing that cannot be meant', async () => {
  await orders('more');
  const { stdout } = await cli('erasures', 'create', '--topic-pattern', 'mor.', '-H', 'user=x=y', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ topic_pattern: 'mor.', match: { kind: 'header', header: 'user' } });
  for (const args of [[], ['more'], ['more', '--record-key', 'a', '-H', 'user=x'], ['more', '-H', 'user']]) {
    expect(await cli('erasures', 'create', ...args)).toMatchObject({ code: 2, stdout: '' });
  }
  // What a variable of the shell is that is not set.
  for (const args of [
    ['--record-key', ''],
    ['-H', 'user='],
    ['-H', '=x'],
  ]) {
    expect(await cli('erasures', 'create', 'more', ...args)).toMatchObject({ code: 2, stdout: '' });
  }
  for (const topics of [['nowhere'], ['--topic-pattern', 'nowhere.*']]) {
    expect(await cli('erasures', 'create', ...topics, '--record-key', 'a')).toMatchObject({ code: 1, stdout: '' });
  }
});

it('are told of while they go on, and what they came to', async () => {
  const partition = { topic: 't', partition: 0, end_offset: 2, records_removed: 1, segments_rewritten: 1 };
  const erasure = { id: 'e', topics: ['t'], match: { kind: 'key' }, created_at: 0, objects_deleted: 0, problems: [] };
  const counts = { records_removed: 1, segments_rewritten: 1 };
  const answers = [
    { ...erasure, ...counts, state: 'running', partitions: [{ ...partition, erased_offset: 1 }] },
    {
      ...erasure,
      ...counts,
      state: 'waiting',
      complete_after: 3_600_000,
      problems: ['A replica is away.'],
      partitions: [],
    },
    { ...erasure, ...counts, state: 'done', objects_deleted: 2, partitions: [] },
  ];
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answers.shift()));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const waited = await runCli(['erasures', 'wait', 'e'], { url: `http://127.0.0.1:${port}` });
    expect(waited).toMatchObject({ code: 0, stdout: '' });
    expect(waited.stderr.trimEnd().split('\n')).toEqual([
      'e: running, 0 of 1 partition looked at; 1 record removed',
      'e: waiting, until 1970-01-01T01:00:00.000Z at least; 1 record removed',
      'A replica is away.',
      'The erasure e is done: 1 record removed, 1 segment rewritten, 2 objects deleted.',
    ]);
  } finally {
    server.close();
  }
}, 30_000);
