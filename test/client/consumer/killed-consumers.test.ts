/**
 * The demo of a group whose consumers are killed: a short run of it, and whether its check would find what it looks
 * for.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { check } from '../../../examples/killed-consumers/check.ts';
import { cleanUp, startLocal } from '../../support/local-process.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

afterEach(cleanUp);

describe('the check', () => {
  const one = ['+ 0', '0 0 10 0-0', '0 1 11 0-1', '- 0'];
  const two = ['+ 0', '0 1 20 0-1', '0 2 21 0-2'];

  it('takes records that come again to another, who goes on behind what was committed', () => {
    expect(check([one, two], [3])).toEqual({ faults: [], delivered: 3, repeated: 1, tenures: 2 });
  });

  it.each([
    ['a record that nobody got', [one, two], [4], '3 of 4 records'],
    ['a record that was left out between owners', [one.slice(0, 2), ['+ 0', '0 2 20 0-2']], [3], 'after 1 was due'],
    [
      'a record that was left out by an owner',
      [['+ 0', '0 0 1 0-0', '0 2 2 0-2']],
      [3],
      'offset 2 came where 1 was due',
    ],
    ['records out of order', [['+ 0', '0 0 1 0-0', '0 2 2 0-2', '0 1 3 0-1']], [3], 'offset 2 came where 1 was due'],
    ['two owners', [one, ['+ 0', '0 1 10.5 0-1', '0 2 30 0-2']], [3], 'while consumer 0 has it'],
    ['records without owning them', [[...one, '0 2 12 0-2']], [3], 'does not own'],
    ['the value of another record', [['+ 0', '0 0 1 0-1']], [1], 'has the value 0-1'],
  ])('finds %s', (_what, logs, ends, fault) => {
    expect(check(logs, ends).faults.join('\n')).toContain(fault);
  });
});

it('delivers every record while consumers are killed, leave and join', async () => {
  const url = await startLocal().url();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['examples/killed-consumers/main.ts', '--url', url, '--seconds', '15', '--records', '5000'],
    { cwd: ROOT },
  );
  expect(stdout).toMatch(/^\d+ consumers: [1-9]\d* killed/);
  expect(stdout).toContain('5000 records delivered');
  expect(stdout).toContain('Every record was delivered, in order, and no partition had two owners.');
}, 120_000);
