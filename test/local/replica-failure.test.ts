/**
 * A replica's directory that cannot be written to any more, under load: with three replicas, two of which must be in
 * sync, nothing that was acked is lost, another leader is elected, writes go on, and the directory rejoins when it is
 * back.
 */
import { chmod, chown, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../lib/client/public.ts';
import { cleanUp, startLocal, temporaryDirectory } from '../support/local-process.ts';
import { readValues } from '../support/read-values.ts';

const TOPIC = 'held-by-three';
const PARTITIONS = 3;
const WRITERS = 6;
/** Nobody. The superuser may write to what nobody may: a test that runs as one starts the server as someone else. */
const OTHER_UID = 65_534;

interface Acked {
  partition: number;
  offset: number;
  value: string;
}

let directories: string[];
let client: MillraceClient;
let acked: Acked[];
let stop: AbortController;

beforeEach(async () => {
  directories = await Promise.all([0, 1, 2].map(() => temporaryDirectory()));
  const [data = '', ...replicas] = directories;
  const uid = process.getuid?.() === 0 ? OTHER_UID : undefined;
  if (uid !== undefined) for (const directory of directories) await chown(directory, uid, uid);
  const args = ['--data', data, ...replicas.flatMap((directory) => ['--replica-data', directory])];
  const url = await startLocal(args, { uid }).url();
  client = createClient({ url });
  acked = [];
  stop = new AbortController();
});

afterEach(async () => {
  for (const directory of directories) await setWritable(directory, true);
  await cleanUp();
});

describe.each(['leader', 'follower'] as const)('a %s whose directory cannot be written to', (role) => {
  it('is done without, and is back in sync when it is back', { timeout: 120_000 }, async () => {
    const config = { 'min.insync.replicas': '2' };
    await client.topics.create(TOPIC, { partitions: PARTITIONS, replicationFactor: 3, config });
    const before = await partition();
    expect(before).toMatchObject({ leaderEpoch: 0, isr: expect.toSatisfy((isr: number[]) => isr.length === 3) });
    const failing = role === 'leader' ? before.leader : (before.replicas.at(-1) as number);
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(`${writer}`));

    await ackedMore(500);
    await setWritable(objectsOf(failing), false);
    const during = await until(({ isr }) => !isr.includes(failing));
    expect(during.isr).toHaveLength(2);
    expect(during.leader).not.toBe(failing);
    expect(during.leaderEpoch).toBe(role === 'leader' ? 1 : 0);
    await ackedMore(500);

    await setWritable(objectsOf(failing), true);
    const after = await until(({ isr, leader, replicas }) => isr.length === 3 && leader === replicas[0]);
    expect(after.leaderEpoch).toBe(role === 'leader' ? 2 : 0);
    await ackedMore(500);

    stop.abort();
    await Promise.all(writers);
    const stored = await Promise.all(
      Array.from({ length: PARTITIONS }, (_, index) => readValues(client, TOPIC, index)),
    );
    expect(acked.filter(({ partition, offset, value }) => stored[partition]?.[offset] !== value)).toEqual([]);
    // Nothing twice either: every value was sent once, by a producer that is idempotent.
    const all = stored.flat();
    expect(new Set(all).size).toBe(all.length);
  });
});

async function partition() {
  const { partitionDetails } = await client.topics.describe(TOPIC);
  const [first] = partitionDetails;
  if (first === undefined) throw new Error('the topic has partitions');
  return first;
}

async function until(holds: (found: Awaited<ReturnType<typeof partition>>) => boolean) {
  const endMs = performance.now() + 45_000;
  for (;;) {
    const found = await partition();
    if (holds(found)) return found;
    if (performance.now() > endMs) throw new Error(`it stays at ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function ackedMore(count: number): Promise<void> {
  const enough = acked.length + count;
  const endMs = performance.now() + 45_000;
  while (acked.length < enough) {
    if (performance.now() > endMs) throw new Error(`${enough - acked.length} acks are missing`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Small requests and requests beyond the inline size take turns. */
async function write(name: string): Promise<void> {
  await using producer = client.producer();
  for (let request = 0; !stop.signal.aborted; request++) {
    const padding = request % 3 === 0 ? '' : 'x'.repeat(6_000);
    const records = Array.from({ length: 1 + (request % 4) }, (_, index) => {
      const value = `${name}/${request}/${index} ${padding}`;
      return { partition: request % PARTITIONS, value };
    });
    const receipts = await producer.send({ topic: TOPIC, records });
    for (const [index, receipt] of receipts.entries()) {
      const { value } = records[index] as (typeof records)[number];
      acked.push({ partition: receipt.partition, offset: receipt.offset as number, value });
    }
  }
}

/** The data directory holds the table too, which stays writable. */
function objectsOf(replica: number): string {
  const directory = directories[replica] as string;
  return replica === 0 ? join(directory, 'objects') : directory;
}

async function setWritable(root: string, writable: boolean): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = [
    root,
    ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)),
  ];
  for (const path of paths) await chmod(path, writable ? 0o755 : 0o555).catch(() => {});
}
