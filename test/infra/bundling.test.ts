import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bundleLambda, bundleLambdas } from '../../lib/infra/bundling.ts';
import { handler as answersOfZod } from './fixtures/bundled/schemas.ts';
import { FIXTURE_LAMBDAS } from './support/synthesize.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-bundling-'));
afterAll(() => rmSync(directory, { recursive: true }));

const out = (name: string) => join(directory, name);
const heavy = join(import.meta.dirname, 'fixtures/bundled/heavy.ts');

describe('a bundle', () => {
  const bundle = bundleLambda(heavy, out('heavy'));

  test('is one module and its source map, under the names that Lambda is told', () => {
    expect(readdirSync(out('heavy')).toSorted()).toEqual(['index.mjs', 'index.mjs.map']);
    expect(bundle).toMatchObject({ name: 'heavy', file: join(out('heavy'), 'index.mjs') });
    expect(bundle.bundleBytes).toBe(readFileSync(bundle.file).length);
    expect(bundle.sourceMapBytes).toBe(readFileSync(`${bundle.file}.map`).length);
  });

  test('runs alone, the AWS SDK and CommonJS packages inside', () => {
    const script = `import(${JSON.stringify(bundle.file)}).then(({ handler }) => handler()).then(console.log)`;
    const answer = execFileSync(process.execPath, ['-e', script], { cwd: directory, encoding: 'utf8' });
    expect(answer.trim()).toBe('table bucket eu-central-1 eu-central-1');
  });

  test('is minified and tree-shaken, far below what the packages are whole', () => {
    expect(bundle.bundleBytes).toBeLessThan(1024 * 1024);
  });

  test('names TypeScript lines in stack traces', () => {
    const script = `import(${JSON.stringify(bundle.file)}).then(({ fail }) => fail())`;
    const { stderr } = spawnSync(process.execPath, ['--enable-source-maps', '-e', script], { encoding: 'utf8' });
    expect(stderr).toMatch(/fixtures\/bundled\/heavy\.ts:\d+:\d+/);
  });

  test('is the same bytes wherever it goes, and holds no path of this machine', () => {
    const elsewhere = bundleLambda(heavy, out('a/deeper/place'));
    expect(elsewhere.sha256).toBe(bundle.sha256);
    expect(readFileSync(elsewhere.file)).toEqual(readFileSync(bundle.file));
    const { sources } = JSON.parse(readFileSync(`${bundle.file}.map`, 'utf8')) as { sources: string[] };
    for (const source of sources) expect(source).toMatch(/^\.\.\/\.\.\/\.\.\/(?:node_modules|test)\//);
    expect(readFileSync(bundle.file, 'utf8')).not.toContain(join(import.meta.dirname, '../..'));
  });

  test('changes its hash with its code', () => {
    expect(bundleLambda(join(FIXTURE_LAMBDAS, 'fetch.ts'), out('fetch')).sha256).not.toBe(bundle.sha256);
  });
});

describe('zod in a bundle', () => {
  const { file } = bundleLambda(join(import.meta.dirname, 'fixtures/bundled/schemas.ts'), out('schemas'));

  test('is there without its translations', () => {
    const code = readFileSync(file, 'utf8');
    expect(code).toContain('Invalid input');
    expect(code).not.toMatch(/Entrada inv|Ungültige|Ung\\xFCltige/);
  });

  test('says what it says elsewhere, the OpenAPI document included', () => {
    const script = `import(${JSON.stringify(file)}).then(({ handler }) => console.log(JSON.stringify(handler())))`;
    const answer = JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })) as unknown;
    expect(answer).toEqual(JSON.parse(JSON.stringify(answersOfZod())));
    expect(answer).toHaveProperty('document.components.schemas.Problem');
    expect(answer).toHaveProperty('issues.3.2.message');
  });
});

test('a web function’s bundle is a server on the address that the platform names', async () => {
  const { file } = bundleLambda(join(FIXTURE_LAMBDAS, 'web.ts'), out('web'));
  const port = await freePort();
  const script = `process.env.AWS_LAMBDA_HTTP_ENDPOINT = '127.0.0.1:${port}';
    import(${JSON.stringify(file)}).then(() => fetch('http://127.0.0.1:${port}/')).then((response) => {
      console.log(response.status);
      process.exit();
    });`;
  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()).toBe('204');
});

test('all entries of a directory are bundled in the order of their names', () => {
  const bundles = bundleLambdas(FIXTURE_LAMBDAS, out('all'));
  expect(bundles.map(({ name }) => name)).toEqual([
    'dispatcher',
    'fetch',
    'groups',
    'maintenance',
    'produce',
    'router',
    'topics',
    'trigger-registrar',
    'trigger-sweeper',
    'triggers',
    'web',
  ]);
  for (const { name, file } of bundles) expect(file).toBe(join(out('all'), name, 'index.mjs'));
});

const lambdas = join(import.meta.dirname, '../../lambdas');

describe.skipIf(!existsSync(lambdas))('the bundles that are deployed', () => {
  const bundles = existsSync(lambdas) ? bundleLambdas(lambdas, out('deployed')) : [];

  test('are the four that the stacks ask for', () => {
    expect(bundles.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['fetch', 'groups', 'produce', 'topics', 'web']),
    );
  });

  test.each(bundles)('$name is at most 1.5 MB', ({ bundleBytes }) => {
    expect(bundleBytes).toBeLessThanOrEqual(1_500_000);
  });
});

describe('a failed build', () => {
  test('says what is wrong and where, and writes nothing', () => {
    const entry = join(directory, 'broken.ts');
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    writeFileSync(entry, "import { x } from './nowhere.ts';\nconsole.log(x);\n");
    expect(() => bundleLambda(entry, out('broken'))).toThrow(/broken\.ts:1:18.*Could not resolve "\.\/nowhere\.ts"/s);
    expect(existsSync(out('broken'))).toBe(false);
  });

  test('names an entry that does not exist', () => {
    expect(() => bundleLambda(join(directory, 'absent.ts'), out('absent'))).toThrow(
      /There is no Lambda entry .*absent/,
    );
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
