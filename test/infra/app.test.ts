/**
 * The app as a user runs it: through the CDK CLI, in a project directory with the four entries, without network,
 * account or credentials.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FIXTURE_LAMBDAS } from './support/synthesize.ts';

const repository = join(import.meta.dirname, '../..');
const project = mkdtempSync(join(tmpdir(), 'millrace-app-'));

beforeAll(() => {
  for (const name of ['cdk.json', 'package.json']) cpSync(join(repository, name), join(project, name));
  mkdirSync(join(project, 'lib'));
  for (const layer of ['kernel', 'coordination', 'infra']) {
    cpSync(join(repository, 'lib', layer), join(project, 'lib', layer), { recursive: true });
  }
  cpSync(FIXTURE_LAMBDAS, join(project, 'lambdas'), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(project, 'node_modules'));
});
afterAll(() => rmSync(project, { recursive: true }));

/**
 * The shell of somebody who has any Node.js: the repository's own comes from `npx` alone. The proxy is a port where
 * nobody listens, so that whatever asks for the network fails.
 */
const SHELL = {
  PATH: (process.env['PATH'] ?? '')
    .split(':')
    .filter((entry) => !entry.endsWith('node_modules/.bin'))
    .join(':'),
  HOME: project,
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
};

function cdk(...args: string[]) {
  return spawnSync('npx', ['--offline', 'cdk', ...args], { cwd: project, env: SHELL, encoding: 'utf8' });
}

/** The app alone, as the CLI starts it, without the seconds that the CLI takes. */
function app(context: Record<string, unknown>, outDir: string) {
  const env = {
    PATH: process.env['PATH'],
    CDK_CONTEXT_JSON: JSON.stringify(context),
    CDK_OUTDIR: join(project, outDir),
  };
  return spawnSync(process.execPath, ['lib/infra/app.ts'], { cwd: project, env, encoding: 'utf8' });
}

describe('cdk synth', () => {
  let synthesis: ReturnType<typeof cdk>;
  beforeAll(() => {
    synthesis = cdk('synth', '--quiet', '-c', 'tenants=acme,globex');
  });

  test('makes a stack and bundles for each of two tenants, offline and with nothing to complain of', () => {
    const { status, stderr } = synthesis;
    expect({ status, complaints: stderr.match(/.*(?:error|warning).*/gi) }).toEqual({ status: 0, complaints: null });
    const files = readdirSync(join(project, 'cdk.out'));
    expect(files.filter((file) => file.endsWith('.template.json')).toSorted()).toEqual([
      'Millrace-acme.template.json',
      'Millrace-globex.template.json',
    ]);
    const bundles = files.filter((file) => file.startsWith('asset.'));
    expect(bundles).toHaveLength(5);
    for (const bundle of bundles) {
      expect(readdirSync(join(project, 'cdk.out', bundle)).toSorted()).toEqual(['index.mjs', 'index.mjs.map']);
    }
    const template = readFileSync(join(project, 'cdk.out/Millrace-acme.template.json'), 'utf8');
    expect(template).not.toContain('AWS::CDK::Metadata');
  });

  test('gives bundles that depend on nothing but the sources', () => {
    expect(app({ tenant: 'acme' }, 'nested/again').status).toBe(0);
    const bundles = (outDir: string) =>
      readdirSync(join(project, outDir))
        .filter((file) => file.startsWith('asset.'))
        .toSorted();
    expect(bundles('nested/again')).toEqual(bundles('cdk.out'));
  });

  test('without a tenant says how to name one', () => {
    const { status, stderr } = cdk('synth', '--quiet');
    expect(status).not.toBe(0);
    expect(stderr).toContain('No tenant is given. Name one with `npx cdk synth -c tenant=acme`');
    expect(stderr).not.toContain('    at ');
  });
});

describe('the app', () => {
  test('fails on a finding of cdk-nag and names it', () => {
    const table = join(project, 'lib/infra/millrace-table.ts');
    const source = readFileSync(table, 'utf8');
    writeFileSync(
      table,
      source.replace('pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: 35', 'pointInTimeRecoveryEnabled: false'),
    );
    const { status, stdout, stderr } = app({ tenant: 'acme' }, 'careless');
    writeFileSync(table, source);
    expect(status).not.toBe(0);
    expect(stdout + stderr).toContain('AwsSolutions-DDB3');
  });

  test('shows the stack trace of what is not the user’s mistake', () => {
    const entry = join(project, 'lambdas/produce.ts');
    const source = readFileSync(entry, 'utf8');
    writeFileSync(entry, 'export const handler = ;');
    const { status, stderr } = app({ tenant: 'acme' }, 'broken');
    writeFileSync(entry, source);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/lambdas\/produce\.ts:1:\d+/);
    expect(stderr).toContain('    at ');
  });
});
