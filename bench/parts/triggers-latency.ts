/** From produce to the function: deployed, in virtual time; and on one machine, in real time. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assumedDelay } from '../counted/triggers-costs.ts';
import { latencies, simulatedDelay } from '../counted/triggers-latency.ts';
import { ASSUMED } from '../counted/triggers-world.ts';
import { ASSUMED_MS } from '../dollars.ts';
import type { Figure } from '../figure.ts';
import { type DispatcherJob, TOPIC, type WakeResult } from '../load/trigger-job.ts';
import type { Part, PartContext } from '../part.ts';
import { runProgram } from '../processes/child.ts';
import { startMillrace } from '../processes/millrace.ts';
import { quantile } from '../statistics.ts';

const DEPLOYED_BOUND_MS = 400;
const LOCAL_BOUND_MS = 25;
/** Records of a round, and what lies between: longer than a dispatcher stays with a partition, and shorter. */
const ALONE = { gapMs: 1_300, records: 5 };
const STEADY = { gapMs: 40, records: 40 };
/** Of the server, before anything counts. */
const WARM_UP = { gapMs: 20, records: 50 };
const SIMULATED_RECORDS = 500;

interface Row {
  name: string;
  ms: readonly number[];
  boundMs?: number;
}

export const triggerLatency: Part = {
  name: 'trigger-latency',
  summary: 'produce to handler started: deployed (virtual time), and with the local dispatcher',
  run: async (context) => {
    const deployed = await simulated();
    const local = [...(await inProcess(context)), ...(await inThreads(context))];
    return {
      figures: [...deployed, ...local].flatMap(figureOf),
      tables: [
        {
          ...tableOf(
            'Deployed, in virtual time: milliseconds from the produce call to the handler’s first line',
            deployed,
          ),
          notes: [
            `The stream is polled every ${ASSUMED.streamPoll} ms, records come at any time between; the stream has a write at once; warm environments.`,
            `Taken: router ${ASSUMED.routerStart} ms after the poll, asynchronous invocation answered after ${ASSUMED.wakeAnswered} ms and started ${ASSUMED.dispatcherStart} ms later, function ${ASSUMED.handlerStart} ms.`,
            `Storage: ${ASSUMED_MS.tableCall} ms a call (bench/dollars.ts); with the bad network of the simulation 1 to 10 ms a way, one way in 20 up to 500 ms.`,
          ],
        },
        tableOf('On this machine: milliseconds from the produce call to the handler', local),
      ],
    };
  },
};

function figureOf({ name, ms, boundMs }: Row): Figure[] {
  if (boundMs === undefined) return [];
  const bound = { kind: 'below', value: boundMs } as const;
  return [{ name: `Produce to handler started, p50: ${name}`, value: quantile(ms, 0.5), show: inMs, bound }];
}

function inMs(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

function tableOf(title: string, rows: readonly Row[]) {
  return {
    title,
    columns: ['', 'records', 'p50', 'p90', 'p99'],
    rows: rows.map(({ name, ms }) => [
      name,
      String(ms.length),
      ...[0.5, 0.9, 0.99].map((q) => quantile(ms, q).toFixed(1)),
    ]),
  };
}

async function simulated(): Promise<Row[]> {
  const shape = { records: SIMULATED_RECORDS, seed: 11 };
  const alone = { ...shape, gapMs: 10_000 };
  const steady = { ...shape, gapMs: 500 };
  return [
    {
      name: 'deployed, each wakes a dispatcher',
      ms: await latencies({ ...alone, delay: assumedDelay }),
      boundMs: DEPLOYED_BOUND_MS,
    },
    {
      name: 'deployed, one every 0.5 s',
      ms: await latencies({ ...steady, delay: assumedDelay }),
      boundMs: DEPLOYED_BOUND_MS,
    },
    { name: 'the first with a bad network', ms: await latencies({ ...alone, delay: simulatedDelay }) },
    { name: 'the second with a bad network', ms: await latencies({ ...steady, delay: simulatedDelay }) },
  ];
}

/** The dispatcher alone, woken by the heads of its own process, with a function of the same thread. */
async function inProcess({ directory, rounds }: PartContext): Promise<Row[]> {
  const series = [ALONE, STEADY].map(({ gapMs, records }) => ({ gapMs, records: records * rounds }));
  const job: DispatcherJob = { directory: makeDataDirectory(directory), work: 'wake', series };
  const output = await runProgram(new URL('../load/trigger-dispatcher.ts', import.meta.url), JSON.stringify(job));
  const [alone = [], steady = []] = JSON.parse(output) as WakeResult;
  return [
    { name: 'local dispatcher, the lease is taken', ms: alone, boundMs: LOCAL_BOUND_MS },
    { name: 'local dispatcher, the lease is held', ms: steady, boundMs: LOCAL_BOUND_MS },
  ];
}

/** The local server as a developer starts it: produced over HTTP, the handler in a thread. */
async function inThreads(context: PartContext): Promise<Row[]> {
  const handler = fileURLToPath(new URL('../load/trigger-handler.handler', import.meta.url));
  const started = join(context.directory, 'started');
  const file = join(context.directory, 'triggers.json');
  const trigger = { name: 'bench', topic: TOPIC, handler, environment: { STARTED_FILE: started } };
  writeFileSync(file, JSON.stringify({ triggers: [trigger] }));
  const server = await startMillrace(context, { triggers: file });
  const measured = async (records: number, gapMs: number) => {
    writeFileSync(started, '');
    const begun: number[] = [];
    for (let number = 0; number < records; number++) {
      await sleep(gapMs);
      begun.push(performance.timeOrigin + performance.now());
      await produce(server.port, String(number));
    }
    await sleep(ALONE.gapMs);
    const lines = readFileSync(started, 'utf8').trim().split('\n');
    if (lines.length !== records) throw new Error(`${lines.length} of ${records} records were delivered`);
    return lines.map((line) => {
      const [number, startedMs] = line.split(' ').map(Number);
      return (startedMs ?? Number.NaN) - (begun[number ?? 0] ?? Number.NaN);
    });
  };
  try {
    await measured(WARM_UP.records, WARM_UP.gapMs);
    const [alone, steady] = [
      await measured(ALONE.records * context.rounds, ALONE.gapMs),
      await measured(STEADY.records * context.rounds, STEADY.gapMs),
    ];
    return [
      { name: 'local server and a thread, the lease is taken', ms: alone, boundMs: LOCAL_BOUND_MS },
      { name: 'local server and a thread, the lease is held', ms: steady, boundMs: LOCAL_BOUND_MS },
    ];
  } finally {
    await server.stop();
  }
}

async function produce(port: number, value: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/topics/${TOPIC}/records`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ records: [{ value, partition: 0 }] }),
  });
  if (!answer.ok) throw new Error(`produce was answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

/** Of its own, beside the server's. */
function makeDataDirectory(directory: string): string {
  const data = join(directory, 'dispatcher');
  mkdirSync(data);
  return data;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
