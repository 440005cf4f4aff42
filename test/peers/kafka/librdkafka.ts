/**
 * Points librdkafka's own tests at gateways of this checkout, and says of each whether what became of it was expected:
 * see HELP.
 */
import { parseArgs } from 'node:util';
import { build, declaredTests, testsMissing } from './librdkafka/built-tree.ts';
import { EXPECTED, PROTOCOLS, type Protocol, WITHOUT_BROKER } from './librdkafka/expected.ts';
import { openLibrdkafka } from './librdkafka/run-tests.ts';
import { isExpected, type Row, runTable, summaryOf } from './librdkafka/table.ts';

const HELP = `Points librdkafka's own tests at gateways of this checkout.

  node test/peers/kafka/librdkafka.ts build      once: from its sources on npm, with a C++ compiler
  node test/peers/kafka/librdkafka.ts [flags]    all that need a broker
  node test/peers/kafka/librdkafka.ts [flags] 0012_produce_consume …

  --protocol <classic|consumer|share>  Of their groups; share are those of share groups. All three, unless given. May be repeated.
  --parallel <n>                       Tests at a time; they wait more than they work. What fails beside others is run again alone. [3]
  --patience <factor>                  How much longer than usual they wait for what they expect; more on a busy machine. [1]
  --help                               Print this.

Prints a line for each and ends with 1 where one did not come out as librdkafka/expected.ts says. Those that use Kafka's scripts need
Java and Kafka's jars (\`node test/peers/kafka/java.ts fetch\`). MILLRACE_LIBRDKAFKA names a directory that the tests are built in.`;

const NAME_WIDTH = 48;
const OUTCOME_WIDTH = 16;

interface Options {
  names: readonly string[];
  protocols: readonly Protocol[];
  parallel: number;
  patience: number;
}

function parseOptions(args: readonly string[]): Options | undefined {
  const { positionals: names, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      protocol: { type: 'string', multiple: true, default: [...PROTOCOLS] },
      parallel: { type: 'string', default: '3' },
      patience: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const protocols = PROTOCOLS.filter((protocol) => values.protocol.includes(protocol));
  const unknown = values.protocol.filter((protocol) => !PROTOCOLS.includes(protocol as Protocol));
  if (unknown.length > 0) throw new Error(`--protocol ${unknown.join(', ')}: is none of ${PROTOCOLS.join(', ')}`);
  return {
    names,
    protocols,
    parallel: positive('parallel', values.parallel),
    patience: positive('patience', values.patience),
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${flag} ${text}: must be more than 0`);
  return value;
}

/**
 * Of one protocol: those that were asked for, or all. Of the tests that there are each must be expected in some way.
 */
function namesFor(protocol: Protocol, asked: readonly string[]): string[] {
  const known = EXPECTED[protocol];
  if (asked.length > 0) return asked.filter((name) => known.has(name));
  const others = declaredTests().filter((name) => !PROTOCOLS.some((of) => EXPECTED[of].has(name)));
  return [...known.keys(), ...others.filter((name) => !WITHOUT_BROKER.has(name))];
}

function print(row: Row): void {
  const { name, outcome, seconds, isAgain } = row;
  const why = [...(isAgain ? ['(again, alone)'] : []), row.why].join(' ');
  const mark = isExpected(row) ? '' : `NOT EXPECTED (${row.expected?.outcome ?? 'not in the table'}) `;
  const columns = [name.padEnd(NAME_WIDTH), outcome.padEnd(OUTCOME_WIDTH), `${seconds.toFixed(1)} s`.padStart(8)];
  console.log(`${columns.join(' ')}  ${mark}${why}`.trimEnd());
  if (mark !== '') console.log(row.tail.replaceAll(/^/gm, '    | '));
}

/** Whether all came out as expected. */
async function run({ names, protocols, parallel, patience }: Options): Promise<boolean> {
  const unknown = names.filter((name) => !PROTOCOLS.some((protocol) => EXPECTED[protocol].has(name)));
  if (unknown.length > 0) throw new Error(`no such test: ${unknown.join(' ')}`);
  const summaries: string[] = [];
  let expected = true;
  for (const protocol of protocols) {
    const librdkafka = openLibrdkafka([`test.timeout.multiplier=${patience}`]);
    try {
      const chosen = namesFor(protocol, names);
      if (chosen.length === 0) continue;
      console.log(`\n${protocol}: ${chosen.length} tests`);
      const rows = await runTable(librdkafka, chosen, { protocol, parallel, patience, report: print });
      summaries.push(summaryOf(protocol, rows));
      expected = expected && rows.every(isExpected);
    } finally {
      await librdkafka.close();
    }
  }
  console.log(`\n${summaries.join('\n')}`);
  return expected;
}

// The gateways and tests that it has started end when it exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

function optionsOrExit(): Options | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

const options = optionsOrExit();
const missing = testsMissing();
if (options === undefined) {
  console.log(HELP);
} else if (options.names[0] === 'build') {
  build();
} else if (missing !== undefined) {
  console.error(missing);
  process.exitCode = 1;
} else {
  process.exitCode = (await run(options)) ? 0 : 1;
}
