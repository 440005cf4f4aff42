/** The local server as a process of its own, on DynamoDB Local and an S3 server. */
import { join } from 'node:path';
import { type AwsStorage, type ServingProcess, startServing } from './serving-process.ts';

const MAIN = join(import.meta.dirname, '../../../lib/local/main.ts');

export interface LocalServer extends Pick<ServingProcess, 'pid' | 'stop' | 'kill'> {
  readonly url: string;
}

export async function startLocalServer(storage: AwsStorage, args: readonly string[] = []): Promise<LocalServer> {
  const server = await startServing(MAIN, { storage, args: ['--port', '0', ...args] });
  const url = /http=(\S+)/.exec(server.line)?.[1];
  if (url === undefined) throw new Error(`the local server said at its start: ${server.line}`);
  return { ...server, url };
}
