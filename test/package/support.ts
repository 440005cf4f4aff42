/**
 * The package as its users have it: packed by npm, unpacked into another project, with nothing beside it but what it
 * declares. Dependencies are links to this checkout's, because the registry may be out of reach; what is not declared
 * is not linked, and so not found.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, '../..');

interface Manifest {
  version: string;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

export interface Project {
  directory: string;
  /** The files of the package, relative to it. */
  files: string[];
  /** Where the package is unpacked. */
  packageDirectory: string;
  manifest: Manifest;
  /** Runs a module in the project and returns what it prints. */
  runModule(source: string): Promise<string>;
  /** Runs a command of the project's `node_modules/.bin`, or this checkout's. */
  runCommand(command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string; code: number }>;
  /** Starts a command and resolves with the first line it prints. */
  startCommand(command: string, args: readonly string[]): Promise<{ line: string; process: ChildProcess }>;
  remove(): void;
}

export async function makeProject(): Promise<Project> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-package-'));
  const modules = join(directory, 'node_modules');
  const packageDirectory = join(modules, 'millrace');
  mkdirSync(packageDirectory, { recursive: true });
  const tarball = await pack(directory);
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', packageDirectory]);
  const { stdout } = await run('tar', ['-tzf', tarball]);
  const files = stdout
    .trim()
    .split('\n')
    .map((name) => name.replace(/^package\//, ''));
  const manifest = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8')) as Manifest;
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) link(modules, name);
  linkCommands(modules, manifest);
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  return {
    directory,
    files,
    packageDirectory,
    manifest,
    ...commandsIn(directory),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** `npm pack` builds first, by the package's own script. */
async function pack(directory: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory], {
    cwd: ROOT,
    maxBuffer: 64 * 1024 * 1024,
  });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as { filename: string }[];
  if (packed === undefined) throw new Error(`npm pack said ${stdout}`);
  return join(directory, packed.filename);
}

function link(modules: string, name: string): void {
  const target = join(ROOT, 'node_modules', name);
  if (!existsSync(target)) throw new Error(`the dependency ${name} is not installed`);
  mkdirSync(dirname(join(modules, name)), { recursive: true });
  symlinkSync(target, join(modules, name), 'dir');
}

function linkCommands(modules: string, { bin }: Manifest): void {
  mkdirSync(join(modules, '.bin'));
  for (const [command, file] of Object.entries(bin)) {
    symlinkSync(join('..', 'millrace', file), join(modules, '.bin', command));
  }
}

function commandsIn(directory: string): Pick<Project, 'runModule' | 'runCommand' | 'startCommand'> {
  const bins = [join(directory, 'node_modules/.bin'), join(ROOT, 'node_modules/.bin')];
  const env = { ...process.env, PATH: [...bins, process.env['PATH']].join(delimiter) };
  const options = { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 };
  let modules = 0;
  return {
    runModule: async (source) => {
      const file = join(directory, `module-${++modules}.mjs`);
      writeFileSync(file, source);
      return (await run('node', [file], options)).stdout;
    },
    runCommand: async (command, args) => {
      try {
        return { ...(await run(command, args, options)), code: 0 };
      } catch (error) {
        const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
        return { stdout, stderr, code };
      }
    },
    startCommand: async (command, args) => {
      const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
      const killWithParent = () => child.kill('SIGKILL');
      process.once('exit', killWithParent);
      child.once('exit', () => process.removeListener('exit', killWithParent));
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      return { line, process: child };
    },
  };
}
