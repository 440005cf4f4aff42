/** The sessions of docs/cli.md and of the README are what a terminal shows. */
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../lib/cli/commands.ts';
import { startTestServer } from '../support/cli.ts';
import { cleanUp, temporaryDirectory } from '../support/local-process.ts';

const ROOT = join(import.meta.dirname, '../..');

let path: string;

beforeAll(async () => {
  const directory = await temporaryDirectory();
  const bin = join(directory, 'millrace');
  writeFileSync(bin, `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, 'lib/local/millrace.ts')}" "$@"\n`);
  chmodSync(bin, 0o755);
  path = [directory, process.env['PATH']].join(delimiter);
});

afterAll(cleanUp);

interface Step {
  command: string;
  shown: string;
}

/** Of each block. */
function sessionsOf(page: string): Step[][] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return Array.from(text.matchAll(/^```console\n(.*?)^```$/gms), ([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => ({ command: step.slice(0, step.indexOf('\n')), shown: step.slice(step.indexOf('\n') + 1) })),
  );
}

/** As in a terminal: the steps share what the shell knows, and stderr and stdout are one. */
async function run(steps: readonly Step[], url: string): Promise<string[]> {
  const mark = '=== the next step ===';
  const script = steps.map(({ command }) => `${command}\nlast=$?; echo '${mark}'; (exit $last)\n`).join('');
  const options = { env: { ...process.env, PATH: path, MILLRACE_URL: url } };
  const output = await new Promise<string>((resolve, reject) => {
    execFile('bash', ['-c', `exec 2>&1\n${script}`], options, (error, stdout) => {
      // The last step may fail on purpose; what it shows is compared.
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve(stdout);
    });
  });
  return output.split(`${mark}\n`).slice(0, -1);
}

/** `…` stands for what is different each time. */
function pattern(shown: string): RegExp {
  const parts = shown.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^\\n]+?')}$`);
}

describe.each(['docs/cli.md', 'README.md'])('the sessions of %s', (page) => {
  it('run, and show what they show', { timeout: 60_000 }, async () => {
    const sessions = sessionsOf(page);
    expect(sessions.length).toBeGreaterThan(0);
    const { url } = await startTestServer();
    const steps = sessions.flat();
    const outputs = await run(steps, url);
    expect(outputs).toHaveLength(steps.length);
    for (const [index, { command, shown }] of steps.entries()) expect(outputs[index], command).toMatch(pattern(shown));
  });
});

it('docs/cli.md names every command, and no flag or command that there is not', () => {
  const text = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');
  for (const { name } of commands) {
    const [first = '', second] = name.split(' ');
    expect(text).toMatch(new RegExp(`\`millrace ${first}[ \`][^\n]*${second === undefined ? '' : `\\b${second}\\b`}`));
  }
  const flags = new Set(['help', 'api-key', ...commands.flatMap(({ flags }) => Object.keys(flags))]);
  const own = text.slice(0, text.indexOf('## Coming from'));
  for (const [, flag = ''] of own.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)) expect(flags, flag).toContain(flag);
});
