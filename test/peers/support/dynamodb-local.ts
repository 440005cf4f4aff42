/** AWS's own DynamoDB Local, in memory, as a child process. Its jar comes with an npm package; Java must be there. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Peer, startPeer } from './peer.ts';

/** Whatever the PATH has; the jar is content with Java 8. */
const JAVA = 'java';

/** A server for one suite is gone before it regains what optimizing its code, or collecting in threads, has cost. */
const SHORT_LIVED = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const EMULATOR = join(import.meta.dirname, '../node_modules/amplify-dynamodb-simulator/emulator');

/** Why DynamoDB Local can't run on this machine, or `undefined` where it can. */
export function dynamoDbLocalMissing(): string | undefined {
  if (!existsSync(join(EMULATOR, 'DynamoDBLocal.jar'))) return 'DynamoDB Local is not installed: run `npm run peers`';
  const java = spawnSync(JAVA, ['-version'], { encoding: 'utf8' });
  return java.error === undefined && java.status === 0 ? undefined : 'DynamoDB Local needs Java on the PATH';
}

export function startDynamoDbLocal(): Promise<Peer> {
  return startPeer({
    name: 'DynamoDB Local',
    startMsMax: 60_000,
    command: (port) => ({
      file: JAVA,
      args: [
        '-Xmx512m',
        ...SHORT_LIVED,
        `-Djava.library.path=${join(EMULATOR, 'DynamoDBLocal_lib')}`,
        '-DDDB_LOCAL_TELEMETRY=0',
        '-jar',
        join(EMULATOR, 'DynamoDBLocal.jar'),
        '-inMemory',
        '-sharedDb',
        '-disableTelemetry',
        '-port',
        String(port),
      ],
      cwd: EMULATOR,
      env: { ...process.env, DDB_LOCAL_TELEMETRY: '0' },
    }),
  });
}
