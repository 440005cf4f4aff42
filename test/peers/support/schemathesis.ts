/**
 * Schemathesis, a property-based tester of HTTP APIs: from an OpenAPI description it makes requests that fit and
 * requests that don't, and holds the answers against the description. Installed by `npm run peers:python` into a
 * directory of its own.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../.venv/bin/schemathesis');

/** Why it can't run on this machine, or `undefined` where it can. */
export function schemathesisMissing(): string | undefined {
  return existsSync(PROGRAM) ? undefined : 'schemathesis is not installed: run `npm run peers:python`';
}

/** That the server doesn't fail, and that every answer is as it is described. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'unsupported_method',
  'allow_header_conformance',
];

export interface SchemathesisRun {
  url: string;
  apiKey: string;
  description: object;
  /** Requests made of each operation, at most. */
  examplesMax: number;
  seed: number;
  /** Operations by id; all where absent. */
  operations?: readonly string[];
}

export interface SchemathesisResult {
  /** Nothing was found. */
  passed: boolean;
  /** How many requests were made. */
  requests: number;
  output: string;
}

export async function runSchemathesis(run: SchemathesisRun): Promise<SchemathesisResult> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-schemathesis-'));
  const file = join(directory, 'description.json');
  await writeFile(file, JSON.stringify(run.description));
  const args = ['run', file, '--url', run.url, '--checks', CHECKS.join(','), '--seed', String(run.seed)];
  args.push('--max-examples', String(run.examplesMax), '--header', `Authorization: Bearer ${run.apiKey}`);
  args.push('--continue-on-failure', '--warnings', 'off', '--suppress-health-check', 'all');
  for (const operation of run.operations ?? []) args.push('--include-operation-id', operation);
  try {
    const { code, output } = await execute(args, directory);
    const requests = Number(/(\d+) generated/.exec(output)?.[1] ?? 0);
    return { passed: code === 0, requests, output };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function execute(args: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  const env = { ...process.env, COLUMNS: '200', NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(PROGRAM, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}
