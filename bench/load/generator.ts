/**
 * The load generator's process: reads a job as JSON from stdin, answers with a result as one line of JSON.
 *
 * A closed loop: every connection has one request under way, so the server is never asked for more than it does.
 */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { cpuSeconds } from '../processes/process-figures.ts';
import { quantile } from '../statistics.ts';
import { Connection } from './connection.ts';
import type { LoadJob, LoadRequest, LoadResult } from './job.ts';

/** Latencies that are kept; later ones are left out of the quantiles. */
const LATENCIES_MAX = 1_000_000;

interface Prepared {
  bytes: Buffer;
  bodyBytes: number;
}

function prepare(request: LoadRequest, port: number): Prepared {
  const body = request.bodyFile === undefined ? Buffer.alloc(0) : readFileSync(request.bodyFile);
  const headers = {
    host: `127.0.0.1:${port}`,
    ...request.headers,
    ...(body.length > 0 && { 'content-length': body.length }),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${request.method} ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), body]), bodyBytes: body.length };
}

const SEQUENCE_DIGITS = 10;

/** One for each connection, which makes its next request. The sequence is written over that of the request before. */
function producersOf({ connections, port, requests }: LoadJob, records: number): (() => Prepared)[] {
  return Array.from({ length: connections }, (_, index) => {
    const request = requests[index % requests.length] as LoadRequest;
    if (records === 0) {
      const prepared = prepare(request, port);
      return () => prepared;
    }
    const name = 'producer-seq: ';
    const headers = {
      ...request.headers,
      'producer-id': `generator-${process.pid}-${index}`,
      'producer-epoch': '0',
      'producer-seq': '0'.repeat(SEQUENCE_DIGITS),
    };
    const prepared = prepare({ ...request, headers }, port);
    const at = prepared.bytes.indexOf(name) + name.length;
    let sequence = 0;
    return () => {
      prepared.bytes.write(String(sequence).padStart(SEQUENCE_DIGITS, '0'), at, 'latin1');
      sequence += records;
      return prepared;
    };
  });
}

async function run(job: LoadJob): Promise<LoadResult> {
  const requests = job.requests.map((request) => prepare(request, job.port));
  const producers = job.recordsSequenced === undefined ? undefined : producersOf(job, job.recordsSequenced);
  const connections = Array.from({ length: job.connections }, () => new Connection(job.port));
  await Promise.all(connections.map((connection) => connection.open()));

  const counted = { answers: 0, failures: 0, bytesSent: 0, bytesReceived: 0 };
  const latencies: number[] = [];
  let next = 0;
  let measuring = false;
  let stopping = false;

  async function loop(connection: Connection, index: number): Promise<void> {
    while (!stopping) {
      const request: Prepared | undefined = producers?.[index]?.() ?? requests[next++ % requests.length];
      if (request === undefined) throw new Error('there is nothing to send');
      const answer = await connection.exchange(request.bytes);
      if (!measuring || stopping) continue;
      counted.answers++;
      if (answer.status !== 200) counted.failures++;
      counted.bytesSent += request.bodyBytes;
      counted.bytesReceived += answer.bodyBytes;
      if (latencies.length < LATENCIES_MAX) latencies.push(answer.latencyMs);
      if (counted.answers >= job.answersMax) stopMeasuring();
    }
  }

  const ended = Promise.withResolvers<void>();
  const before = { ms: 0, server: 0, generator: 0 };
  const after = { ms: 0, server: 0, generator: 0 };
  const note = (into: typeof before) => {
    into.ms = performance.now();
    into.server = cpuSeconds(job.serverPid);
    into.generator = cpuSeconds(process.pid);
  };
  function stopMeasuring(): void {
    if (stopping) return;
    stopping = true;
    note(after);
    ended.resolve();
  }

  const loops = Promise.all(connections.map(loop));
  const warm = setTimeout(() => {
    note(before);
    measuring = true;
    setTimeout(stopMeasuring, job.measuredMs).unref();
  }, job.warmUpMs);
  // A loop ends early only by a failure, which must not wait for the end of the round.
  await Promise.race([ended.promise, loops]);
  await loops;
  clearTimeout(warm);
  for (const connection of connections) connection.close();
  return {
    ...counted,
    seconds: (after.ms - before.ms) / 1_000,
    latencyMsMedian: quantile(latencies, 0.5),
    latencyMs99: quantile(latencies, 0.99),
    serverCpuSeconds: after.server - before.server,
    generatorCpuSeconds: after.generator - before.generator,
  };
}

// Through stdin, because a job that names many requests is longer than an argument may be.
console.log(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as LoadJob)));
process.exit(0);
