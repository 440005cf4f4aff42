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
  expect(waited.stderr).toMatch(new RegExp(`The erasure ${id} waits; nobody can read the records\\.\n$`));
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
  expect((await cli('erasures', 'create', 'nowhere', '--record-key', 'a')).code).toBe(1);
});
