/** The local server as a process of its own, on embedded stores. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PartContext } from '../part.ts';
import { type Server, startServer } from './child.ts';

export interface MillraceOptions {
  /** Directories beside its own that hold the same. */
  replicas?: number;
  /** The file that says which. */
  triggers?: string;
  kafkaPort?: number;
  /** Its stores are in its memory, in place of files. */
  inMemory?: boolean;
}

export async function startMillrace(
  context: PartContext,
  { replicas = 0, triggers, kafkaPort = 0, inMemory = false }: MillraceOptions = {},
): Promise<Server> {
  const data = inMemory ? ':memory:' : join(context.directory, 'data');
  if (!inMemory) mkdirSync(data, { recursive: true });
  const further = Array.from({ length: replicas }, (_, index) => join(context.directory, `replica-${index + 1}`));
  for (const directory of further) mkdirSync(directory, { recursive: true });
  const { profileDirectory } = context;
  const nodeArgs = profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  const main = new URL('../../lib/local/main.ts', import.meta.url);
  return startServer(main, {
    args: [
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--kafka-port',
      String(kafkaPort),
      '--data',
      data,
      ...further.flatMap((directory) => ['--replica-data', directory]),
      ...(triggers === undefined ? [] : ['--triggers', triggers]),
    ],
    nodeArgs,
  });
}

export async function createTopic(
  { port }: Server,
  name: string,
  partitions: number,
  further: Record<string, unknown> = {},
): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, partitions, ...further }),
  });
  if (answer.status !== 201) throw new Error(`creating a topic was answered ${answer.status}: ${await answer.text()}`);
}
