/**
 * Runs Kafka's own tools, the tests of Streams, Connect and MirrorMaker 2, all from their published jars, against a
 * gateway of this checkout, and verifies what they did. Each scenario has a gateway of its own. `--help` says how it is
 * used.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startGateway } from './java/gateway.ts';
import { fetchJars, jarsMissing } from './java/jars.ts';
import { killLeftProcesses } from './java/jvm.ts';
import { type ScenarioName, scenarioNames, scenarios } from './java/scenarios.ts';

interface Outcome {
  name: ScenarioName;
  passed: boolean;
  seconds: number;
  /** What was seen to be true. */
  notes: string[];
}

const COLUMN = Math.max(...scenarioNames.map((name) => name.length));

const HELP = `Kafka's Java clients and tools against a gateway of this checkout. Needs Java 17 and kcat.

  node test/peers/kafka/java.ts fetch          once: has Maven copy Kafka's jars
  node test/peers/kafka/java.ts                all scenarios, one after the other: some twenty minutes
  node test/peers/kafka/java.ts <scenario> …   these

It says what was verified, ends with a table, and exits with 1 if anything was not as it has to be. What it has started ends with it.

Scenarios:
${scenarioNames.map((name) => `  ${name.padEnd(COLUMN)}  ${scenarios[name].about}`).join('\n')}`;

async function run(name: ScenarioName): Promise<Outcome> {
  const scenario = scenarios[name];
  const directory = mkdtempSync(join(tmpdir(), 'millrace-java-'));
  const removeFiles = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeFiles);
  const start = performance.now();
  const notes: string[] = [];
  const note = (fact: string) => {
    notes.push(fact);
    console.log(`${name}: ${fact}`);
  };
  const gateway = await startGateway(join(directory, 'data'), scenario.serverFlags?.(directory));
  let passed = false;
  try {
    await scenario.run({ bootstrap: gateway.bootstrap, directory, note });
    passed = true;
  } catch (error) {
    console.error(error, ...(await killLeftProcesses()));
  } finally {
    await gateway.stop();
    removeFiles();
    process.removeListener('exit', removeFiles);
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(`${name}: ${passed ? 'passed' : 'FAILED'}, ${seconds.toFixed(1)} s`);
  return { name, passed, seconds, notes };
}

/** As lines of Markdown. */
function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ name, passed, seconds, notes }) =>
    [name, notes.join('; '), `${Math.round(seconds)}`, passed ? 'passed' : 'FAILED'].join(' | '),
  );
  return ['scenario | verified | seconds | outcome', '---|---|---|---', ...rows].map((row) => `| ${row} |`).join('\n');
}

async function runAll(names: readonly ScenarioName[]): Promise<boolean> {
  const outcomes: Outcome[] = [];
  for (const name of names) outcomes.push(await run(name));
  const failed = outcomes.filter(({ passed }) => !passed).length;
  console.log(`\n${tableOf(outcomes)}\n\n${outcomes.length - failed} of ${outcomes.length} passed`);
  return failed === 0;
}

function isScenario(name: string): name is ScenarioName {
  return (scenarioNames as readonly string[]).includes(name);
}

// What it has started, and its files, go when it exits, which it would not do by itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
});
const unknown = positionals.filter((name) => name !== 'fetch' && !isScenario(name));
if (values.help) {
  console.log(HELP);
} else if (unknown.length > 0) {
  console.error(`There is no scenario ${unknown.join(' ')}; there are ${scenarioNames.join(' ')}.`);
  process.exitCode = 1;
} else if (positionals.includes('fetch')) {
  fetchJars();
} else if (jarsMissing !== undefined) {
  console.error(jarsMissing);
  process.exitCode = 1;
} else {
  const passed = await runAll(positionals.length > 0 ? positionals.filter(isScenario) : scenarioNames);
  process.exitCode = passed ? 0 : 1;
}
