/**
 * Points franz-go's own tests at a gateway of this checkout, and says of each whether what became of it was expected:
 * see HELP.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BINARY, buildTests } from './franz-go/binary.ts';
import { EXPECTED } from './franz-go/expected.ts';
import { type FranzGo, type Outcome, startFranzGo } from './franz-go/run-tests.ts';

const HELP = `Points franz-go's own tests at a gateway of this checkout.

  node test/peers/kafka/franz-go.ts build                 once: needs Go, and its proxy
  node test/peers/kafka/franz-go.ts [flags]               all that need a broker
  node test/peers/kafka/franz-go.ts [flags] TestPing …    these; TestTxnEtl/range is a part of one

  --records <n>  How many records the tests of groups pass on. [KGO_TEST_RECORDS; 10000]
  --help         Print this.

Prints a line for each and ends with 1 where one did not come out as franz-go/expected.ts says.`;

const TEST_MS_MAX = 300_000;
/** Lines shown of a test that did not come out as expected. */
const TAIL_LINES = 15;
const NAME_WIDTH = 58;

interface Row {
  name: string;
  outcome: Outcome | undefined;
}

function parseOptions() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      records: { type: 'string', default: process.env['KGO_TEST_RECORDS'] ?? '10000' },
      help: { type: 'boolean', default: false },
    },
  });
  const records = Number(values.records);
  if (!(records > 0)) throw new Error(`--records ${values.records}: must be more than 0`);
  const unknown = positionals.filter((name) => name !== 'build' && !EXPECTED.has(name));
  if (unknown.length > 0) throw new Error(`no such test: ${unknown.join(' ')}`);
  return { names: positionals, records, help: values.help };
}

function optionsOrExit() {
  try {
    return parseOptions();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

function isExpected({ name, outcome }: Row): boolean {
  return outcome === EXPECTED.get(name)?.outcome;
}

/** Runs a test, with those of its parts that are asked about. */
async function runTest(franzGo: FranzGo, test: string, names: readonly string[], records: number): Promise<Row[]> {
  const { outcomes, ms, output } = await franzGo.run([test], { records, msMax: TEST_MS_MAX });
  const rows = names.map((name) => ({ name, outcome: outcomes.get(name) }));
  for (const row of rows) {
    const columns = [
      row.name.padEnd(NAME_WIDTH),
      row.outcome ?? 'did not end',
      `${(ms / 1_000).toFixed(1)} s`.padStart(8),
    ];
    const expected = EXPECTED.get(row.name);
    const remark = isExpected(row) ? (expected?.why ?? '') : `NOT EXPECTED (${expected?.outcome})`;
    console.log(`${columns.join(' ')}  ${remark}`.trimEnd());
  }
  if (!rows.every(isExpected)) console.log(output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n'));
  return rows;
}

/** Whether all came out as expected. */
async function runAll(names: readonly string[], records: number): Promise<boolean> {
  const franzGo = await startFranzGo();
  const rows: Row[] = [];
  try {
    const byTest = Map.groupBy(names, (name) => name.split('/')[0] as string);
    for (const [test, own] of byTest) rows.push(...(await runTest(franzGo, test, own, records)));
  } finally {
    await franzGo.close();
  }
  const whole = rows.filter(({ name }) => !name.includes('/'));
  const counted = whole.filter(({ outcome }) => outcome !== 'SKIP');
  const passed = counted.filter(({ outcome }) => outcome === 'PASS').length;
  const unexpected = rows.filter((row) => !isExpected(row)).length;
  const percent = counted.length === 0 ? '' : ` (${((100 * passed) / counted.length).toFixed(1)} %)`;
  const skipped = whole.length - counted.length;
  console.log(
    `\n${passed} of ${counted.length} passed${percent}; ${skipped} skipped itself; ${unexpected} not as expected`,
  );
  return unexpected === 0;
}

// The gateways and tests that it has started end when it exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const { names, records, help } = optionsOrExit();
if (help) {
  console.log(HELP);
} else if (names[0] === 'build') {
  await buildTests();
} else if (!existsSync(BINARY)) {
  console.error("franz-go's tests are not built: run `node test/peers/kafka/franz-go.ts build`");
  process.exitCode = 1;
} else {
  process.exitCode = (await runAll(names.length > 0 ? names : [...EXPECTED.keys()], records)) ? 0 : 1;
}
