/**
 * An HTTP server that answers each request by the next step of a script: for what happens when AWS does not answer
 * well.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export type Step =
  | { status: number; body?: string | Uint8Array; headers?: Record<string, string> }
  /** Takes the request and closes the connection. */
  | 'reset'
  /** Takes the request and never answers. */
  | 'silence'
  /** Announces ten bytes and closes the connection after three. */
  | 'cut'
  /** Announces ten bytes and sends three. */
  | 'stall';

export interface ScriptedServer {
  endpoint: string;
  requests: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[];
  close(): Promise<void>;
}

/** After the last step, its answer is repeated. */
export async function startScriptedServer(script: readonly Step[]): Promise<ScriptedServer> {
  const requests: ScriptedServer['requests'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const step = script[Math.min(requests.length, script.length - 1)] ?? 'reset';
      const { method = '', url = '', headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(chunks).toString('latin1') });
      answer(step, request.socket, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answer(step: Step, socket: Socket, response: ServerResponse): void {
  if (step === 'silence') return;
  if (step === 'reset') {
    socket.destroy();
  } else if (step === 'cut') {
    response.writeHead(200, { 'content-length': 10 });
    response.write('abc', () => socket.destroy());
  } else if (step === 'stall') {
    response.writeHead(200, { 'content-length': 10 });
    response.write('abc');
  } else {
    response.writeHead(step.status, { 'content-length': Buffer.byteLength(step.body ?? ''), ...step.headers });
    response.end(step.body);
  }
}

/** A clock whose sleeps pass at once and are remembered. */
export function impatientClock() {
  const slept: number[] = [];
  let time = 0;
  return {
    slept,
    now: () => Date.now() + time,
    monotonic: () => time,
    sleep: async (ms: number) => {
      slept.push(ms);
      time += ms;
    },
  };
}
