/** `node bench/lambda-init.ts [rounds]`: the part of the bench about Lambda bundles, alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lambdaInit } from './parts/lambda-init.ts';
import { figureTable, formatTable } from './table.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
try {
  const rounds = Number(process.argv[2] ?? 5);
  const { figures } = await lambdaInit.run({ directory, rounds, progress: (text) => console.error(text) });
  console.log(formatTable(figureTable(figures)));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
