/**
 * One request of a connection at a time.
 *
 * HTTP/1.1 lets a client send requests ahead of their answers, and Node hands out all of them at once. Their answers go
 * out in order anyhow, so the next begins when the answer before it is out: what a client can have done for it at one
 * time is bounded by its connections, and what has not begun when it leaves is never done.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { requestLimits } from '../kernel/limits/requests.ts';

interface Exchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

export class Pipelining {
  private readonly begin: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  /** Of each connection that is at an answer: the requests behind it. */
  private readonly behind = new Map<Socket, Exchange[]>();

  constructor(begin: (incoming: IncomingMessage, outgoing: ServerResponse) => void) {
    this.begin = begin;
  }

  /** Begins the request, now or when those before it are answered. */
  add(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming;
    const waiting = this.behind.get(socket);
    if (waiting === undefined) {
      this.behind.set(socket, []);
      this.start(socket, { incoming, outgoing });
    } else if (waiting.length < requestLimits.pipelinedRequestsMax) {
      waiting.push({ incoming, outgoing });
    } else {
      socket.destroy();
    }
  }

  /** The answer's `close` comes when it is out, and when its connection is gone. */
  private start(socket: Socket, { incoming, outgoing }: Exchange): void {
    outgoing.once('close', () => {
      const next = this.behind.get(socket)?.shift();
      if (next === undefined || socket.destroyed) this.behind.delete(socket);
      // Not before the process has looked whether the client is still there.
      else setImmediate(() => this.startUnlessGone(socket, next));
    });
    this.begin(incoming, outgoing);
  }

  private startUnlessGone(socket: Socket, next: Exchange): void {
    if (socket.destroyed) this.behind.delete(socket);
    else this.start(socket, next);
  }
}
