/**
 * Lambda bundles: one ESM file per entry, everything inside, built by esbuild in this process.
 *
 * Guarantees:
 * - The same sources and the same esbuild give the same bytes, wherever the checkout is and wherever the bundle goes:
 *   the build pretends to write to a fixed place below the project, so no path of this machine reaches the source map.
 *   CDK's asset hash is taken over these bytes, so an unchanged function is not deployed again.
 * - No network and no Docker.
 * - A failed build throws esbuild's own messages and leaves the output directory as it was.
 *
 * The AWS SDK is bundled too, although Lambda's Node.js runtime brings one: the bundled copy is the version of the
 * lockfile, and tree shaking makes it load faster than the runtime's.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import type * as esbuild from 'esbuild';

/** The file in every bundle directory; a handler is named `index.handler`. */
export const BUNDLE_FILE = 'index.mjs';

export interface LambdaBundle {
  /** The entry's name without its extension: `produce`. */
  name: string;
  /** The minified bundle, absolute. */
  file: string;
  bundleBytes: number;
  sourceMapBytes: number;
  /** SHA-256 of the bundle and its source map, hex. */
  sha256: string;
}

/**
 * CommonJS packages inside an ES module ask for `require`, which ES modules lack. The alias keeps clear of a bundled
 * file's own import of `createRequire`.
 */
const REQUIRE_BANNER =
  "import{createRequire as bundleRequire}from'node:module';const require=bundleRequire(import.meta.url);";

const ZOD_WITHOUT_TRANSLATIONS = join(import.meta.dirname, 'zod-in-bundles', `zod${extname(import.meta.filename)}`);

/**
 * Bundles one entry file into `outDir` as `index.mjs` and `index.mjs.map`. Synchronous, because CDK builds assets in
 * constructors.
 */
export function bundleLambda(entry: string, outDir: string): LambdaBundle {
  const entryFile = resolve(entry);
  if (!existsSync(entryFile)) throw new Error(`There is no Lambda entry ${entryFile}.`);
  const name = basename(entryFile, extname(entryFile));
  const projectDirectory = projectOf(entryFile);
  const { outputFiles } = loadEsbuild().buildSync({
    entryPoints: [`./${relative(projectDirectory, entryFile)}`],
    absWorkingDir: projectDirectory,
    outfile: join('dist', 'lambdas', name, BUNDLE_FILE),
    write: false,
    bundle: true,
    minify: true,
    treeShaking: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Packages that ship both forms: only their ES modules can be tree-shaken.
    mainFields: ['module', 'main'],
    // Longer names first: the module that stands in for zod asks for the packages' own parts.
    alias: { 'zod/v4/core': 'zod/v4/core', 'zod/v4': 'zod/v4', zod: ZOD_WITHOUT_TRANSLATIONS },
    banner: { js: REQUIRE_BANNER },
    // Read by `NODE_OPTIONS=--enable-source-maps`: stack traces name the TypeScript lines.
    sourcemap: 'linked',
    // Names and line numbers are enough for a stack trace; the sources would triple the package.
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'silent',
  });
  return writeBundle(name, resolve(outDir), outputFiles);
}

/** Bundles every `*.ts` file of `entriesDirectory` into a directory of its name below `outDir`, in order of name. */
export function bundleLambdas(entriesDirectory: string, outDir: string): LambdaBundle[] {
  const entries = readdirSync(entriesDirectory)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .sort();
  return entries.map((file) => bundleLambda(join(entriesDirectory, file), join(outDir, basename(file, '.ts'))));
}

function writeBundle(name: string, outDir: string, outputs: readonly { path: string; contents: Uint8Array }[]) {
  const hash = createHash('sha256');
  let bundleBytes = 0;
  let sourceMapBytes = 0;
  mkdirSync(outDir, { recursive: true });
  for (const output of [...outputs].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(basename(output.path)).update(output.contents);
    if (output.path.endsWith('.map')) sourceMapBytes = output.contents.length;
    else bundleBytes = output.contents.length;
    writeFileSync(join(outDir, basename(output.path)), output.contents);
  }
  return { name, file: join(outDir, BUNDLE_FILE), bundleBytes, sourceMapBytes, sha256: hash.digest('hex') };
}

/** The nearest directory above `file` with a package.json; the place that source map paths are relative to. */
function projectOf(file: string): string {
  let directory = dirname(file);
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`No package.json above ${file}.`);
    directory = parent;
  }
  return directory;
}

/** On demand, because users of the published constructs have prebuilt bundles and no esbuild. */
function loadEsbuild(): typeof esbuild {
  return createRequire(import.meta.url)('esbuild') as typeof esbuild;
}
