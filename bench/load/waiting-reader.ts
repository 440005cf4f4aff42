/**
 * How long a record takes to a member of a group that waits for it, as a process: reads a job as JSON from stdin,
 * answers with one line of JSON.
 */
import { text } from 'node:stream/consumers';
import { median } from '../statistics.ts';

export interface WaitingJob {
  /** On 127.0.0.1. */
  port: number;
  topic: string;
  group: string;
  records: number;
}

/** Medians, in milliseconds. */
export interface WaitingResult {
  /** From the produce request to its answer. */
  appendMs: number;
  /** From the produce request to the answer of the poll. */
  deliveryMs: number;
}

async function run({ port, topic, group, records }: WaitingJob): Promise<WaitingResult> {
  let [member, cursor]: (string | undefined)[] = [];
  const poll = async (waitMs: number) => {
    const request = { member, cursor, topics: [topic], auto_offset_reset: 'earliest', wait_ms: waitMs };
    const answer = await post<{ member: string; cursor: string; records: unknown[] }>(
      port,
      `/v1/groups/${group}/poll`,
      request,
    );
    ({ member, cursor } = answer);
    return answer.records.length;
  };
  await poll(0);
  const appends: number[] = [];
  const deliveries: number[] = [];
  for (let number = 0; number < records; number++) {
    const waiting = poll(10_000);
    // Until the poll waits on the server.
    await new Promise((resolve) => setTimeout(resolve, 30));
    const startMs = performance.now();
    const delivered = waiting.then((count) => {
      if (count !== 1) throw new Error(`a poll brought ${count} records instead of 1`);
      deliveries.push(performance.now() - startMs);
    });
    await post(port, `/v1/topics/${topic}/records`, { records: [{ value: `${number}` }] });
    appends.push(performance.now() - startMs);
    await delivered;
  }
  return { appendMs: median(appends), deliveryMs: median(deliveries) };
}

async function post<T>(port: number, path: string, body: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

console.log(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as WaitingJob)));
