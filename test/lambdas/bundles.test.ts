import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleLambdas, type LambdaBundle } from '../../lib/infra/bundling.ts';

const LAMBDAS = join(import.meta.dirname, '../../lambdas');
const BUNDLE_BYTES_MAX = 1_500_000;

const NAMES = [
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
];

let directory: string;
let bundles: LambdaBundle[];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-bundles-'));
  bundles = bundleLambdas(LAMBDAS, directory);
});

afterAll(() => rmSync(directory, { recursive: true }));

function bundle(name: string): LambdaBundle {
  const found = bundles.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no bundle ${name}`);
  return found;
}

describe('the bundles', () => {
  it('are those that the stack deploys', () => {
    expect(bundles.map(({ name }) => name)).toEqual(NAMES);
  });

  it.each(NAMES)('%s is at most 1.5 MB', (name) => {
    expect(bundle(name).bundleBytes).toBeLessThanOrEqual(BUNDLE_BYTES_MAX);
  });

  it.each([
    ['produce', ['produce', 'produceToPartition'], ['createTopic', 'fetch', 'createKey', 'describeApi']],
    ['groups', ['poll', 'describeGroup'], ['createTopic', 'produceToPartition', 'createKey', 'describeApi']],
    ['triggers', ['createTrigger', 'replayTrigger'], ['createTopic', 'produceToPartition', 'createKey', 'describeApi']],
    ['fetch', ['fetch', 'listOffsets'], ['createTopic', 'produceToPartition', 'createKey', 'describeApi']],
  ])('%s holds the code of its own routes only', (name, own, foreign) => {
    const text = readFileSync(bundle(name).file, 'utf8');
    // Operation ids are in the text as they are.
    for (const operation of own) expect(text).toContain(`operationId:"${operation}"`);
    for (const operation of foreign) expect(text).not.toContain(`operationId:"${operation}"`);
  });

  it.each(['maintenance', 'router', 'dispatcher', 'trigger-sweeper', 'trigger-registrar'])(
    '%s holds no HTTP routes at all',
    (name) => {
      expect(readFileSync(bundle(name).file, 'utf8')).not.toContain('operationId:"');
    },
  );

  it('come from entry files of at most 30 lines', () => {
    for (const file of readdirSync(LAMBDAS).filter((name) => name.endsWith('.ts'))) {
      expect(readFileSync(join(LAMBDAS, file), 'utf8').split('\n').length, file).toBeLessThanOrEqual(31);
    }
  });
});
