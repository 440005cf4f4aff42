/**
 * A program that uses the client's producer, as a process: reads a job as JSON from stdin, answers with one line of
 * JSON.
 *
 * Records are sent one by one and never awaited, with the producer's defaults. Only so many are outstanding, because a
 * loop that outruns the server for long would measure its own memory.
 */
import { text } from 'node:stream/consumers';
import { createClient } from '../../lib/client/client.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { text as randomText } from '../payloads.ts';
import { cpuSeconds } from '../processes/process-figures.ts';

export interface SdkJob {
  /** On 127.0.0.1. */
  port: number;
  topic: string;
  valueBytes: number;
  warmUpMs: number;
  measuredMs: number;
}

export interface SdkResult {
  /** With a receipt. */
  records: number;
  seconds: number;
  cpuSeconds: number;
}

const VALUES = 1_000;
const OUTSTANDING_MAX = 20_000;
/** How many are sent before the process may do anything else. */
const SENT_AT_ONCE = 500;

async function run({ port, topic, valueBytes, warmUpMs, measuredMs }: SdkJob): Promise<SdkResult> {
  const random = seededRandom(1);
  const values = Array.from({ length: VALUES }, () => randomText(random, valueBytes));
  const producer = createClient({ url: `http://127.0.0.1:${port}` }).producer();
  let receipts = 0;
  let sent = 0;
  let settled = 0;
  const failures: unknown[] = [];
  const ended = (error?: unknown) => {
    settled++;
    if (error !== undefined) failures.push(error);
  };
  const note = () => ({ records: receipts, ms: performance.now(), cpu: cpuSeconds(process.pid) });
  const startMs = performance.now();
  let before: ReturnType<typeof note> | undefined;
  for (;;) {
    const sinceMs = performance.now() - startMs;
    if (failures.length > 0) throw failures[0];
    if (sinceMs >= warmUpMs) before ??= note();
    if (sinceMs >= warmUpMs + measuredMs) break;
    for (let left = SENT_AT_ONCE; left > 0 && sent - settled < OUTSTANDING_MAX; left--) {
      const value = values[sent++ % VALUES] as string;
      producer.send({ topic, records: [{ value }] }).then(() => {
        receipts++;
        ended();
      }, ended);
    }
    await new Promise(setImmediate);
  }
  const after = note();
  await producer.close();
  if (failures.length > 0) throw failures[0];
  const start = before ?? after;
  return {
    records: after.records - start.records,
    seconds: (after.ms - start.ms) / 1_000,
    cpuSeconds: after.cpu - start.cpu,
  };
}

console.log(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as SdkJob)));
