import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ScriptedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What the next request is answered with; `hang`: nothing, `reset`: the connection ends. */
export type ScriptedAnswer =
  | { status: number; headers?: Record<string, string>; body?: string | ((request: string) => string) }
  | 'hang'
  | 'reset';

export interface ScriptedServer {
  url: string;
  requests: ScriptedRequest[];
  /** The last answer of it goes on. */
  script(...answers: ScriptedAnswer[]): void;
  /** Resolves with the next request that comes. */
  arrival(): Promise<void>;
  close(): Promise<void>;
}

/** An endpoint of AWS that does as it is told, for the real clients of the SDK. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const sockets = new Set<Duplex>();
  let answers: ScriptedAnswer[] = [];
  const arrived: (() => void)[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
    const next = answers.length > 1 ? answers.shift() : answers[0];
    for (const wake of arrived.splice(0)) wake();
    if (next === 'reset') request.socket.destroy();
    else if (next !== undefined && next !== 'hang') {
      const answerBody = typeof next.body === 'function' ? next.body(body) : next.body;
      response.writeHead(next.status, next.headers).end(answerBody ?? '');
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script: (...next) => {
      answers = next;
    },
    arrival: () => new Promise((resolve) => arrived.push(resolve)),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
