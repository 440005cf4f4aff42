/**
 * What the package exports as `millrace/server`: the local server inside a process of one's own, for tests above all.
 *
 *     const server = await startLocalServer();
 *     const client = createClient({ url: server.url });
 *     …
 *     await server.close();
 *
 * Nothing in this repository imports this file.
 */
import { systemClock } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { createLogger } from './logger.ts';
import { parseCommand } from './options.ts';
import { type RunningServer, startServer } from './server.ts';

export type { RunningServer } from './server.ts';
export { OptionsError } from './settings.ts';

export interface LocalServerOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0, a free one. */
  port?: number;
  /** A directory for the embedded storage; without one, nothing is kept. */
  data?: string;
  /** Further directories for the objects of replicated topics, each with its rack as in `/mnt/b=zone-b` or without. */
  replicaData?: readonly string[];
  /** `[id:]secret` each. Without one there is no authentication, and only loopback is bound. */
  apiKeys?: readonly string[];
  /** Origins of web pages that may call; `*` only with an API key. */
  corsOrigins?: readonly string[];
  advertisedUrl?: string;
  /** A file that binds topics to handlers, which this server runs. */
  triggers?: string;
  /** Takes log lines, JSON each. Default: nobody does. */
  log?: (line: string) => void;
}

/** Throws `OptionsError` where the options cannot be meant; other errors say in a sentence why it cannot start. */
export async function startLocalServer(options: LocalServerOptions = {}): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 0, data = ':memory:' } = options;
  const given = {
    host,
    port,
    data,
    'replica-data': options.replicaData ?? [],
    'api-key': options.apiKeys ?? [],
    'cors-origin': options.corsOrigins ?? [],
    'advertised-url': options.advertisedUrl,
    triggers: options.triggers,
  };
  const args = Object.entries(given).flatMap(([flag, value]) =>
    (Array.isArray(value) ? value : [value]).filter((one) => one !== undefined).map((one) => `--${flag}=${one}`),
  );
  // The flags' own checks; the environment of the process that embeds the server is none of its business.
  const command = parseCommand({ args, env: {}, readFile: () => '' });
  if (command.command !== 'serve') throw new TypeError('the options are no server');
  const log = createLogger(systemClock, options.log ?? (() => {}));
  return startServer(command.options, { clock: systemClock, random: systemRandom, log });
}
