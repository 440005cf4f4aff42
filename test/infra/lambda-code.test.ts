import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { afterAll, describe, expect, test } from 'vitest';
import { bundleLambdas } from '../../lib/infra/bundling.ts';
import { lambdaCode } from '../../lib/infra/lambda-code.ts';
import { FIXTURE_LAMBDAS, tenantStack } from './support/synthesize.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-code-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('code', () => {
  test('is the prebuilt bundle where there is one', () => {
    const prebuilt = join(directory, 'prebuilt');
    bundleLambdas(FIXTURE_LAMBDAS, prebuilt);
    expect(lambdaCode('fetch', prebuilt)).toEqual({ path: join(prebuilt, 'fetch'), options: {} });
  });

  test('is the prebuilt bundle even beside its source', () => {
    const both = join(directory, 'both');
    mkdirSync(join(both, 'web'), { recursive: true });
    writeFileSync(join(both, 'web', 'index.mjs'), '');
    writeFileSync(join(both, 'web.ts'), '');
    expect(lambdaCode('web', both).path).toBe(join(both, 'web'));
  });

  test('is built from its source otherwise', () => {
    const app = new App({ outdir: join(directory, 'cdk.out') });
    const { path, options } = lambdaCode('produce', FIXTURE_LAMBDAS);
    const asset = new Asset(new Stack(app, 'Stack'), 'Asset', { path, ...options });
    const built = join(directory, 'cdk.out', asset.assetPath);
    expect(readFileSync(join(built, 'index.mjs'), 'utf8')).toContain('handler');
    expect(existsSync(join(built, 'fetch.ts'))).toBe(false);
  });

  test('that is missing is named with the places that were searched', () => {
    expect(() => lambdaCode('topics', join(directory, 'empty'))).toThrow(
      `The code of the topics function is missing: neither topics/index.mjs nor topics.ts is in ${join(directory, 'empty')}.`,
    );
  });
});

test('synthesis builds each bundle once for all tenants, and each function has its own', () => {
  const app = new App({ outdir: join(directory, 'tenants') });
  tenantStack({}, 'acme', app);
  tenantStack({ authorizer: 'iam' }, 'globex', app);
  const keys = app.synth().stacks.map(({ template }) =>
    Object.values((template as { Resources: Record<string, { Type: string; Properties: object }> }).Resources)
      .filter(({ Type }) => Type === 'AWS::Lambda::Function')
      .map(({ Properties }) => (Properties as { Code: { S3Key: string } }).Code.S3Key),
  );
  expect(new Set(keys[0]).size).toBe(5);
  expect(keys[1]).toEqual(keys[0]);
});
