/** `npm run bench`: runs the parts, tells its progress on stderr, and ends with one table of figures on stdout. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Figure, isMet } from './figure.ts';
import { type Options, parseOptions, USAGE, UsageError } from './options.ts';
import type { Part } from './part.ts';
import { clean } from './parts/clean.ts';
import { compact } from './parts/compact.ts';
import { costs } from './parts/costs.ts';
import { day } from './parts/day.ts';
import { directRead } from './parts/direct-read.ts';
import { groups } from './parts/groups.ts';
import { idempotentProduce } from './parts/idempotent-produce.ts';
import { inlineThreshold } from './parts/inline-threshold.ts';
import { kafkaConsume } from './parts/kafka-consume.ts';
import { kafkaLatency } from './parts/kafka-latency.ts';
import { kafkaMemory } from './parts/kafka-memory.ts';
import { kafkaPeer, kafkaPeerS3 } from './parts/kafka-peer.ts';
import { kafkaProduce } from './parts/kafka-produce.ts';
import { lambdaInit } from './parts/lambda-init.ts';
import { lifecycleCosts } from './parts/lifecycle-costs.ts';
import { lifecycleMemory } from './parts/lifecycle-memory.ts';
import { longPoll } from './parts/long-poll.ts';
import { memory } from './parts/memory.ts';
import { produceJson } from './parts/produce-json.ts';
import { fetchBatches, produceBatches } from './parts/raw-batches.ts';
import { rebalance } from './parts/rebalance.ts';
import { replication } from './parts/replication.ts';
import { sdkProducer } from './parts/sdk-producer.ts';
import { triggers } from './parts/triggers.ts';
import { triggerCosts } from './parts/triggers-costs.ts';
import { triggerLatency } from './parts/triggers-latency.ts';
import { figureTable, formatTable } from './table.ts';

const PARTS: readonly Part[] = [
  produceJson,
  produceBatches,
  fetchBatches,
  kafkaProduce,
  kafkaConsume,
  kafkaLatency,
  kafkaMemory,
  kafkaPeer,
  kafkaPeerS3,
  directRead,
  sdkProducer,
  idempotentProduce,
  replication,
  groups,
  rebalance,
  triggers,
  triggerLatency,
  memory,
  clean,
  compact,
  costs,
  triggerCosts,
  lifecycleCosts,
  lifecycleMemory,
  day,
  longPoll,
  inlineThreshold,
  lambdaInit,
];

async function runParts(options: Options, parts: readonly Part[]): Promise<Figure[]> {
  mkdirSync(options.directory, { recursive: true });
  const directory = mkdtempSync(join(resolve(options.directory), 'bench-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const figures: Figure[] = [];
  for (const part of parts) {
    const own = join(directory, part.name);
    mkdirSync(own);
    const progress = (text: string) => console.error(`${part.name}: ${text}`);
    const { rounds, profileDirectory } = options;
    const report = await part.run({ directory: own, rounds, profileDirectory, progress });
    figures.push(...report.figures);
    for (const table of report.tables ?? []) console.log(formatTable(table));
    rmSync(own, { recursive: true, force: true });
  }
  return figures;
}

function missed(figures: readonly Figure[]): boolean {
  const required = process.env['MILLRACE_REQUIRE_PEERS'] === '1';
  return figures.some((figure) => isMet(figure) === false || (required && 'skipped' in figure));
}

async function main(args: readonly string[]): Promise<number> {
  const names = PARTS.map(({ name }) => name);
  const options = parseOptions(args, names);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  if (options.list) {
    const width = Math.max(...names.map(({ length }) => length));
    for (const { name, summary } of PARTS) console.log(`${name.padEnd(width)}  ${summary}`);
    return 0;
  }
  const wanted = PARTS.filter(({ name }) => options.parts.length === 0 || options.parts.includes(name));
  const figures = await runParts(options, wanted);
  console.log(formatTable(figureTable(figures)));
  return options.check && missed(figures) ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
