/** What the arguments select, how it is refused, and the help. */
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../lib/cli/commands.ts';
import { runCli, startTestServer } from '../support/cli.ts';

describe('help', () => {
  it('is what the program says without a command', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect([code, stderr]).toEqual([0, '']);
    for (const { name, about } of commands) expect(stdout).toMatch(new RegExp(`^  ${name} +${about}$`, 'm'));
    expect(stdout).toContain('millrace serve --help');
    for (const args of [['--help'], ['-h'], ['help']]) expect((await runCli(args)).stdout).toBe(stdout);
  });

  it.each(commands.map(({ name }) => name))('of %s has its flags and examples', async (name) => {
    const command = commands.find((one) => one.name === name);
    const { code, stdout, stderr } = await runCli([...name.split(' '), '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`millrace ${name}`);
    for (const flag of Object.keys(command?.flags ?? {})) expect(stdout).toContain(`--${flag}`);
    expect(command?.examples.length).toBeGreaterThan(0);
    for (const example of command?.examples ?? []) {
      expect(example.command).toContain(`millrace ${name}`);
      expect(stdout).toContain(`\n  ${example.command}\n`);
    }
    expect((await runCli(['help', ...name.split(' ')])).stdout).toBe(stdout);
  });

  it('of a word lists the commands that begin with it', async () => {
    const { stdout } = await runCli(['topics', '--help']);
    expect(stdout).toContain('topics create <topic>');
    expect(stdout).not.toContain('consume');
    expect((await runCli(['help', 'topics'])).stdout).toBe(stdout);
  });
});

it('says its version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

describe('arguments that cannot be meant', () => {
  it.each<[string[], string]>([
    [['fly'], 'there is no command "fly"; see millrace --help'],
    [['constructor'], 'there is no command "constructor"; see millrace --help'],
    [['--url', 'http://x', 'topics'], '--url comes before a command; flags follow it; see millrace --help'],
    [
      ['topics'],
      'millrace topics needs one of list, create, describe, alter, delete, delete-records; see millrace topics --help',
    ],
    [
      ['topics', 'fly'],
      'millrace topics has list, create, describe, alter, delete, delete-records, and no "fly"; see millrace topics --help',
    ],
    [['topics', 'create'], 'millrace topics create needs <topic>; see millrace topics create --help'],
    [['topics', 'create', 'a', 'b'], '"b" is one argument too many; see millrace topics create --help'],
    [['topics', 'create', ''], 'an argument is empty; see millrace topics create --help'],
    [['groups', 'describe', '..'], 'an argument is "..", which is no name; see millrace groups describe --help'],
    [['consume', 'orders', '-g', ''], '--group is empty; see millrace consume --help'],
    [['consume', 'orders', '-g', '.'], '--group is ".", which is no name; see millrace consume --help'],
    [
      ['topics', 'alter', 'a'],
      'there is nothing to change: give --partitions, --config or --delete-config; see millrace topics alter --help',
    ],
    [['topics', 'list', '--prot'], 'there is no flag --prot; see millrace topics list --help'],
    [
      ['topics', 'list', '--url', 'ftp://x'],
      '--url is "ftp://x", not a URL like http://127.0.0.1:8080; see millrace topics list --help',
    ],
    [
      ['topics', 'list', '--url', 'x'],
      '--url is "x", not a URL like http://127.0.0.1:8080; see millrace topics list --help',
    ],
    [
      ['consume', 'a', '--end', '--until', '3'],
      '--until and --end are both given: give one of them; see millrace consume --help',
    ],
    [
      ['consume', 'a', '--json', '-f', '%v'],
      '--template says all about the format: --format and --json do not go with it; see millrace consume --help',
    ],
    [['consume', 'a', '--json', '--format', 'text'], '--json is not --format text; see millrace consume --help'],
    [
      ['consume', 'a', '--json', '-k', ':'],
      '--key-separator goes with the formats text and base64 only; the others have the key; see millrace consume --help',
    ],
    [
      ['consume', 'a', '-p', 'x'],
      '--partition has "x", not a number from 0 to 9999, or a range of them like 0-5; see millrace consume --help',
    ],
    [
      ['produce', 'a', '--format', 'json', '-k', ':'],
      '--key-separator and --null-empty are for the formats text and base64: JSON says what is what; see millrace produce --help',
    ],
    [['produce', 'a', '-k', ''], '--key-separator is empty; see millrace produce --help'],
    [['produce', 'a', '--acks', '2'], '--acks is "2"; it is one of all, leader, none; see millrace produce --help'],
    [['produce', 'a', '-', '-'], '- is there twice; once is enough; see millrace produce --help'],
    [
      ['keys', 'create'],
      'a key needs at least one --scope: produce, consume or admin; see millrace keys create --help',
    ],
    [
      ['keys', 'create', '-s', 'read'],
      '--scope has "read"; it is one of produce, consume, admin; see millrace keys create --help',
    ],
  ])('are refused with a sentence and exit code 2: %j', async (args, sentence) => {
    expect(await runCli(args)).toEqual({ code: 2, stdout: '', stderr: `millrace: ${sentence}\n` });
  });

  it('come from variables too, and secrets are not repeated', async () => {
    expect((await runCli(['topics', 'list'], { env: { MILLRACE_URL: 'nowhere' } })).stderr).toContain(
      'MILLRACE_URL is "nowhere", not a URL',
    );
    const { code, stderr } = await runCli(['topics', 'list'], { env: { MILLRACE_API_KEY: 'geheim,other' } });
    expect(code).toBe(2);
    expect(stderr).toContain('MILLRACE_API_KEY is not one key, [id:]secret');
    expect(stderr).not.toContain('geheim');
  });
});

describe('failures', () => {
  it('say that there is no server, and why', async () => {
    const { code, stdout, stderr } = await runCli(['topics', 'list', '--url', 'http://127.0.0.1:9']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^millrace: There is no answer from http:\/\/127\.0\.0\.1:9 \(.+\): is the server running, and is --url right\?\n$/,
    );
  });

  it('are what the API says', async () => {
    const { url } = await startTestServer();
    expect(await runCli(['topics', 'describe', 'nope'], { url })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'millrace: There is no topic "nope".\n',
    });
  });
});

describe('where it goes', () => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await startTestServer('--api-key', 'ops:secret-secret-secret'));
  });

  it('needs the key, by flag, by the flag’s other name or by variable', async () => {
    expect(await runCli(['topics', 'list'], { url })).toMatchObject({
      code: 1,
      stderr: 'millrace: The request has no Authorization header. Give an API key with MILLRACE_API_KEY or --key.\n',
    });
    for (const flag of ['--key', '--api-key']) {
      expect((await runCli(['topics', 'list', flag, 'secret-secret-secret'], { url })).code).toBe(0);
    }
    const env = { MILLRACE_API_KEY: 'ops:secret-secret-secret' };
    expect((await runCli(['topics', 'list'], { url, env })).code).toBe(0);
    expect((await runCli(['topics', 'list', '--key', 'wrong'], { url, env })).code).toBe(1);
  });

  it('is what the flag says, before the variable', async () => {
    const env = { MILLRACE_URL: 'http://127.0.0.1:9', MILLRACE_API_KEY: 'secret-secret-secret' };
    expect((await runCli(['topics', 'list', '--url', url], { env })).code).toBe(0);
  });
});

it('ends quietly where nobody reads what it prints', async () => {
  const { url } = await startTestServer();
  const broken = new Writable({
    write: (_chunk, _encoding, callback) => callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
  });
  for (const args of [['topics', 'list'], ['--help'], ['--version']]) {
    expect(await runCli(args, { url, stdout: broken })).toMatchObject({ code: 0, stderr: '' });
  }
});
