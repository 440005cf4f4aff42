/** `docs/deploy.md` says what the code does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { optionNames } from '../../lib/infra/app-context.ts';
import { permissionsOf } from '../../lib/infra/permissions.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8');

/** The cells of the table of a section, its header left out. */
function table(heading: string): string[][] {
  const [section = ''] = (page.split(`## ${heading}\n`)[1] ?? '').split('\n## ');
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

test('the options table has every option, and no other', () => {
  expect(table('Options').map(([name]) => name)).toEqual(
    expect.arrayContaining(optionNames.map((name) => `\`${name}\``)),
  );
  expect(table('Options')).toHaveLength(optionNames.length);
});

test('the role table names the actions that each role has', () => {
  const action = (cell: string | undefined) =>
    cell === '–' ? [] : (cell ?? '').split(', ').map((name) => name.replace(/^.*:/, ''));
  const documented = Object.fromEntries(
    table('What each role may do').flatMap(([roles = '', ...cells]) => roles.split(', ').map((role) => [role, cells])),
  );
  const lambdas = Object.keys(permissionsOf);
  expect(Object.keys(documented).toSorted()).toEqual(
    lambdas.map((lambda) => (lambda === 'web' ? 'web function' : lambda)).toSorted(),
  );
  const asTopics = documented['topics']?.[0];
  for (const lambda of lambdas) {
    const [items, objects = '', bucket] = documented[lambda === 'web' ? 'web function' : lambda] ?? [];
    const [onAll, onMerged = '–'] = objects.split('; below `merged/`: ');
    const permissions = permissionsOf[lambda as keyof typeof permissionsOf];
    const short = (actions: readonly string[]) => actions.map((name) => name.replace(/^.*:/, ''));
    expect(
      [action(items === 'as topics' ? asTopics : items), action(onAll), action(onMerged), action(bucket)],
      lambda,
    ).toEqual([
      short(permissions.table),
      short(permissions.objects),
      short(permissions.merged ?? []),
      short(permissions.bucket),
    ]);
  }
});
