/**
 * The poll loop of a group's only member against plain fetches of the same records, and how soon a waiting poll is
 * answered.
 */
import { show } from '../figure.ts';
import type { ReaderJob, ReaderResult } from '../load/reader.ts';
import type { WaitingJob, WaitingResult } from '../load/waiting-reader.ts';
import type { Part } from '../part.ts';
import { jsonBody } from '../payloads.ts';
import { runProgram, type Server } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import { median, pairedRatio } from '../statistics.ts';

const PARTITIONS = 6;
const RECORDS_PER_PARTITION = 10_000;
const RECORDS_PER_REQUEST = 500;
const RECORDS = PARTITIONS * RECORDS_PER_PARTITION;
const DELIVERIES = 100;
const POLL_BOUND = 0.6;
const LATENCY_BOUND_MS = 10;

export const groups: Part = {
  name: 'groups',
  summary: 'records/s of a poll loop over 6 partitions against plain fetches, and the delay of a waiting poll',
  run: async (context) => {
    const server = await startMillrace(context);
    try {
      await fill(server, 'read');
      await createTopic(server, 'waited-for', 1);
      const [polled, fetched, delays]: [number[], number[], WaitingResult[]] = [[], [], []];
      for (let round = 1; round <= context.rounds; round++) {
        polled.push(await readAll(server, `readers-${round}`));
        fetched.push(await readAll(server));
        delays.push(await wait(server, `waiting-${round}`));
        const rates = [polled, fetched].map((rounds) => (rounds.at(-1) as number).toFixed(0));
        context.progress(`round ${round} of ${context.rounds}: ${rates[0]} records/s by polls, ${rates[1]} by fetches`);
      }
      const ratio = pairedRatio(polled, fetched);
      const append = median(delays.map(({ appendMs }) => appendMs));
      const delivery = median(delays.map(({ deliveryMs }) => deliveryMs));
      const row = (name: string, rates: readonly number[]) => [name, median(rates).toFixed(0)];
      return {
        figures: [
          {
            name: 'Poll loop of one member, against plain fetches',
            value: ratio,
            show: show.ratio,
            bound: { kind: 'at-least', value: POLL_BOUND },
          },
          {
            name: 'Produce to a waiting poll, beyond the append (p50)',
            value: delivery - append,
            show: (ms: number) => `${ms.toFixed(1)} ms`,
            bound: { kind: 'below', value: LATENCY_BOUND_MS },
          },
        ],
        tables: [
          {
            title: `Reading ${RECORDS} records of 1 KiB in ${PARTITIONS} partitions, ${RECORDS_PER_REQUEST} a request`,
            columns: ['', 'records/s'],
            rows: [row('polls', polled), row('fetches', fetched), ['ratio of medians of pairs', ratio.toFixed(2)]],
          },
          {
            title: 'One record to a poll that waits',
            columns: ['', 'p50 ms'],
            rows: [
              ['produce answered', append.toFixed(1)],
              ['poll answered', delivery.toFixed(1)],
            ],
          },
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

async function fill(server: Server, topic: string): Promise<void> {
  await createTopic(server, topic, PARTITIONS);
  const shape = { records: RECORDS_PER_REQUEST, valueBytes: 1_024, valueKind: 'text' as const, keyed: false };
  const body = jsonBody({ ...shape, seed: 1 });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let written = 0; written < RECORDS_PER_PARTITION; written += RECORDS_PER_REQUEST) {
      const url = `http://127.0.0.1:${server.port}/v1/topics/${topic}/partitions/${partition}/records`;
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (!answer.ok) throw new Error(`produce was answered ${answer.status}: ${await answer.text()}`);
      await answer.arrayBuffer();
    }
  }
}

/** Records a second. */
async function readAll({ port }: Server, group?: string): Promise<number> {
  const job: ReaderJob = {
    port,
    topic: 'read',
    partitions: PARTITIONS,
    group,
    records: RECORDS,
    recordsPerRequest: RECORDS_PER_REQUEST,
  };
  const output = await runProgram(new URL('../load/reader.ts', import.meta.url), JSON.stringify(job));
  return RECORDS / (JSON.parse(output) as ReaderResult).seconds;
}

async function wait({ port }: Server, group: string): Promise<WaitingResult> {
  const job: WaitingJob = { port, topic: 'waited-for', group, records: DELIVERIES };
  const output = await runProgram(new URL('../load/waiting-reader.ts', import.meta.url), JSON.stringify(job));
  return JSON.parse(output) as WaitingResult;
}
