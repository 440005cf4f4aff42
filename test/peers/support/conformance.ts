/** Runs the conformance suite against a server that runs somewhere, in a process of its own. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The suite takes a minute on two cores, and longer beside others. */
export const CONFORMANCE_MS_MAX = 600_000;

const ROOT = join(import.meta.dirname, '../../..');

export interface ConformanceResult {
  passed: number;
  /** Full names of the tests that failed, with their first message. */
  failed: string[];
}

export interface ConformanceTarget {
  url: string;
  apiKey?: string;
  streaming: boolean;
  /** Parts of names of tests that cannot be asked of this target. */
  except?: readonly string[];
}

interface Report {
  numPassedTests: number;
  testResults: {
    name: string;
    message: string;
    status: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

export async function runConformance({
  url,
  apiKey,
  streaming,
  except = [],
}: ConformanceTarget): Promise<ConformanceResult> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-conformance-'));
  const output = join(directory, 'report.json');
  const args = ['run', '--project', 'conformance', '--reporter=json', `--outputFile=${output}`];
  if (except.length > 0) args.push('--testNamePattern', `^(?!.*(?:${except.join('|')}))`);
  const env = {
    ...process.env,
    MILLRACE_URL: url,
    MILLRACE_STREAMING: streaming ? '1' : '0',
    ...(apiKey === undefined ? {} : { MILLRACE_API_KEY: apiKey }),
  };
  try {
    const log = await vitest(args, env);
    const report = JSON.parse(await readFile(output, 'utf8').catch(() => fail(log))) as Report;
    return { passed: report.numPassedTests, failed: failuresOf(report) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function failuresOf({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (status === 'failed' && failed.length === 0) return [`${name}: ${message}`];
    return failed.map((test) => `${test.fullName}: ${test.failureMessages[0]?.slice(0, 1_000)}`);
  });
}

function vitest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const file = join(ROOT, 'node_modules/vitest/vitest.mjs');
  return new Promise((resolve) => {
    // Its exit code says that a test failed, which the report says better.
    execFile(process.execPath, [file, ...args], { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 }, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

function fail(log: string): never {
  throw new Error(`the conformance suite did not run:\n${log}`);
}
