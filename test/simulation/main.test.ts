/** The simulation as a command. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const MAIN = join(import.meta.dirname, 'main.ts');

it.each([
  [['--bogus'], /^Unknown option '--bogus'.*; see --help\n$/],
  [['--seed'], /^Option '--seed <value>' argument missing; see --help\n$/],
  [['--seed', 'x'], /^--seed takes a whole number, not "x"\.\n$/],
])('refuses %j with one sentence and exit code 2', async (args, sentence) => {
  const ended = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
  expect(ended).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(sentence) });
});
