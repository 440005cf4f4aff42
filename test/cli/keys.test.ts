import { beforeAll, expect, it } from 'vitest';
import { runCli, startTestServer } from '../support/cli.ts';

let url: string;

beforeAll(async () => {
  ({ url } = await startTestServer('--api-key', 'secret-secret-secret'));
});

const cli = (args: string[], key = 'secret-secret-secret') => runCli(args, { url, env: { MILLRACE_API_KEY: key } });

it('are created, used, listed and deleted', async () => {
  const { stdout } = await cli(['keys', 'create', '-s', 'produce,consume', '--topic-prefix', 'shop.', '--json']);
  const { id, secret, ...rest } = JSON.parse(stdout) as { id: string; secret: string };
  expect(rest).toEqual({
    scopes: ['produce', 'consume'],
    topic_prefix: 'shop.',
    created_at: expect.any(Number) as number,
  });
  await cli(['topics', 'create', 'shop.orders']);
  await cli(['topics', 'create', 'other']);
  expect((await cli(['topics', 'list', '--json'], secret)).stdout).toMatch(/^\{"name":"shop\.orders"[^\n]*\n$/);
  const listed = await cli(['keys', 'list']);
  expect(listed.stdout).toMatch(
    new RegExp(
      `^ID +SCOPES +TOPIC PREFIX +CREATED\n${id} +produce,consume +shop\\. +\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z\n$`,
    ),
  );
  expect(listed.stdout).not.toContain(secret);
  expect(await cli(['keys', 'delete', id])).toMatchObject({ code: 0, stderr: `The key ${id} is deleted.\n` });
  expect((await cli(['keys', 'list', '--json'])).stdout).toBe('');
  expect((await cli(['keys', 'delete', id])).code).toBe(1);
});

it('are shown to a person with their secret, once', async () => {
  expect((await cli(['keys', 'create', '-s', 'admin'])).stdout).toMatch(/^id      \w+\nsecret  \S+\nscopes  admin\n$/);
});

it('need an admin', async () => {
  const { stdout } = await cli(['keys', 'create', '-s', 'consume', '--json']);
  const { secret } = JSON.parse(stdout) as { secret: string };
  expect(await cli(['keys', 'list'], secret)).toMatchObject({ code: 1, stdout: '' });
});
