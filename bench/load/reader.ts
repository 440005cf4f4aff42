/**
 * A consumer over HTTP as a process: reads a job as JSON from stdin, answers with one line of JSON. One request at a
 * time; answers are parsed as a program that uses the records would have to.
 */
import { text } from 'node:stream/consumers';

export interface ReaderJob {
  /** On 127.0.0.1. */
  port: number;
  topic: string;
  partitions: number;
  /** As the member of a group of this name; else by plain fetches, of one partition after the other. */
  group?: string;
  /** How many there are to read, in all. */
  records: number;
  recordsPerRequest: number;
}

export interface ReaderResult {
  seconds: number;
  requests: number;
}

interface Answer {
  records: unknown[];
}

async function run(job: ReaderJob): Promise<ReaderResult> {
  const next = job.group === undefined ? fetches(job) : polls(job, job.group);
  await next(0);
  const startMs = performance.now();
  let [read, requests] = [0, 0];
  while (read < job.records) {
    read += await next(job.recordsPerRequest);
    requests++;
  }
  return { seconds: (performance.now() - startMs) / 1_000, requests };
}

/** Reads at most so many records; 0 makes the connection, and joins. */
type Next = (recordsMax: number) => Promise<number>;

function polls({ port, topic }: ReaderJob, group: string): Next {
  let [member, cursor]: (string | undefined)[] = [];
  return async (recordsMax) => {
    const answer = await call<Answer & { member: string; cursor: string }>(port, `/v1/groups/${group}/poll`, {
      member,
      cursor,
      topics: [topic],
      auto_offset_reset: 'earliest',
      max_records: recordsMax,
    });
    ({ member, cursor } = answer);
    return answer.records.length;
  };
}

function fetches({ port, topic, partitions }: ReaderJob): Next {
  const offsets = Array<number>(partitions).fill(0);
  let turn = 0;
  return async (recordsMax) => {
    const partition = turn++ % partitions;
    const query = `offset=${offsets[partition]}&max_records=${Math.max(1, recordsMax)}`;
    const path = `/v1/topics/${topic}/partitions/${partition}/records?${query}`;
    const answer = await call<Answer & { next_offset: number }>(port, path);
    if (recordsMax === 0) return 0;
    offsets[partition] = answer.next_offset;
    return answer.records.length;
  };
}

async function call<T>(port: number, path: string, body?: unknown): Promise<T> {
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, body === undefined ? {} : post);
  if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

console.log(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as ReaderJob)));
