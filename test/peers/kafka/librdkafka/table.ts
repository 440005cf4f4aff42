/** Runs a table of librdkafka's tests, several at a time, and says of each whether what became of it was expected. */
import { clusterOf } from './clusters.ts';
import { ALONE, EXPECTED, type Expectation, type Outcome, type Protocol } from './expected.ts';
import type { Librdkafka, Run } from './run-tests.ts';

/** Longer than the longest takes, of which two take ten minutes. */
const RUN_MS_MAX = 900_000;
/** Lines shown of a test that did not come out as expected. */
const TAIL_LINES = 15;

export interface Row {
  name: string;
  expected: Expectation | undefined;
  outcome: Outcome;
  seconds: number;
  /** What the test says, or else what is known. */
  why: string;
  /** Whether it had failed beside others before. */
  isAgain: boolean;
  tail: string;
}

export interface TableOptions {
  protocol: Protocol;
  parallel: number;
  patience: number;
  /** Called for each as it ends. */
  report: (row: Row) => void;
}

/**
 * Of the names, those that one run of the program is about: tests are chosen by their number, and several share one.
 */
type Unit = readonly string[];

function unitsOf(names: readonly string[]): Unit[] {
  return [...Map.groupBy(names, (name) => `${name.slice(0, 4)} ${clusterOf(name)}`).values()];
}

/** What came out otherwise than expected while others were running is run again, by itself. */
export async function runTable(
  librdkafka: Librdkafka,
  names: readonly string[],
  options: TableOptions,
): Promise<Row[]> {
  const { parallel, report } = options;
  const rows: Row[] = [];
  const again: Unit[] = [];
  const done = (ended: readonly Row[]) => {
    rows.push(...ended);
    ended.forEach(report);
  };
  const units = unitsOf(names);
  const [alone, beside] = [units.filter(isAlone), units.filter((unit) => !isAlone(unit))];
  const lane = async () => {
    for (let unit = beside.shift(); unit !== undefined; unit = beside.shift()) {
      const ended = await runUnit(librdkafka, unit, options);
      if (parallel === 1 || ended.every(isExpected)) done(ended);
      else again.push(unit);
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  for (const unit of alone) done(await runUnit(librdkafka, unit, options));
  for (const unit of again) done(await runUnit(librdkafka, unit, { ...options, isAgain: true }));
  return rows;
}

function isAlone([name = '']: Unit): boolean {
  return ALONE.has(name);
}

export function isExpected({ expected, outcome }: Row): boolean {
  return outcome === (expected?.outcome ?? 'passed');
}

async function runUnit(
  librdkafka: Librdkafka,
  unit: Unit,
  { protocol, patience, isAgain = false }: TableOptions & { isAgain?: boolean },
): Promise<Row[]> {
  const run = await librdkafka.run(unit, { protocol, msMax: RUN_MS_MAX * patience });
  return unit.map((name) => {
    const expected = EXPECTED[protocol].get(name);
    const outcome = run.outcomes.get(name) ?? (wasBegun(run, name) ? 'did not end' : 'left out');
    const why = expected?.outcome === outcome ? (expected.why ?? '') : (run.reasons.get(name) ?? '');
    const tail = run.output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
    return { name, expected, outcome, seconds: run.ms / 1_000, why, isAgain, tail };
  });
}

function wasBegun({ output }: Run, name: string): boolean {
  return output.includes(` Running test ${name} `);
}

/** Of those that pass or fail, how many pass; and how many others there were. */
export function summaryOf(protocol: Protocol, rows: readonly Row[]): string {
  const counted = rows.filter(({ expected }) => expected?.counts ?? true);
  const passed = counted.filter(({ outcome }) => outcome === 'passed').length;
  const percent = counted.length === 0 ? '' : ` (${((100 * passed) / counted.length).toFixed(1)} %)`;
  const others = rows.length - counted.length;
  const unexpected = rows.filter((row) => !isExpected(row)).length;
  return (
    `${protocol}: ${passed} of ${counted.length} passed${percent}; ${others} say nothing here or need what is not supported; ` +
    `${unexpected} not as expected`
  );
}
