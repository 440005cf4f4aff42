/** The local server as a process of its own, on embedded stores. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PartContext } from '../part.ts';
import { type Server, startServer } from './child.ts';

/** With this many directories beside its own that hold the same, and the triggers of a file. */
export async function startMillrace(
  context: PartContext,
  { replicas = 0, triggers }: { replicas?: number; triggers?: string } = {},
): Promise<Server> {
  const data = join(context.directory, 'data');
  mkdirSync(data, { recursive: true });
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
      '0',
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
