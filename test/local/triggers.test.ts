/** Triggers of the local server as a process: delivery, changes of handlers, failures, and how it ends. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, type LocalProcess, startLocal, temporaryDirectory } from '../support/local-process.ts';

afterEach(cleanUp);

/** Appends a line for each record that the handler is given: its offset and its value. */
const RECORDING = `
import { appendFileSync } from 'node:fs';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const recordsOf = (event: any) => Object.values(event.records).flat().map((record: any) => ({
  offset: record.offset as number, partition: record.partition as number,
  value: Buffer.from(record.value, 'base64').toString(),
}));
const note = (line: string) => appendFileSync(process.env.SEEN!, line + '\\n');
`;

class World {
  readonly directory: string;
  readonly options: Record<string, unknown>;
  private url = '';
  local: LocalProcess | undefined;

  private constructor(directory: string, options: Record<string, unknown>) {
    this.directory = directory;
    this.options = options;
  }

  static async of(body: string, options: Record<string, unknown> = {}): Promise<World> {
    const world = new World(await temporaryDirectory(), options);
    await mkdir(join(world.directory, 'src'));
    await writeFile(join(world.directory, 'seen'), '');
    await world.write(body);
    const environment = { SEEN: join(world.directory, 'seen') };
    const trigger = { name: 'orders', topic: 'orders', handler: './src/orders.handler', environment, ...options };
    await writeFile(join(world.directory, 'triggers.json'), JSON.stringify({ triggers: [trigger] }));
    await world.start();
    return world;
  }

  write(body: string): Promise<void> {
    return writeFile(join(this.directory, 'src/orders.ts'), RECORDING + body);
  }

  async start(): Promise<LocalProcess> {
    const { directory } = this;
    this.local = startLocal(['--data', join(directory, 'data'), '--triggers', join(directory, 'triggers.json')]);
    this.url = await this.local.url();
    return this.local;
  }

