/** The command line as a process: pipes, signals and the end of both. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../lib/client/client.ts';
import { startTestServer } from '../support/cli.ts';
import { cleanUp, LocalProcess } from '../support/local-process.ts';

const ENTRY = join(import.meta.dirname, '../../lib/local/millrace.ts');
const command = [process.execPath, ENTRY];

let url: string;
let client: MillraceClient;

beforeAll(async () => {
  ({ url } = await startTestServer());
  client = createClient({ url });
});

afterEach(cleanUp);

const start = (...args: string[]) => new LocalProcess(args, { command, env: { MILLRACE_URL: url } });

/** A line of bash, in which `millrace` is the command line. */
async function shell(line: string): Promise<string> {
  const script = `set -o pipefail; millrace() { "${process.execPath}" "${ENTRY}" "$@"; }; ${line}`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], {
    env: { ...process.env, MILLRACE_URL: url },
  });
  return stderr + stdout;
}

describe('pipes', () => {
  it('bring records in and out', async () => {
    await client.topics.create('piped');
    expect(await shell("printf 'a\\nb\\n' | millrace produce piped")).toBe('2 records are written to piped.\n');
    expect(await shell('millrace consume piped --end | sort -r')).toBe('b\na\n');
  });

  it('that end early end it quietly, with 0', async () => {
    await client.topics.create('long');
    expect(await shell('seq 200000 | millrace produce long -q; millrace consume long | head -n 2')).toBe('1\n2\n');
  });

  it('give the exit code', async () => {
    expect(await shell('millrace topics delete nope 2>&1; echo $?')).toBe('millrace: There is no topic "nope".\n1\n');
    expect(await shell('millrace fly 2>/dev/null; echo $?')).toBe('2\n');
  });
});

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('end following with 0: %s', async (signal) => {
    const topic = `followed-${signal}`;
    await client.topics.create(topic);
    await client.produce(topic, [{ value: 'a' }]);
    const process = start('consume', topic);
    while (!process.stdout.includes('a\n')) await new Promise(setImmediate);
    expect(await process.stop(signal)).toEqual({ code: 0, signal: null });
    expect(process.stderr).toBe('');
  });

  it('end writing with 130, when what was read is written', async () => {
    await client.topics.create('typed');
    const process = start('produce', 'typed');
    process.child.stdin?.write('a\nb\n');
    const values = async () => (await client.fetch('typed', 0, { offset: 0 })).records.map(({ value }) => value);
    while ((await values()).length < 2);
    expect(await process.stop('SIGINT')).toEqual({ code: 130, signal: null });
    expect(process.stderr).toBe('millrace: Interrupted; 2 records are written to typed.\n');
    expect(await values()).toEqual(['a', 'b']);
  });
});

it('prints help without a command, and serves with its own flags', async () => {
  expect(await shell('millrace')).toContain('topics create');
  const local = new LocalProcess(['serve', '--port', '0', '--data', ':memory:'], { command });
  const other = createClient({ url: await local.url() });
  expect(await other.topics.list()).toEqual({ topics: [] });
  expect(await local.stop()).toEqual({ code: 0, signal: null });
  expect(await shell('millrace serve --help')).toContain('--port <port>');
  expect(await shell('millrace gateway --help')).toContain('--kafka-port <port>');
});
