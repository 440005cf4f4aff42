/**
 * How long each Lambda bundle takes to start under AWS's runtime interface client, beside a bundle that only creates
 * the same two AWS clients; and how large the bundles are.
 *
 * Start means from the start of the process until it asks for its first event, so Node's own start and the client's are
 * in both. The web function has no runtime interface client: its start ends when it takes a connection.
 */
import { join } from 'node:path';
import { bundleLambda } from '../../lib/infra/bundling.ts';
import { runtimeInterfaceClientMissing, startEnvironment } from '../../test/peers/support/execution-environment.ts';
import { startWebFunction } from '../../test/peers/support/web-function.ts';
import { type Figure, type Report, show } from '../figure.ts';
import type { Part, PartContext } from '../part.ts';
import { median, pairedRatio } from '../statistics.ts';

const ROOT = join(import.meta.dirname, '../..');
const FUNCTIONS = ['produce', 'fetch', 'topics'] as const;
const INIT_RATIO_MAX = 2;
const BUNDLE_BYTES_MAX = 1_500_000;

/** A start takes a fraction of a second, and one of them says little. */
const STARTS_PER_ROUND = 3;

/** Nothing is called, so nothing has to be there. */
const VARIABLES = { MILLRACE_TABLE: 'table', MILLRACE_BUCKET: 'bucket' };

export const lambdaInit: Part = {
  name: 'lambda-init',
  summary: 'start of each Lambda bundle against one that only creates the same two AWS clients; bundle sizes',
  run,
};

async function run(context: PartContext): Promise<Report> {
  const bundle = (entry: string, name: string) => bundleLambda(join(ROOT, entry), join(context.directory, name));
  const baseline = bundle('bench/baselines/aws-clients.ts', 'baseline');
  const bundles = [...FUNCTIONS, 'web'].map((name) => bundle(`lambdas/${name}.ts`, name));
  const sizes = bundles.map(
    ({ name, bundleBytes }): Figure => ({
      name: `Lambda bundle ${name}, minified`,
      value: bundleBytes,
      show: show.fileMegabytes,
      bound: { kind: 'at-most', value: BUNDLE_BYTES_MAX },
    }),
  );
  const missing = runtimeInterfaceClientMissing();
  if (missing !== undefined) return { figures: [{ name: 'Lambda init', skipped: missing }, ...sizes] };

  const baselineMs: number[] = [];
  const initMs = new Map<string, number[]>(bundles.map(({ name }) => [name, []]));
  for (let round = 1; round <= context.rounds * STARTS_PER_ROUND; round++) {
    baselineMs.push(await startOf('baseline', baseline.file));
    for (const { name, file } of bundles) initMs.get(name)?.push(await startOf(name, file));
    context.progress(`start ${round} of ${context.rounds * STARTS_PER_ROUND}`);
  }
  const inits = bundles.map(({ name }): Figure => {
    const measured = initMs.get(name) ?? [];
    return {
      name: `Lambda init ${name} / two AWS clients`,
      value: pairedRatio(measured, baselineMs),
      show: show.ratio,
      bound: { kind: 'at-most', value: INIT_RATIO_MAX },
      note: `${median(measured).toFixed(0)} ms against ${median(baselineMs).toFixed(0)} ms`,
    };
  });
  return { figures: [...inits, ...sizes] };
}

async function startOf(name: string, file: string): Promise<number> {
  if (name === 'web') {
    const web = await startWebFunction(file, VARIABLES);
    await web.stop();
    return web.readyMs;
  }
  const environment = await startEnvironment({ file, variables: VARIABLES });
  await environment.kill();
  return environment.initMs;
}
