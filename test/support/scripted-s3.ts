/** An S3 object store whose server answers by a script. */
import { S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '../../lib/kernel/clock.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { createS3ObjectStore, s3ClientConfig } from '../../lib/storage/objects/s3.ts';
import type { Spool } from '../../lib/storage/objects/spool.ts';
import { impatientClock, type ScriptedServer, type Step, startScriptedServer } from './scripted-server.ts';

let server: ScriptedServer | undefined;

/** For `afterEach`. */
export async function closeScriptedS3(): Promise<void> {
  await server?.close();
  server = undefined;
}

/** The pauses between attempts pass at once; what an attempt may take, and a call with all of them, is real time. */
export async function openScriptedS3(
  script: Step[],
  {
    attemptMsMax = 200,
    callMsMax = storageLimits.objectCallMsMax,
    spool,
  }: { attemptMsMax?: number; callMsMax?: number; spool?: Spool } = {},
) {
  const running = await startScriptedServer(script);
  server = running;
  const config = s3ClientConfig({ AWS_ENDPOINT_URL: running.endpoint });
  const client = new S3Client({
    ...config,
    requestHandler: { ...config.requestHandler, requestTimeout: attemptMsMax },
    endpoint: running.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  const impatient = impatientClock();
  const callTimes = new Set<number>([callMsMax, storageLimits.objectAssemblyMsMax]);
  const sleep = (ms: number, signal?: AbortSignal) =>
    callTimes.has(ms) ? systemClock.sleep(ms, signal) : impatient.sleep(ms);
  const clock = { ...impatient, sleep };
  const random = seededRandom(1);
  const store = createS3ObjectStore({ client, bucket: 'bucket', prefix: 'in/', clock, random, callMsMax, spool });
  return { store, clock, requests: running.requests };
}
