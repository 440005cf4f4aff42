import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeProject, type Project } from './support.ts';

let project: Project;

beforeAll(async () => {
  project = await makeProject();
});

afterAll(() => project?.remove());

describe('what is in the package', () => {
  it('is the build, and the papers', () => {
    const outside = project.files.filter((file) => !file.startsWith('dist/'));
    expect(outside.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      ...(project.files.includes('README.md') ? ['README.md'] : []),
      'package.json',
    ]);
    expect(project.files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
  });

  it('has every file that package.json names', () => {
    const { exports, bin, types } = JSON.parse(
      readFileSync(join(project.packageDirectory, 'package.json'), 'utf8'),
    ) as { exports: Record<string, string | Record<string, string>>; bin: Record<string, string>; types: string };
    const named = [
      types,
      ...Object.values(bin),
      ...Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry))),
    ];
    for (const file of named) expect(project.files).toContain(file.replace('./', ''));
    expect(project.files).toEqual(
      expect.arrayContaining(
        [
          'produce',
          'fetch',
          'groups',
          'topics',
          'web',
          'maintenance',
          'triggers',
          'router',
          'dispatcher',
          'trigger-sweeper',
          'trigger-registrar',
        ].map((name) => `dist/lambdas/${name}/index.mjs`),
      ),
    );
  });

  it('has what the gateway’s container is made from', () => {
    expect(project.files).toEqual(expect.arrayContaining(['dist/container/Dockerfile', 'dist/container/index.mjs']));
  });

  it('names no path of the machine that built it', () => {
    const root = join(import.meta.dirname, '../..');
    for (const file of project.files) {
      expect(readFileSync(join(project.packageDirectory, file), 'utf8').includes(root), file).toBe(false);
    }
  });
});

