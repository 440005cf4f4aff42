/**
 * librdkafka with its own tests: built once, from the sources that a package on npm has, into a directory that is not
 * in the repository.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Has the sources of librdkafka 2.15.1 in it. */
const PACKAGE = '@confluentinc/kafka-javascript@1.10.1';
const HOME = process.env['MILLRACE_LIBRDKAFKA'] || join(import.meta.dirname, '../../.librdkafka');
const SOURCES = join(HOME, 'package/deps/librdkafka');
/** The tests run where they are: they read files beside them. */
export const TESTS = join(SOURCES, 'tests');
export const LIBRARIES = ['src', 'src-cpp'].map((directory) => join(SOURCES, directory)).join(':');

/**
 * Needs a C++ compiler and make, and the headers of OpenSSL, zlib, zstd and RapidJSON. Some three minutes of a
 * processor, where it isn't built yet.
 */
export function build(): void {
  if (testsMissing() === undefined) return;
  rmSync(join(HOME, 'package'), { recursive: true, force: true });
  mkdirSync(HOME, { recursive: true });
  execFileSync('npm', ['pack', '--silent', PACKAGE], { cwd: HOME, stdio: 'inherit' });
  const archive = readdirSync(HOME).find((name) => name.endsWith('.tgz'));
  if (archive === undefined) throw new Error('npm packed nothing');
  execFileSync('tar', ['xf', archive], { cwd: HOME });
  const run = (file: string, ...args: string[]) => execFileSync(file, args, { cwd: SOURCES, stdio: 'inherit' });
  run('bash', './configure', '--disable-curl', '--disable-sasl', '--disable-optimization', '--disable-debug-symbols');
  run('make', '-j2', '-C', 'src', 'librdkafka.so', 'librdkafka.a');
  run('make', '-j2', '-C', 'src-cpp', 'librdkafka++.so', 'librdkafka++.a');
  run('make', '-j2', '-C', 'tests', 'test-runner');
}

/** Why the tests can't be run here; `undefined` where they can. */
export function testsMissing(): string | undefined {
  if (existsSync(join(TESTS, 'test-runner'))) return undefined;
  return "librdkafka's tests are not built: run `node test/peers/kafka/librdkafka.ts build`, three minutes of a processor";
}

/** Those that need a broker, as librdkafka declares them: neither local, nor for a person who looks on. */
export function declaredTests(): string[] {
  const source = readFileSync(join(TESTS, 'test.c'), 'utf8');
  const declarations = source.matchAll(/^ {4}_TEST\(\s*(?<name>\d{4}_\w+),\s*(?<flags>\w+)/gm);
  return Array.from(declarations, ({ groups }) => groups as { name: string; flags: string })
    .filter(({ flags }) => flags !== 'TEST_F_LOCAL' && flags !== 'TEST_F_MANUAL')
    .map(({ name }) => name);
}
