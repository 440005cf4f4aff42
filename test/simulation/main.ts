/**
 * `npm run simulate -- --histories N --seed S [--plant BUG]`: runs N histories from seed S on, prints the seeds of
 * those in which a checker found something, and with one history (`--replay SEED`) every step of it.
 */
import { parseArgs } from 'node:util';
import { type PlantName, plants } from './plants.ts';
import { runInThreads } from './pool.ts';
import { type RunSummary, runHistories } from './runner.ts';
import { simulate } from './world.ts';

const HELP = `Usage: npm run simulate -- [options]

  --histories N   how many histories to run (default 1000)
  --seed S        the first one's seed (default 1)
  --groups        histories of consumer groups only
  --triggers      histories of triggers only
  --lifecycle     histories of what becomes of stored logs only
  --plant BUG     run a program with a planted bug; succeeds if a checker catches it
  --replay SEED   run one history and print every step
  --help          this text

Planted bugs:
${Object.entries(plants)
  .map(([name, { about }]) => `  ${name.padEnd(25)} ${about}`)
  .join('\n')}
`;

const flags = readFlags();

if (flags.help) {
  process.stdout.write(HELP);
} else {
  process.exitCode = await main();
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        histories: { type: 'string', default: '1000' },
        seed: { type: 'string', default: '1' },
        groups: { type: 'boolean', default: false },
        triggers: { type: 'boolean', default: false },
        lifecycle: { type: 'boolean', default: false },
        plant: { type: 'string' },
        replay: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // Only the first of its sentences says what is wrong.
    console.error(`${(error as Error).message.split('. ', 1)[0]}; see --help`);
    process.exit(2);
  }
}

async function main(): Promise<number> {
  const plant = plantNamed(flags.plant);
  if (flags.replay !== undefined) return replay(wholeNumber('--replay', flags.replay), plant);
  const histories = wholeNumber('--histories', flags.histories);
  const firstSeed = wholeNumber('--seed', flags.seed);
  const started = performance.now();
  const kind = (['groups', 'triggers', 'lifecycle'] as const).find((name) => flags[name]);
  const options = { histories, firstSeed, plant, kind, onProgress: progress(histories) };
  // A planted bug is looked for from the first seed on, one history at a time.
  const summary =
    plant === undefined ? await runInThreads(options) : await runHistories({ ...options, stopAtFirst: true });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  process.stderr.write('\n');
  console.log(
    `${summary.histories} histories, ${summary.events} steps, ${summary.acked} acks, ${summary.deleted} topics deleted, ${seconds} s`,
  );
  console.log(`calls: ${listed(summary.faults)}`);
  console.log(`producers: ${listed(summary.producers)}`);
  console.log(`replicas: ${listed(summary.replicas)}`);
  console.log(`groups: ${listed(summary.groups)}`);
  console.log(`triggers: ${listed(summary.triggers)}`);
  console.log(`lifecycle: ${listed(summary.lifecycle)}`);
  for (const { seed, violations } of summary.failed.slice(0, 20)) {
    console.log(`seed ${seed}: ${violations.length} violations; replay with --replay ${seed}`);
    for (const { checker, what } of violations.slice(0, 3)) console.log(`  ${checker}: ${what}`);
  }
  if (plant !== undefined) {
    const caught = summary.failed.length > 0;
    console.log(caught ? `${plant}: caught in history ${summary.histories}` : `${plant}: NOT caught`);
    return caught ? 0 : 1;
  }
  console.log(`${summary.histories - summary.failed.length} passed, ${summary.failed.length} failed`);
  return summary.failed.length === 0 ? 0 : 1;
}

async function replay(seed: number, plant: PlantName | undefined): Promise<number> {
  const { violations, fingerprint } = await simulate({ seed, plant, trace: (line) => console.log(line) });
  for (const { checker, what } of violations) console.log(`VIOLATION ${checker}: ${what}`);
  console.log(`fingerprint ${fingerprint}, ${violations.length} violations`);
  return violations.length === 0 ? 0 : 1;
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
}

/** A long run says at once which seeds fail. */
function progress(total: number): (summary: RunSummary) => void {
  let told = 0;
  return ({ histories: done, failed }) => {
    for (const { seed } of failed.slice(told)) process.stderr.write(`\nseed ${seed} fails\n`);
    told = failed.length;
    if (done % 50 === 0 || done >= total) process.stderr.write(`\r${done}/${total} histories, ${told} failed`);
  };
}

function plantNamed(name: string | undefined): PlantName | undefined {
  if (name === undefined || Object.hasOwn(plants, name)) return name as PlantName | undefined;
  console.error(`There is no planted bug "${name}"; there are: ${Object.keys(plants).join(', ')}.`);
  process.exit(2);
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`${flag} takes a whole number, not "${text}".`);
  process.exit(2);
}