describe('the command', () => {
  it('says what there is', async () => {
    expect(await project.runCommand('millrace', ['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('serve') as string,
    });
    expect(await project.runCommand('millrace', ['--version'])).toMatchObject({
      code: 0,
      stdout: `${project.manifest.version}\n`,
    });
    const { stdout } = await project.runCommand('millrace', ['serve', '--help']);
    expect(stdout).toContain('--port');
    expect(await project.runCommand('millrace', ['fly'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no command "fly"') as string,
    });
  });

  it('serves, and the client and the command line of other processes write and read', async () => {
    const { line, process: server } = await project.startCommand('millrace', [
      'serve',
      '--port',
      '0',
      '--data',
      ':memory:',
    ]);
    expect(line).toMatch(/^millrace listening http=http:\/\/127\.0\.0\.1:\d+/);
    const url = /http=(\S+)/.exec(line)?.[1];
    const output = await project.runModule(`
      import { createClient, encodeBatch, decodeBatches, json, MillraceClientError, noCompression } from 'millrace';
      import * as again from 'millrace/client';
      const client = createClient({ url: '${url}' });
      await client.topics.create('orders', { partitions: 2 });
      const written = await client.produce('orders', [{ key: 'a', value: { n: 1 }, partition: 1 }]);
      const batch = encodeBatch([{ timestamp: 1, key: null, value: new TextEncoder().encode('raw'), headers: [] }]);
      await client.produceBatches('orders', 1, batch);
      const { records } = await client.fetch('orders', 1, { offset: 'earliest' });
      const producer = client.producer({ valueSerializer: json() });
      const receipts = await producer.send({ topic: 'orders', records: [{ value: { n: 2 }, partition: 0 }] });
      await producer.close();
      const { batches } = await client.fetchBatches('orders', 1, { offset: 1 });
      const [raw] = decodeBatches(batches, noCompression);
      const error = await client.topics.create('orders').catch((reason) => reason);
      console.log(JSON.stringify({
        written,
        receipts,
        values: records.map(({ value }) => value),
        raw: new TextDecoder().decode(raw.value),
        error: error instanceof MillraceClientError && error.code,
        same: again.createClient === createClient,
      }));
    `);
    expect(JSON.parse(output)).toMatchObject({
      written: [{ partition: 1, offset: 0 }],
      receipts: [{ topic: 'orders', partition: 0, offset: 0 }],
      values: ['{"n":1}', 'raw'],
      raw: 'raw',
      error: 'TOPIC_ALREADY_EXISTS',
      same: true,
    });
    writeFileSync(join(project.directory, 'lines.txt'), 'a:1\nb:2\n');
    const commands = [
      ['topics', 'create', 'lines'],
      ['produce', 'lines', 'lines.txt', '-k', ':', '--quiet'],
      ['consume', 'lines', '--end', '-k', '='],
    ];
    const answers: string[] = [];
    for (const command of commands) {
      const { stdout, code } = await project.runCommand('millrace', [...command, '--url', url ?? '']);
      answers.push(`${code} ${stdout}`);
    }
    expect(answers).toEqual(['0 ', '0 ', '0 a=1\nb=2\n']);
    const exited = once(server, 'exit');
    server.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});

it('runs a server inside of a process', async () => {
  const output = await project.runModule(`
    import { createClient } from 'millrace';
    import { startLocalServer } from 'millrace/server';
    const server = await startLocalServer({ apiKeys: ['geheim'] });
    const refused = await createClient({ url: server.url }).topics.list().catch(({ code }) => code);
    const { topics } = await createClient({ url: server.url, apiKey: 'geheim' }).topics.list();
    await server.close();
    console.log(JSON.stringify({ refused, topics }));
  `);
  expect(JSON.parse(output)).toEqual({ refused: 'UNAUTHENTICATED', topics: [] });
});

/** Of the API 4, the maintenance, and 5 of triggers. */
const FUNCTIONS = 10;

it('synthesizes a stack with the constructs and the bundles of the package, without building anything', async () => {
  const output = await project.runModule(`
    import { App } from 'aws-cdk-lib';
    import { TenantStack } from 'millrace/infra';
    const app = new App({ outdir: 'cdk.out' });
    new TenantStack(app, 'Orders', { tenant: 'orders', triggers: true, env: { region: 'eu-central-1' } });
    const [stack] = app.synth().stacks;
    const types = Object.values(stack.template.Resources).map(({ Type }) => Type);
    console.log(JSON.stringify(types));
  `);
  const types = JSON.parse(output) as string[];
  expect(types.filter((type) => type === 'AWS::Lambda::Function')).toHaveLength(FUNCTIONS);
  expect(types).toEqual(expect.arrayContaining(['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::ApiGatewayV2::Api']));
  const out = join(project.directory, 'cdk.out');
  const assets = readdirSync(out).filter((name) => name.startsWith('asset.'));
  const sizes = assets.map((asset) => statSync(join(out, asset, 'index.mjs')).size);
  expect(sizes).toHaveLength(FUNCTIONS);
  for (const size of sizes) expect(size).toBeGreaterThan(100_000);
});

it('has types that a strict TypeScript project sees', async () => {
  writeFileSync(
    join(project.directory, 'app.ts'),
    `
    import { createClient, json, MillraceClientError, type Receipt } from 'millrace';
    import { TenantStack } from 'millrace/infra';
    import { startLocalServer } from 'millrace/server';

    export async function main(): Promise<void> {
      const server = await startLocalServer({ port: 0 });
      const client = createClient({ url: server.url, apiKey: 'key' });
      const text = await client.fetch('orders', 0, { offset: 'earliest' });
      const value: string | Uint8Array | null | undefined = text.records[0]?.value;
      const bytes = await client.fetch('orders', 0, { offset: -1, as: 'bytes' });
      const raw: Uint8Array | null | undefined = bytes.records[0]?.value;
      const producer = client.producer({ valueSerializer: json<{ total: number }>() });
      const receipts: Receipt[] = await producer.send({ topic: 'orders', records: [{ key: 'ada', value: { total: 7 } }] });
      // @ts-expect-error The producer's values have a total.
      await producer.send({ topic: 'orders', records: [{ value: { sum: receipts.length } }] });
      // @ts-expect-error There is no such offset.
      await client.fetch('orders', 0, { offset: 'middle' });
      // @ts-expect-error A client needs to know where the API is.
      createClient({});
      // @ts-expect-error A stack needs a tenant.
      new TenantStack(undefined, 'Orders', {});
      const [result] = await client.produce('orders', [{ value: { n: 1 } }]);
      if (result !== undefined && 'error' in result) {
        const error: MillraceClientError = result.error;
        const code: 'NETWORK_ERROR' | (string & {}) = error.code;
        console.log(value, raw, code);
      }
    }
    `,
  );
  writeFileSync(
    join(project.directory, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2024',
        module: 'nodenext',
        lib: ['es2024', 'dom'],
        types: [],
        strict: true,
        noEmit: true,
        skipLibCheck: true,
      },
      files: ['app.ts'],
    }),
  );
  expect(await project.runCommand('tsc', ['-p', '.'])).toEqual({ code: 0, stdout: '', stderr: '' });
});

it('has a client that browsers can load: small, and nothing of Node in it', async () => {
  const { outputFiles } = await build({
    stdin: { contents: `export { createClient } from 'millrace';`, resolveDir: project.directory },
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
  });
  const text = outputFiles[0]?.text ?? '';
  expect(text).toContain('max_records');
  expect(text).not.toMatch(/node:|require\(|process\./);
  // As it travels, with the reading of batches straight from the bucket and its codecs.
  expect(gzipSync(text).length).toBeLessThan(37_500);
});
