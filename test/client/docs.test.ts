/** The programs of docs/client.md are the files in `examples/`, and they run. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consumerSettings } from '../../lib/client/consumer/options.ts';
import { settingsOf } from '../../lib/client/producer/options.ts';
import { readerSettings } from '../../lib/client/reader/options.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { createLogger } from '../../lib/local/logger.ts';
import { parseCommand } from '../../lib/local/options.ts';
import { type RunningServer, startServer } from '../../lib/local/server.ts';

const ROOT = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/client.md', ROOT), 'utf8');

const OUTPUT: Record<string, RegExp> = {
  'produce-orders': /^written to partition \d at offset 0\nada \{"customer":"ada","total":12\}\n$/,
  'produce-many': /^1000 measurements are written\n$/,
  'partition-by-tenant': /^acme has 1 partition\n$/,
  'handle-failures': /^note 0: offset 0\nnote 1: MESSAGE_TOO_LARGE\nUNKNOWN_TOPIC_OR_PARTITION none\n$/,
  'consume-orders': /^ada pays 12\nbob pays 30\nthe group is at 2\n$/,
  'consume-batches': /^the even ones add up to 2450, the odd ones to 2500\n$/,
  'consume-in-steps': /^\[ 1, 2 \]\n\[ 3 \]\n\[\]\n$/,
  'transform-exactly-once': /^\[ 20, 40, 60, 80 \]\n$/,
  'read-history': /^1 \{ price: 4 \}\n2 \{ price: 5 \}\nnext is 3\n$/,
  'erase-customer': /^2 records are taken out\n$/,
  'read-process-write': /^1 count is written, and the group is at 1\n$/,
};

let server: RunningServer;

beforeAll(async () => {
  const command = parseCommand({ args: ['--port', '0', '--data', ':memory:'], env: {}, readFile: String });
  if (command.command !== 'serve') throw new Error('asks for help');
  const log = createLogger(systemClock, () => {});
  server = await startServer(command.options, { clock: systemClock, random: systemRandom, log });
});

afterAll(() => server?.close());

it('shows each program as it is in its file', () => {
  const shown = Array.from(page.matchAll(/^`examples\/([\w-]+)\.ts`:\n\n```ts\n(.*?)```$/gms));
  expect(new Set(shown.map(([, name]) => name))).toEqual(new Set(Object.keys(OUTPUT)));
  for (const [, name, program] of shown) {
    const file = readFileSync(new URL(`examples/${name}.ts`, ROOT), 'utf8');
    expect(program, name).toBe(file.replace("'../lib/client/public.ts'", "'millrace'"));
  }
  expect(page.match(/^```ts$/gm)).toHaveLength(shown.length);
});

describe('the programs', () => {
  it.each(Object.entries(OUTPUT))('run: %s', async (name, output) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [`examples/${name}.ts`], {
      cwd: ROOT,
      env: { ...process.env, MILLRACE_URL: server.url },
    });
    expect(stdout).toMatch(output);
    expect(stderr).toBe('');
  });
});

it.each([
  ['### Options', settingsOf({})],
  ['### Consumer options', consumerSettings({ group: 'billing', pattern: 'orders' })],
  [
    '| reader option | default |',
    Object.fromEntries(Object.entries(readerSettings({})).filter(([name]) => name !== 'position')),
  ],
])('has every option with its default: %s', (heading, settings) => {
  const rows = page.slice(page.indexOf(`${heading}\n`)).split('\n');
  for (const [name, value] of Object.entries(settings)) {
    const row = rows.find((line) => line.startsWith('|') && line.split('|')[1]?.includes(`\`${name}\``));
    const shown = typeof value === 'object' || value === undefined ? name : value.toLocaleString('en');
    expect(row, name).toContain(name === 'group' || name === 'pattern' ? name : shown);
  }
});
