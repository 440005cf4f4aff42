/**
 * Builds the Lambda bundles that the package ships: `node scripts/bundle.ts [outDir] [entriesDirectory]`, by default
 * from `lambdas/` into `dist/lambdas/<name>/index.mjs`.
 */
import { join, relative } from 'node:path';
import { bundleLambdas } from '../lib/infra/bundling.ts';

const root = join(import.meta.dirname, '..');
const [outDir = join(root, 'dist/lambdas'), entriesDirectory = join(root, 'lambdas')] = process.argv.slice(2);

for (const bundle of bundleLambdas(entriesDirectory, outDir)) {
  const size = `${(bundle.bundleBytes / 1024).toFixed(1)} KiB`;
  const map = `${(bundle.sourceMapBytes / 1024).toFixed(1)} KiB`;
  console.log(`${relative(process.cwd(), bundle.file)}  ${size}  (source map ${map})  sha256 ${bundle.sha256}`);
}
