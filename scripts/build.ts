/**
 * Builds what the package ships, below `dist/`: JavaScript and types of `lib/`, the Lambda bundles in `dist/lambdas/`,
 * and what the gateway's container is made from in `dist/container/`, which is where the compiled constructs look for
 * them.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleLambdas } from '../lib/infra/bundling.ts';
import { makeImageDirectory } from '../lib/infra/kafka-gateway-image.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
for (const file of filesOf(dist).filter((name) => name.endsWith('.d.ts'))) {
  // The compiler leaves these as they are. Its own later versions find `x.d.ts` for `x.ts`; other tools look for
  // `x.js`.
  const text = readFileSync(file, 'utf8').replaceAll(/((?:from |import\()['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2');
  writeFileSync(file, text);
}
chmodSync(join(dist, 'local/millrace.js'), 0o755);
bundleLambdas(join(root, 'lambdas'), join(dist, 'lambdas'));
makeImageDirectory(join(root, 'container'), join(dist, 'container'));

const files = filesOf(dist);
const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
console.log(`dist: ${files.length} files, ${(bytes / 1024 / 1024).toFixed(1)} MiB`);

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
