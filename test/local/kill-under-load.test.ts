/**
 * The embedded server, killed in the middle of its work again and again: what it acked must be there, where it said.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../lib/client/public.ts';
import { readValues } from '../support/read-values.ts';

const ROUNDS = 20;
const WRITERS = 8;
const PARTITIONS = 3;
const TOPIC = 'killed';

interface Acked {
  partition: number;
  offset: number;
  value: string;
}

let data: string;
let server: ChildProcess | undefined;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-kill-'));
});

afterAll(async () => {
  server?.kill('SIGKILL');
  await rm(data, { recursive: true, force: true });
});

it(`keeps every acked record through ${ROUNDS} kills under load`, { timeout: 240_000 }, async () => {
  const acked: Acked[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const client = await start();
    if (round === 0) await client.topics.create(TOPIC, { partitions: PARTITIONS });
    const enough = acked.length + 200;
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(client, `${round}-${writer}`, acked));
    // The kill comes at another point of the work each round: after so many acks, and then some.
    while (acked.length < enough + round * 7) await new Promise((resolve) => setImmediate(resolve));
    server?.kill('SIGKILL');
    await Promise.all(writers);
  }
  const client = await start();
  const stored: string[][] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) stored.push(await readValues(client, TOPIC, partition));
  const wrong = acked.filter(({ partition, offset, value }) => stored[partition]?.[offset] !== value);
  expect(wrong).toEqual([]);
  expect(acked.length).toBeGreaterThan(ROUNDS * 200);
  // Nothing twice either: every value was sent once.
  const all = stored.flat();
  expect(new Set(all).size).toBe(all.length);
});

/** Writes until the server is gone; small requests and requests beyond the inline size take turns. */
async function write(client: MillraceClient, name: string, acked: Acked[]): Promise<void> {
  for (let request = 0; ; request++) {
    const padding = request % 3 === 0 ? 'x'.repeat(6_000) : '';
    const records = Array.from({ length: 1 + (request % 4) }, (_, index) => ({
      key: `${name}/${request}/${index}`,
      value: `${name}/${request}/${index} ${padding}`,
    }));
    try {
      const results = await client.produce(TOPIC, records);
      for (const [index, result] of results.entries()) {
        if ('error' in result) throw result.error;
        const value = (records[index] as { value: string }).value;
        acked.push({ partition: result.partition, offset: result.offset as number, value });
      }
    } catch {
      return; // the kill; whether these were written is not known, and nobody was told that they were
    }
  }
}

async function start(): Promise<MillraceClient> {
  const child = spawn(process.execPath, ['lib/local/main.ts', '--port', '0', '--data', data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  server = child;
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const url = /^millrace listening http=(\S+)/.exec(line)?.[1];
  if (url === undefined) throw new Error(`not a start line: ${line}`);
  return createClient({ url, attemptsMax: 1 });
}
