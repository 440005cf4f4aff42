/**
 * Servers that speak S3, each as a child process with its data in memory or in a directory of its own.
 *
 * - fauxqs: fast, follows S3's answers closely, looks at no signature. The default.
 * - s3rver: checks every signature, that of a presigned URL included. It computes those of requests to a bucket as a
 *   whole differently from AWS, so that only objects of `S3RVER_BUCKET` can be used.
 * - moto, where Python has it: a third reading of S3's rules.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Peer, startPeer } from './peer.ts';

const MODULES = join(import.meta.dirname, '../node_modules');

export type S3ServerKind = 'fauxqs' | 's3rver' | 'moto';

/** A bucket that s3rver has from its start. */
export const S3RVER_BUCKET = 'signed';

/** What each server accepts; only s3rver looks. */
export const S3_CREDENTIALS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

/** Why the server can't run on this machine, or `undefined` where it can. */
export function s3ServerMissing(kind: S3ServerKind = 'fauxqs'): string | undefined {
  if (kind === 'moto') {
    const moto = spawnSync('python3', ['-c', 'import moto.server'], { stdio: 'ignore' });
    return moto.status === 0 ? undefined : 'the S3 server moto is not installed: pip install "moto[server]"';
  }
  const module = kind === 's3rver' ? '@20minutes/s3rver' : kind;
  return existsSync(join(MODULES, module))
    ? undefined
    : `the S3 server ${kind} is not installed: run \`npm run peers\``;
}

export async function startS3Server(kind: S3ServerKind = 'fauxqs'): Promise<Peer> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-s3-'));
  const peer = await startPeer({ name: kind, startMsMax: 60_000, command: (port) => command(kind, port, directory) });
  return {
    endpoint: peer.endpoint,
    close: async () => {
      await peer.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function command(kind: S3ServerKind, port: number, directory: string) {
  switch (kind) {
    case 'fauxqs':
      return {
        file: process.execPath,
        args: ['--no-warnings', join(MODULES, 'fauxqs/dist/cli.js')],
        env: { ...process.env, FAUXQS_PORT: String(port), FAUXQS_LOGGER: 'false' },
      };
    case 's3rver': {
      const options = JSON.stringify({
        port,
        address: '127.0.0.1',
        silent: true,
        directory,
        configureBuckets: [{ name: S3RVER_BUCKET }],
      });
      const program = `new (require('@20minutes/s3rver'))(${options}).run()`;
      return { file: process.execPath, args: ['-e', program], cwd: join(MODULES, '..') };
    }
    case 'moto':
      return { file: 'python3', args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)] };
  }
}
