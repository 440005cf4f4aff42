/**
 * The client's producer, a record at a time and never awaited, against requests of 100 records that somebody made by
 * hand.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { show } from '../figure.ts';
import type { SdkJob, SdkResult } from '../load/sdk-sender.ts';
import type { Part, PartContext } from '../part.ts';
import { jsonBody } from '../payloads.ts';
import { generateLoad, runProgram, type Server } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import { median, pairedRatio } from '../statistics.ts';

const VALUE_BYTES = 1_024;
const RECORDS_PER_REQUEST = 100;
const PARTITIONS = 6;
const CONNECTIONS = 32;
/** Distinct bodies. */
const BODIES = 16;
const WARM_UP_MS = 1_000;
const MEASURED_MS = 3_000;
const BOUND = 0.5;

interface Round {
  recordsPerSecond: number;
  /** Of the process that sends, by record. */
  senderCpuMicroseconds: number;
}

export const sdkProducer: Part = {
  name: 'sdk-producer',
  summary: 'records/s of 1 KiB through the client one by one, against hand-made JSON requests of 100 (32 connections)',
  run: async (context) => {
    const server = await startMillrace(context);
    try {
      await createTopic(server, 'sdk', PARTITIONS);
      await createTopic(server, 'by-hand', PARTITIONS);
      const bodies = bodyFiles(context);
      const sdk: Round[] = [];
      const byHand: Round[] = [];
      for (let round = 1; round <= context.rounds; round++) {
        sdk.push(await sdkRound(server));
        byHand.push(await byHandRound(server, bodies));
        const rates = [sdk, byHand].map((rounds) => (rounds.at(-1) as Round).recordsPerSecond.toFixed(0));
        context.progress(`round ${round} of ${context.rounds}: ${rates[0]} records/s, by hand ${rates[1]}`);
      }
      const rate = ({ recordsPerSecond }: Round) => recordsPerSecond;
      const row = (name: string, rounds: readonly Round[]) => [
        name,
        median(rounds.map(rate)).toFixed(0),
        median(rounds.map(({ senderCpuMicroseconds }) => senderCpuMicroseconds)).toFixed(1),
      ];
      const value = pairedRatio(sdk.map(rate), byHand.map(rate));
      return {
        figures: [{ name: 'SDK producer, 1 KiB', value, show: show.ratio, bound: { kind: 'at-least', value: BOUND } }],
        tables: [
          {
            title: `Records of 1 KiB to ${PARTITIONS} partitions`,
            columns: ['', 'records/s', 'sender CPU µs a record'],
            rows: [
              row('client.producer(), one by one', sdk),
              row(`JSON of ${RECORDS_PER_REQUEST} records, ${CONNECTIONS} connections`, byHand),
              ['ratio of medians of pairs', value.toFixed(2), ''],
            ],
          },
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

async function sdkRound({ port }: Server): Promise<Round> {
  const job: SdkJob = {
    port,
    topic: 'sdk',
    valueBytes: VALUE_BYTES,
    warmUpMs: WARM_UP_MS,
    measuredMs: MEASURED_MS,
  };
  const output = await runProgram(new URL('../load/sdk-sender.ts', import.meta.url), JSON.stringify(job));
  const { records, seconds, cpuSeconds } = JSON.parse(output) as SdkResult;
  return { recordsPerSecond: records / seconds, senderCpuMicroseconds: (cpuSeconds / records) * 1e6 };
}

/** The bodies are made before the round, and sent as they are: the sender does next to nothing. */
async function byHandRound({ port, pid }: Server, bodies: readonly string[]): Promise<Round> {
  const { answers, seconds, generatorCpuSeconds } = await generateLoad({
    port,
    serverPid: pid,
    connections: CONNECTIONS,
    requests: bodies.map((bodyFile) => ({
      method: 'POST',
      path: '/v1/topics/by-hand/records',
      headers: { 'content-type': 'application/json' },
      bodyFile,
    })),
    warmUpMs: WARM_UP_MS,
    measuredMs: MEASURED_MS,
    answersMax: 100_000,
  });
  const records = answers * RECORDS_PER_REQUEST;
  return { recordsPerSecond: records / seconds, senderCpuMicroseconds: (generatorCpuSeconds / records) * 1e6 };
}

function bodyFiles({ directory }: PartContext): string[] {
  return Array.from({ length: BODIES }, (_, seed) => {
    const file = join(directory, `${seed}.json`);
    const body = { records: RECORDS_PER_REQUEST, valueBytes: VALUE_BYTES, valueKind: 'text' as const, keyed: false };
    writeFileSync(file, jsonBody({ ...body, seed }));
    return file;
  });
}
