/**
 * Commands that work on a data directory themselves (`millrace fsck`, `millrace restore`), inside of the test's
 * process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type Broker, createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import type { OfflineWorld } from '../../lib/local/offline.ts';
import { openStores, type Stores } from '../../lib/local/stores.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const time = { clock: systemClock, random: systemRandom };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Of the test that is running; not made yet. */
export const dataDirectory = () => join(directory, 'data');

/** Makes the data directory, and has it until they are closed. */
export function openData(): Promise<Stores> {
  const storage = { kind: 'directory' as const, path: dataDirectory(), fsync: false, replicas: [] };
  return openStores({ storage, inlineBytesMax: 0 }, { ...time, log, baseUrl: () => '' });
}

export function brokerOver({ metadata, objects }: Stores): Broker {
  return createBroker({ metadata, objects, compression: nodeCompression, ...time });
}

export interface CommandOptions {
  env?: Record<string, string>;
  interruption?: AbortSignal;
}

export async function runOffline(
  command: (world: OfflineWorld) => Promise<number>,
  args: readonly string[],
  { env = {}, interruption = new AbortController().signal }: CommandOptions = {},
): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const stdout = (text: string) => void (said.out += text);
  const stderr = (text: string) => void (said.err += text);
  return { code: await command({ args, env, stdout, stderr, ...time, interruption }), ...said };
}
