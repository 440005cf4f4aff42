/**
 * franz-go's own tests as one program: their sources are in the module, which the Go proxy has; it is built once, into
 * a directory that is not in the repository.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const VERSION = 'v1.22.2';
const HOME = join(import.meta.dirname, '../../.franz-go');
export const BINARY = join(HOME, `kgo-${VERSION}.test`);
const DOWNLOAD_MS_MAX = 120_000;
/** With Go's standard library, where nothing is cached. */
const BUILD_MS_MAX = 300_000;

const run = promisify(execFile);

/** Throws where Go is not there, or neither its module cache nor a proxy has the module. */
export async function buildTests(): Promise<void> {
  if (existsSync(BINARY)) return;
  mkdirSync(HOME, { recursive: true });
  const module = `github.com/twmb/franz-go@${VERSION}`;
  const download = { cwd: HOME, timeout: DOWNLOAD_MS_MAX };
  const { stdout } = await run('go', ['mod', 'download', '-json', module], download);
  const { Dir: sources } = JSON.parse(stdout) as { Dir: string };
  await run('go', ['test', '-c', '-o', BINARY, './pkg/kgo'], { cwd: sources, timeout: BUILD_MS_MAX });
}

/** Why franz-go's tests can't be run here; `undefined` where they can, built if need be. */
export async function testsMissing(): Promise<string | undefined> {
  try {
    await buildTests();
    return undefined;
  } catch (error) {
    return `franz-go's tests can't be built, which needs Go and its module proxy: ${String(error)}`;
  }
}
