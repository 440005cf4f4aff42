/** Raw batches of 1 MiB on 8 connections, in and out, against bare node:http servers that write and send files. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BATCHES_TYPE } from '../../lib/http/media-type.ts';
import { show } from '../figure.ts';
import type { LoadRequest } from '../load/job.ts';
import type { Part, PartContext } from '../part.ts';
import { rawBatch } from '../payloads.ts';
import { generateLoad, type Server, startServer } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import {
  bytesReceivedPerSecond,
  bytesSentPerSecond,
  COMPARISON_COLUMNS,
  type Comparison,
  compare,
  comparisonRows,
} from '../rounds.ts';

const MIB = 1024 * 1024;
const BATCH_BYTES = MIB;
const RECORDS = 1_000;
const CONNECTIONS = 8;
const DISTINCT = 16;
const BOUND = 0.5;
/** Of a round, which bounds what it writes to the disk. */
const ANSWERS_MAX = 512;
/** What is fetched: far more than any cache of the server holds. */
const FETCHED_BATCHES = 384;

export const produceBatches: Part = {
  name: 'produce-batches',
  summary: 'MB/s of raw 1 MiB batches in, against node:http writing each body to a file (8 connections)',
  run: async (context) => {
    const server = await startMillrace(context);
    const sunk = join(context.directory, 'sink');
    mkdirSync(sunk);
    const sink = await startServer(new URL('../baselines/file-sink.ts', import.meta.url), { args: [sunk] });
    try {
      await createTopic(server, 'raw', 1);
      const fileBytes = ANSWERS_MAX * BATCH_BYTES;
      const load = { connections: CONNECTIONS, warmUpMs: 300, measuredMs: 5_000, answersMax: ANSWERS_MAX, fileBytes };
      const comparison = await compare(context, {
        measured: { name: 'Millrace', server, load: { ...load, requests: produceRequests(context, 'raw') } },
        baseline: {
          name: 'files',
          server: sink,
          load: {
            ...load,
            requests: postRequests(context, '/'),
            cleanUp: () => emptyDirectory(sunk),
          },
        },
        rate: bytesSentPerSecond,
      });
      return report('Raw batches in, 1 MiB, 8 connections', comparison);
    } finally {
      await Promise.all([server.stop(), sink.stop()]);
    }
  },
};

export const fetchBatches: Part = {
  name: 'fetch-batches',
  summary: 'MB/s of raw 1 MiB batches out, against node:http sending the same bytes from files (8 connections)',
  run: async (context) => {
    const server = await startMillrace(context);
    const files = join(context.directory, 'source');
    mkdirSync(files);
    const source = await startServer(new URL('../baselines/file-source.ts', import.meta.url), { args: [files] });
    try {
      await createTopic(server, 'raw', 1);
      await fill(context, server, 'raw', FETCHED_BATCHES);
      const positions = Array.from({ length: FETCHED_BATCHES }, (_, index) => index);
      for (const index of positions) writeFileSync(join(files, String(index)), batch(index));
      const load = { connections: CONNECTIONS, warmUpMs: 500, measuredMs: 3_000, answersMax: 100_000 };
      const requests = positions.map((index) => fetchRequest('raw', index * RECORDS));
      await checkFetch(server, requests[0] as LoadRequest);
      const comparison = await compare(context, {
        measured: { name: 'Millrace', server, load: { ...load, requests } },
        baseline: {
          name: 'files',
          server: source,
          load: { ...load, requests: positions.map((index) => ({ method: 'GET', path: `/${index}`, headers: {} })) },
        },
        rate: bytesReceivedPerSecond,
      });
      return report('Raw batches out, 1 MiB, 8 connections', comparison);
    } finally {
      await Promise.all([server.stop(), source.stop()]);
    }
  },
};

function report(name: string, comparison: Comparison) {
  return {
    figures: [{ name, value: comparison.ratio, show: show.ratio, bound: { kind: 'at-least' as const, value: BOUND } }],
    tables: [{ title: name, columns: COMPARISON_COLUMNS, rows: comparisonRows('batches', comparison) }],
  };
}

const batches = new Map<number, Uint8Array>();

function batch(index: number): Uint8Array {
  const seed = index % DISTINCT;
  const made = batches.get(seed) ?? rawBatch(BATCH_BYTES, RECORDS, seed);
  batches.set(seed, made);
  return made;
}

/** Requests that each bring one of the distinct batches to partition 0. */
export function produceRequests(context: PartContext, topic: string): LoadRequest[] {
  return postRequests(context, `/v1/topics/${topic}/partitions/0/records`);
}

function postRequests(context: PartContext, path: string): LoadRequest[] {
  return Array.from({ length: DISTINCT }, (_, index) => {
    const bodyFile = join(context.directory, `${index}.batch`);
    writeFileSync(bodyFile, batch(index));
    return { method: 'POST', path, headers: { 'content-type': BATCHES_TYPE }, bodyFile };
  });
}

export function fetchRequest(topic: string, offset: number): LoadRequest {
  return {
    method: 'GET',
    path: `/v1/topics/${topic}/partitions/0/records?offset=${offset}&max_bytes=${BATCH_BYTES}`,
    headers: { accept: BATCHES_TYPE },
  };
}

/** Writes batches so that every one of them begins at a multiple of its records. */
async function fill(context: PartContext, server: Server, topic: string, count: number): Promise<void> {
  context.progress(`writing ${count} batches of 1 MiB`);
  const requests = produceRequests(context, topic);
  let written = 0;
  while (written < count) {
    const answersMax = count - written;
    const load = { connections: CONNECTIONS, requests, warmUpMs: 0, measuredMs: 60_000, answersMax };
    written += (await generateLoad({ ...load, port: server.port, serverPid: server.pid })).answers;
  }
}

async function checkFetch({ port }: Server, { path, headers }: LoadRequest): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  const { byteLength } = await answer.arrayBuffer();
  if (answer.status !== 200 || byteLength !== BATCH_BYTES) {
    throw new Error(`a fetch was answered ${answer.status} with ${byteLength} bytes instead of ${BATCH_BYTES}`);
  }
}

function emptyDirectory(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
}
