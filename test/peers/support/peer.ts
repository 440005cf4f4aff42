/**
 * What the peer suites share: whether a peer can run on this machine, and starting one as a child that is gone when the
 * tests are.
 *
 * A machine without a peer (no Java, `npm run peers` not run) skips its suites and says so. With
 * `MILLRACE_REQUIRE_PEERS=1`, which the CI sets, a missing peer is a failure instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe } from 'vitest';

type Suite = (name: string, tests: () => void) => void;

/** `describe` where nothing is missing; otherwise one that skips and says why, or a failure in CI. */
export function describeWithPeer(missing: string | undefined): Suite {
  if (missing !== undefined && process.env.MILLRACE_REQUIRE_PEERS === '1') throw new Error(missing);
  return describeWithOptionalPeer(missing);
}

/** For a peer that `npm run peers` does not install: it is used where it is, in CI too. */
export function describeWithOptionalPeer(missing: string | undefined): Suite {
  if (missing === undefined) return describe;
  console.warn(`SKIPPED: ${missing}`);
  return describe.skip;
}

/** A port that was free a moment ago; whoever starts a server on it tries again when it was taken meanwhile. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

export interface Peer {
  endpoint: string;
  close(): Promise<void>;
}

interface PeerCommand {
  name: string;
  /** The command line for a port. */
  command: (port: number) => { file: string; args: string[]; cwd?: string; env?: NodeJS.ProcessEnv };
  startMsMax: number;
}

const START_ATTEMPTS = 3;

/** Starts the command on a free port and resolves when it answers HTTP there, whatever the answer. */
export async function startPeer({ name, command, startMsMax }: PeerCommand): Promise<Peer> {
  let lastOutput = '';
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const port = await freePort();
    const { file, args, cwd, env } = command(port);
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: string[] = [];
    const remember = (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 100) output.shift();
    };
    child.stdout.on('data', remember);
    child.stderr.on('data', remember);
    const killWithParent = () => child.kill('SIGKILL');
    process.once('exit', killWithParent);
    const endpoint = `http://127.0.0.1:${port}`;
    if (await answers(endpoint, child, startMsMax)) {
      return {
        endpoint,
        close: async () => {
          process.removeListener('exit', killWithParent);
          await stop(child);
        },
      };
    }
    process.removeListener('exit', killWithParent);
    await stop(child);
    lastOutput = output.join('');
  }
  throw new Error(`${name} did not start:\n${lastOutput}`);
}

async function answers(endpoint: string, child: ChildProcess, startMsMax: number): Promise<boolean> {
  const deadline = Date.now() + startMsMax;
  let failed = false;
  child.once('error', () => {
    failed = true;
  });
  while (Date.now() < deadline) {
    if (failed || child.exitCode !== null || child.signalCode !== null) return false;
    try {
      const answer = await fetch(endpoint, { signal: AbortSignal.timeout(1_000) });
      await answer.arrayBuffer();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return false;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