  async call(path: string, body?: unknown): Promise<Record<string, unknown>> {
    const headers = { 'content-type': 'application/json' };
    const request = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) };
    const response = await fetch(this.url + path, request);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  async produce(...values: string[]): Promise<void> {
    await this.call('/v1/topics/orders/records', { records: values.map((value) => ({ value })) });
  }

  async seen(): Promise<string[]> {
    return (await readFile(join(this.directory, 'seen'), 'utf8')).split('\n').filter((line) => line !== '');
  }

  describe(): Promise<Record<string, unknown>> {
    return this.call('/v1/triggers/orders');
  }

  logged(): Record<string, unknown>[] {
    const lines = (this.local as LocalProcess).stderr.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

/** What only another process can bring about is waited for. */
async function until<T>(look: () => Promise<T> | T, holds: (found: T) => boolean): Promise<T> {
  return await new Promise((resolve, reject) => {
    let last: unknown;
    const end = setTimeout(() => reject(new Error(`it did not come to be; last: ${JSON.stringify(last)}`)), 15_000);
    const again = async () => {
      try {
        const found = await look();
        last = found;
        if (holds(found)) {
          clearTimeout(end);
          return resolve(found);
        }
        setTimeout(() => void again(), 20);
      } catch (error) {
        reject(error);
      }
    };
    void again();
  });
}

const NOTE_ALL = `export const handler = async (event) => { for (const { offset, value } of recordsOf(event)) { note(offset + ' ' + value); console.log('saw ' + value); } };`;

describe('a local trigger', () => {
  it('delivers what is produced, shows its lag and logs each invocation', async () => {
    const world = await World.of(NOTE_ALL);
    await world.produce('a', 'b');
    await until(
      () => world.seen(),
      (seen) => seen.length === 2,
    );
    await world.produce('c');
    await until(
      () => world.seen(),
      (seen) => seen.length === 3,
    );
    expect(await world.seen()).toEqual(['0 a', '1 b', '2 c']);
    await until(
      () => world.describe(),
      ({ lag }) => lag === 0,
    );
    const logged = world.logged();
    const delivered = logged.filter(({ message }) => message === 'A batch was delivered');
    expect(delivered[0]).toMatchObject({ trigger: 'orders', topic: 'orders', partition: 0, first: 0, result: 'done' });
    expect(logged.find(({ message }) => message === 'saw c')).toMatchObject({
      trigger: 'orders',
      requestId: delivered.at(-1)?.['requestId'],
    });
    expect(await (world.local as LocalProcess).stop()).toEqual({ code: 0, signal: null });
  });

  it('goes on after partial failures, and gives up to a topic what fails too often', async () => {
    const world = await World.of(
      `export const handler = async (event) => {
        for (const { offset, partition, value } of recordsOf(event)) {
          if (value === 'poison') return { batchItemFailures: [{ itemIdentifier: { partition: 'orders-' + partition, offset } }] };
          note(offset + ' ' + value);
        }
      };`,
      {
        report_batch_item_failures: true,
        retry_attempts: 1,
        bisect_batch_on_error: true,
        on_failure: { kind: 'topic', topic: 'failed' },
      },
    );
    await world.produce('a', 'poison', 'b');
    await until(
      () => world.seen(),
      (seen) => seen.includes('2 b'),
    );
    expect(await world.seen()).toEqual(['0 a', '2 b']);
    const { records } = await world.call('/v1/topics/failed/partitions/0/records?offset=earliest');
    expect(records).toMatchObject([{ value: 'poison' }]);
  });

  it('delivers to the handler as it is now, at once what the one before could not take', async () => {
    const world = await World.of(`export const handler = async () => { throw new Error('not yet'); };`);
    await world.produce('a');
    await until(
      () => world.describe(),
      ({ last_error: error }) => error !== undefined,
    );
    await until(
      () => world.logged().filter(({ message }) => message === 'A batch was not delivered').length,
      (attempts) => attempts >= 4,
    );
    await world.write(NOTE_ALL);
    await until(
      () => world.seen(),
      (seen) => seen.length === 1,
    );
    await world.produce('b');
    await until(
      () => world.seen(),
      (seen) => seen.length === 2,
    );
    expect(await world.seen()).toEqual(['0 a', '1 b']);
  });

  it('holds its place while the handler does not load, and says why', async () => {
    const world = await World.of('export const handler = async ( => {};');
    await world.produce('a');
    const described = await until(
      () => world.describe(),
      ({ last_error: error }) => error !== undefined,
    );
    expect(described).toMatchObject({ lag: 1, last_error: { kind: 'Runtime.UserCodeSyntaxError' } });
    await world.write(NOTE_ALL);
    await until(
      () => world.seen(),
      (seen) => seen.length === 1,
    );
  });

  it('delivers again what a server that was killed had begun, and skips nothing', async () => {
    const world = await World.of(
      `export const handler = async (event) => {
        for (const { offset, value } of recordsOf(event)) { note(offset + ' ' + value); await pause(value === 'slow' ? 60_000 : 0); }
      };`,
      { batch_size: 1 },
    );
    await world.produce('a', 'slow', 'b');
    await until(
      () => world.seen(),
      (seen) => seen.includes('1 slow'),
    );
    await (world.local as LocalProcess).stop('SIGKILL');
    await world.write(NOTE_ALL);
    await world.start();
    await until(
      () => world.seen(),
      (seen) => seen.includes('2 b'),
    );
    expect(await world.seen()).toEqual(['0 a', '1 slow', '1 slow', '2 b']);
  });

  it('lets an invocation end before the server does, and commits it', async () => {
    const world = await World.of(
      `export const handler = async (event) => { note('begun'); await pause(700); note('ended ' + recordsOf(event).length); };`,
    );
    await world.produce('a');
    await until(
      () => world.seen(),
      (seen) => seen.length === 1,
    );
    expect(await (world.local as LocalProcess).stop()).toEqual({ code: 0, signal: null });
    expect(await world.seen()).toEqual(['begun', 'ended 1']);
    await world.start();
    expect(await world.describe()).toMatchObject({ lag: 0 });
    expect((await world.describe())['partitions']).not.toMatchObject([{ holder: expect.anything() }]);
    expect(await world.seen()).toHaveLength(2);
  });

  it('ends a handler that takes too long and tries again', async () => {
    const world = await World.of(
      `export const handler = async (event) => {
        const first = (await import('node:fs')).readFileSync(process.env.SEEN, 'utf8') === '';
        note('begun');
        if (first) for (;;);
      };`,
      { timeout_ms: 500 },
    );
    await world.produce('a');
    await until(
      () => world.seen(),
      (seen) => seen.length === 2,
    );
    await until(
      () => world.describe(),
      ({ lag }) => lag === 0,
    );
    const failure = world.logged().find(({ message }) => message === 'A batch was not delivered');
    expect(failure).toMatchObject({ error: { message: expect.stringContaining('Task timed out after 0.50 seconds') } });
  });

  it('that is paused holds its place, and goes on', async () => {
    const world = await World.of(NOTE_ALL);
    const change = async (enabled: boolean) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ enabled });
      const url = `${/http=(\S+)/.exec((world.local as LocalProcess).stdout)?.[1]}/v1/triggers/orders`;
      expect((await fetch(url, { method: 'PATCH', headers, body })).status).toBe(200);
    };
    await change(false);
    await until(
      () => world.describe(),
      ({ state }) => state === 'Disabled',
    );
    await world.produce('a');
    expect(await world.describe()).toMatchObject({ lag: 1 });
    await change(true);
    await until(
      () => world.seen(),
      (seen) => seen.length === 1,
    );
  });

  it('delivers what a topic has that is made later, and that its pattern means', async () => {
    const world = await World.of(NOTE_ALL, { topic: undefined, topic_pattern: 'late-.*' });
    await world.call('/v1/topics', { name: 'late-1' });
    await world.call('/v1/topics/late-1/records', { records: [{ value: 'a' }] });
    const seen = await until(
      () => world.seen(),
      (lines) => lines.length === 1,
    );
    expect(seen).toEqual(['0 a']);
  });
});

describe('a server with triggers', () => {
  it('is refused with exit code 2 and a sentence where the file is wrong', async () => {
    const file = join(await temporaryDirectory(), 'triggers.json');
    await writeFile(file, '{"triggers":[{"name":"a","topic":"b","handler":"./c.d"}]}');
    const local = startLocal(['--data', ':memory:', '--triggers', file]);
    expect(await local.exit).toEqual({ code: 2, signal: null });
    expect(local.stderr).toMatch(/^millrace: .*triggers.json: trigger "a": The handler ".\/c.d" names no module.*\n$/);
  });

  it('is refused where what fails is to go to AWS and there is no way there', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'c.ts'), 'export const d = async () => {};');
    const arn = 'arn:aws:sqs:eu-central-1:123456789012:failed';
    const trigger = { name: 'a', topic: 'b', handler: './c.d', on_failure: { kind: 'sqs', arn } };
    await writeFile(join(directory, 'triggers.json'), JSON.stringify({ triggers: [trigger] }));
    const env = { AWS_EC2_METADATA_DISABLED: 'true', HOME: directory };
    const local = startLocal(['--data', ':memory:', '--triggers', join(directory, 'triggers.json')], { env });
    expect(await local.exit).toEqual({ code: 2, signal: null });
    expect(local.stderr).toContain('its on_failure is in AWS, which cannot be reached');
    expect(local.stderr).toContain('set AWS_REGION and credentials, or name a topic');
  });
});
