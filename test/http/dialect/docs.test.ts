import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { DIALECT_PATHS } from '../../../lib/http/dialect/paths.ts';
import { listeningWorld } from '../../support/http-world.ts';

const CURL = join(import.meta.dirname, '../../support/curl.ts');

const page = readFileSync(new URL('../../../docs/rest-dialect.md', import.meta.url), 'utf8');

test('docs/rest-dialect.md has every path with its methods', () => {
  const rows = Array.from(page.matchAll(/^\| (`.+?) \| (.+?) \|/gm), ([, paths = '', methods = '']) => ({
    paths,
    methods,
  }));
  for (const [path, methods] of Object.entries(DIALECT_PATHS)) {
    const short = path
      .replace('/consumers/{groupid}/instances/{name}/', '…/{name}/')
      .replace('…/{name}/positions/', '…/positions/');
    const from = rows.findIndex(({ paths }) => paths.includes(`\`${path}\``) || paths.includes(`\`${short}\``));
    expect(from, path).toBeGreaterThanOrEqual(0);
    const named = page
      .slice(page.indexOf(rows[from]?.paths ?? ''))
      .split('\n')
      .slice(0, 6)
      .join('\n');
    for (const method of methods) expect(named, `${method} ${path}`).toContain(method);
  }
});

test('the session of docs/rest-dialect.md goes as one would expect', async () => {
  const session = /```sh\n(.+?)```/s.exec(page)?.[1] ?? '';
  const { url } = await listeningWorld();
  const script = session
    .replace('http://127.0.0.1:8080', url)
    .replaceAll(/^curl/gm, `echo; "${process.execPath}" "${CURL}"`);
  const { stdout } = await promisify(execFile)('bash', ['-euc', script]);
  const answers = stdout.split('\n').slice(1);
  const parsed = answers.map((answer) => (answer === '' ? undefined : (JSON.parse(answer) as unknown)));
  const sent = (offset: number) => ({ partition: 0, offset, error_code: null, error: null });
  const record = (offset: number, key: string, celsius: number) =>
    expect.objectContaining({ topic: 'readings', partition: 0, offset, key, value: { celsius } }) as unknown;
  expect(parsed).toEqual([
    {},
    { offsets: [sent(0), sent(1)], key_schema_id: null, value_schema_id: null },
    { instance_id: 'screen', base_uri: `${url}/consumers/dashboards/instances/screen` },
    undefined,
    [record(0, 'sensor-1', 21.5), record(1, 'sensor-2', 19)],
    undefined,
    { topics: ['readings'], partitions: [{ readings: [0, 1] }] },
    undefined,
  ]);
});
