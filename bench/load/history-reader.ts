/**
 * A program that reads a partition's history in one way, as a process: reads a job as JSON from stdin, answers with one
 * line of JSON. The ways with `store` know beforehand what to read, and look at nothing that they get.
 */
import { text } from 'node:stream/consumers';
import { createClient } from '../../lib/client/client.ts';
import { mapBounded } from '../../lib/kernel/map-bounded.ts';
import { directoryObjectReader } from '../../lib/storage/objects/directory.ts';
import { cpuSeconds } from '../processes/process-figures.ts';

export type Way =
  /** The client's reader, from the bucket: stored batches, or records. */
  | 'sdk-batches'
  | 'sdk-records'
  /** The same through ordinary fetches. */
  | 'fetch-batches'
  | 'fetch-records'
  /** The ranges by their URLs, over HTTP. */
  | 'store-http'
  /** The ranges by `getRange`, in this process. */
  | 'store-files';

export interface HistoryRange {
  name: string;
  start: number;
  end: number;
  url: string;
  headers: Record<string, string>;
}

export interface HistoryJob {
  way: Way;
  /** On 127.0.0.1. */
  port: number;
  topic: string;
  /** Where the server keeps its objects. */
  objects: string;
  ranges: readonly HistoryRange[];
}

export interface HistoryResult {
  bytes: number;
  records: number;
  seconds: number;
  cpuSeconds: number;
}

/** As many as the client's reader has at the same time. */
const IN_FLIGHT = 4;

async function read(job: HistoryJob): Promise<{ bytes: number; records: number }> {
  const { way, port, topic, ranges } = job;
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  const reader = () => {
    const direct = way.startsWith('sdk') ? 'auto' : 'never';
    return client.reader(topic, 0, {
      as: 'bytes',
      follow: false,
      direct,
      maxBytes: 4 * 1024 * 1024,
      maxRecords: 10_000,
    });
  };
  let bytes = 0;
  let records = 0;
  switch (way) {
    case 'sdk-batches':
    case 'fetch-batches':
      for await (const { batches } of reader().batches()) bytes += batches.length;
      break;
    case 'sdk-records':
    case 'fetch-records':
      for await (const { value } of reader().records()) {
        bytes += value?.length ?? 0;
        records++;
      }
      break;
    case 'store-http':
      await mapBounded(ranges, IN_FLIGHT, async ({ url, headers }) => {
        const answer = await fetch(url, { headers });
        if (answer.status !== 206) throw new Error(`a range was answered ${answer.status}`);
        const { byteLength } = await answer.arrayBuffer();
        bytes += byteLength;
      });
      break;
    case 'store-files': {
      const store = directoryObjectReader({ root: job.objects });
      await mapBounded(ranges, IN_FLIGHT, async ({ name, start, end }) => {
        const found = await store.getRange(name, { start, end });
        bytes += found?.length ?? 0;
      });
      break;
    }
  }
  return { bytes, records };
}

async function run(job: HistoryJob): Promise<HistoryResult> {
  // What is compiled and connected once is not what is measured.
  await read({ ...job, ranges: job.ranges.slice(0, IN_FLIGHT) });
  const startMs = performance.now();
  const cpuBefore = cpuSeconds(process.pid);
  const { bytes, records } = await read(job);
  const seconds = (performance.now() - startMs) / 1_000;
  return { bytes, records, seconds, cpuSeconds: cpuSeconds(process.pid) - cpuBefore };
}

console.log(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as HistoryJob)));
