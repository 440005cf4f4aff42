/**
 * JSON produce: 100 records of 1 KiB a request on 32 connections, against a bare Hono server that parses the same body.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { show } from '../figure.ts';
import type { Part, PartContext } from '../part.ts';
import { jsonBody, type ValueKind } from '../payloads.ts';
import { type Server, startServer } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import { answersPerSecond, COMPARISON_COLUMNS, type Comparison, compare, comparisonRows } from '../rounds.ts';

const BODIES = 16;
const CONNECTIONS = 32;
const BOUND = 0.4;
/** More than a round brings at any rate seen so far. */
const FILE_BYTES = 1.5e9;

interface Variant {
  name: string;
  valueKind: ValueKind;
  keyed: boolean;
  partitions: number;
  /** What the ratio must reach at least; none where it is only shown. */
  bound?: number;
}

/**
 * Records as the API's own example has them: JSON values, keys over several partitions. Text values are shown beside:
 * they are hard to keep up with, because the parser of the baseline copies each in one go and does nothing else with
 * them.
 */
const VARIANTS: readonly Variant[] = [
  { name: 'JSON values, keys over 16 partitions', valueKind: 'object', keyed: true, partitions: 16, bound: BOUND },
  { name: 'text values, keys over 16 partitions', valueKind: 'text', keyed: true, partitions: 16 },
  { name: 'text values, no keys, 1 partition', valueKind: 'text', keyed: false, partitions: 1 },
];

export const produceJson: Part = {
  name: 'produce-json',
  summary: 'requests/s of JSON produce against a bare Hono server (100 records of 1 KiB, 32 connections)',
  run: async (context) => {
    const server = await startMillrace(context);
    try {
      const compared: Comparison[] = [];
      for (const variant of VARIANTS) {
        context.progress(variant.name);
        compared.push(await compareVariant(context, server, variant));
      }
      return {
        figures: VARIANTS.map(({ name, bound }, index) => ({
          name: `JSON produce, ${name}`,
          value: (compared[index] as Comparison).ratio,
          show: show.ratio,
          ...(bound !== undefined && { bound: { kind: 'at-least', value: bound } }),
        })),
        tables: [
          {
            title: 'JSON produce, 100 records of 1 KiB a request, 32 connections',
            columns: COMPARISON_COLUMNS,
            rows: VARIANTS.flatMap(({ name }, index) => comparisonRows(name, compared[index] as Comparison)),
          },
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

async function compareVariant(context: PartContext, server: Server, variant: Variant): Promise<Comparison> {
  const topic = `json-${VARIANTS.indexOf(variant)}`;
  await createTopic(server, topic, variant.partitions);
  const files = Array.from({ length: BODIES }, (_, seed) => {
    const file = join(context.directory, `${topic}-${seed}.json`);
    writeFileSync(file, jsonBody({ records: 100, valueBytes: 1_024, ...variant, seed }));
    return file;
  });
  const requestsTo = (path: string) =>
    files.map((bodyFile) => ({
      method: 'POST' as const,
      path,
      headers: { 'content-type': 'application/json' },
      bodyFile,
    }));
  const path = `/v1/topics/${topic}/records`;
  const baseline = await startServer(new URL('../baselines/hono-json.ts', import.meta.url), {
    args: [String(await answerBytes(server, path, files[0] as string))],
  });
  const load = {
    connections: CONNECTIONS,
    warmUpMs: 700,
    measuredMs: 3_000,
    answersMax: 100_000,
    fileBytes: FILE_BYTES,
  };
  try {
    return await compare(context, {
      measured: { name: 'Millrace', server, load: { ...load, requests: requestsTo(path) } },
      baseline: { name: 'bare Hono', server: baseline, load: { ...load, requests: requestsTo('/records') } },
      rate: answersPerSecond,
    });
  } finally {
    await baseline.stop();
  }
}

/** Sends one request and checks its answer, so that the rounds count answers that are right. */
async function answerBytes({ port }: Server, path: string, bodyFile: string): Promise<number> {
  const { openAsBlob } = await import('node:fs');
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: await openAsBlob(bodyFile, { type: 'application/json' }),
  });
  const body = await answer.text();
  const { records } = JSON.parse(body) as { records: { offset: number }[] };
  if (answer.status !== 200 || records.length !== 100 || !records.every(({ offset }) => Number.isInteger(offset))) {
    throw new Error(`a produce request was answered ${answer.status}: ${body.slice(0, 500)}`);
  }
  return Buffer.byteLength(body);
}
