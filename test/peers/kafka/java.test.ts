/**
 * What is quick of Kafka's own programs, from its published jars: the verifiable producer, consumer and copier, every
 * method of Admin, and Connect; java.ts runs more of them, and for longer.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithPeer } from '../support/peer.ts';
import { ADMIN_FLAGS, callAdmin } from './java/admin-calls.ts';
import { connectStandalone } from './java/connect-standalone.ts';
import { copyTransactionally } from './java/copier.ts';
import { type GatewayProcess, startGateway } from './java/gateway.ts';
import { jarsMissing } from './java/jars.ts';
import { killLeftProcesses } from './java/jvm.ts';
import { verifiableRoundTrip } from './java/verifiable.ts';

const RECORDS = 4_000;

describeWithPeer(jarsMissing)("Kafka's Java clients", () => {
  let directory: string;
  let gateway: GatewayProcess;
  /** Of who wants to see nothing but what is its own. */
  let other: GatewayProcess;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-java-'));
    const started = [
      startGateway(join(directory, 'one')),
      startGateway(join(directory, 'other'), ADMIN_FLAGS),
    ] as const;
    [gateway, other] = await Promise.all(started);
  });

  afterAll(async () => {
    await killLeftProcesses();
    await Promise.all([gateway.stop(), other.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  // They wait for sessions to end most of the time: together they take as long as the longest.
  it.concurrent('read each acknowledged record at its offset when one of a classic group is killed', async () => {
    const load = { records: RECORDS, throughput: 1_000 };
    const trip = verifiableRoundTrip({ bootstrap: gateway.bootstrap, protocol: 'classic', kill: true, ...load });
    expect(await trip).toMatchObject({ read: RECORDS });
  });

  it.concurrent('read each acknowledged record at its offset when one of a consumer group leaves', async () => {
    const load = { records: RECORDS, throughput: 1_000 };
    const trip = verifiableRoundTrip({ bootstrap: gateway.bootstrap, protocol: 'consumer', kill: false, ...load });
    expect(await trip).toEqual({ read: RECORDS, twice: 0 });
  });

  it.concurrent('copy every record once and in order, in transactions, when one of a group is killed', async () => {
    const copying = { records: RECORDS, transactionSize: 25, kills: 1 };
    expect(await copyTransactionally(gateway.bootstrap, copying)).toBe(RECORDS);
  });

  it.concurrent('call every method of Admin, which answers or says that it is not served', async () => {
    expect(await callAdmin(other.bootstrap)).toEqual({ served: 71, refused: 23 });
  });

  it.concurrent('bring a file through Connect into a topic and out of it, each line once, also after a restart', async () => {
    const notes: string[] = [];
    await connectStandalone.run({ bootstrap: gateway.bootstrap, directory, note: (fact) => notes.push(fact) });
    expect(notes).toHaveLength(2);
  });
});
