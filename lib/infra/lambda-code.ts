/**
 * Where a function's code comes from: the prebuilt bundle that the published package ships, or the sources of this
 * repository, bundled by `cdk synth`.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import type { AssetOptions } from 'aws-cdk-lib/aws-s3-assets';
import { BUNDLE_FILE, bundleLambda } from './bundling.ts';

/** The entry files below `lambdas/`, without their extension. */
export type LambdaName = ApiLambdaName | 'web' | 'maintenance' | TriggerLambdaName;

/** Those behind an HTTP API, of every stack. */
export type ApiLambdaName = 'produce' | 'fetch' | 'groups' | 'topics';

/**
 * Those of stacks with triggers: woken by the table's stream, by one another, by a schedule, by the API, by
 * CloudFormation.
 */
export type TriggerLambdaName = 'triggers' | 'router' | 'dispatcher' | 'trigger-sweeper' | 'trigger-registrar';

export interface LambdaCode {
  /** An existing directory: the prebuilt bundle's, or the one that holds the entry. */
  path: string;
  /** Passed to CDK's asset with `path`; builds the bundle where it is not prebuilt. */
  options: AssetOptions;
}

/**
 * The code of one function. `lambdasDirectory` holds `<name>/index.mjs` (built) or `<name>.ts` (source); without it the
 * directories next to this file are searched: `dist/lambdas` beside the compiled constructs, `lambdas` beside `lib`.
 */
export function lambdaCode(name: LambdaName, lambdasDirectory?: string): LambdaCode {
  const directories =
    lambdasDirectory === undefined
      ? [resolve(import.meta.dirname, '../lambdas'), resolve(import.meta.dirname, '../../lambdas')]
      : [resolve(lambdasDirectory)];
  for (const directory of directories) {
    const prebuilt = join(directory, name);
    if (existsSync(join(prebuilt, BUNDLE_FILE))) return { path: prebuilt, options: {} };
    const entry = join(directory, `${name}.ts`);
    if (existsSync(entry)) return { path: dirname(entry), options: bundlingOptions(entry) };
  }
  throw new Error(
    `The code of the ${name} function is missing: neither ${name}/${BUNDLE_FILE} nor ${name}.ts is in ${directories.join(' or ')}.`,
  );
}

function bundlingOptions(entry: string): AssetOptions {
  return {
    // The hash of what is deployed, not of what it was built from: a comment changes nothing.
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // The type asks for an image; it is never pulled, because the local build below succeeds or throws.
      image: DockerImage.fromRegistry('millrace-bundles-without-docker'),
      // CDK builds an asset once per app for equal options, and compares functions by nothing: the entry has to be
      // here.
      command: ['bundle', entry],
      local: {
        tryBundle(outDir) {
          bundleLambda(entry, outDir);
          return true;
        },
      },
    },
  };
}
