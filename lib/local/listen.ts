/** Listening, with reasons in sentences. */
import type { AddressInfo, Server } from 'node:net';
import { assert } from '../kernel/assert.ts';

/** The message is a sentence for whoever starts the server. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

export interface Endpoint {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** What chooses the port. */
  flag?: string;
}

/** Resolves when connections are taken. Throws `ListenError` where they cannot be. */
export async function listen(server: Server, endpoint: Endpoint): Promise<AddressInfo> {
  const { host, port } = endpoint;
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, endpoint));
    server.once('error', onError);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', onError);
      resolve();
    });
  });
  const address = server.address();
  assert(address !== null && typeof address === 'object', 'a server that listens on TCP has an address');
  return address;
}

function listenError(error: NodeJS.ErrnoException, endpoint: Endpoint): Error {
  const reason = reasonFor(error.code, endpoint);
  return reason === undefined ? error : new ListenError(reason, { cause: error });
}

function reasonFor(code: string | undefined, { host, port, flag = '--port' }: Endpoint): string | undefined {
  if (code === 'EADDRINUSE') {
    return `port ${port} of ${host} is in use by another program: choose another with ${flag}, or 0 for a free one`;
  }
  if (code === 'EACCES') return `port ${port} may not be used by this user: choose one above 1023 with ${flag}`;
  if (code === 'EADDRNOTAVAIL') return `${host} is not an address of this machine: choose one with --host`;
  if (code !== 'ENOTFOUND' && code !== 'EAI_AGAIN') return undefined;
  return `there is no host ${host}: choose an address of this machine with --host`;
}
