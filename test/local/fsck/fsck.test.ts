import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { createTopic } from '../../../lib/broker/create-topic.ts';
import { produceRecords } from '../../../lib/broker/produce.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { fsck } from '../../../lib/local/fsck/fsck.ts';
import { openStores, type Stores } from '../../../lib/local/stores.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const time = { clock: systemClock, random: systemRandom };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const data = () => join(directory, 'data');

function open(): Promise<Stores> {
  const storage = { kind: 'directory' as const, path: data(), fsync: false, replicas: [] };
  return openStores({ storage, inlineBytesMax: 0 }, { ...time, log, baseUrl: () => '' });
}

/** A data directory with a topic of one record; the name of its object. */
async function filled(): Promise<string> {
  const stores = await open();
  const { metadata, objects } = stores;
  const broker = createBroker({ metadata, objects, compression: nodeCompression, ...time });
  await createTopic(broker, { name: 't' });
  const records = [{ partition: 0, key: null, value: utf8('a'), headers: [] }];
  await produceRecords(broker, { topic: 't', records, acks: 'all' });
  const [object] = (await objects.list('segments/')).objects;
  await stores.close();
  return object?.name ?? '';
}

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  interruption = new AbortController().signal,
) {
  const said = { out: '', err: '' };
  const code = await fsck({
    args,
    env,
    stdout: (text) => void (said.out += text),
    stderr: (text) => void (said.err += text),
    ...time,
    interruption,
  });
  return { code, ...said };
}

describe('millrace fsck', () => {
  test('exits with 0 where nothing is wrong, and says what it has gone through', async () => {
    await filled();
    const { code, out, err } = await run(['--data', data(), '--deep']);
    expect([code, out]).toEqual([0, '']);
    expect(err).toMatch(/^Went through 1 ledgers, .* 1 objects, \d+ items: nothing is wrong\.\n$/);
  });

  test('exits with 1 where something is wrong, and prints it for people or for programs', async () => {
    const object = await filled();
    const stores = await open();
    await stores.objects.delete([object]);
    await stores.close();
    const human = await run([], { MILLRACE_DATA: data() });
    expect(human.code).toBe(1);
    expect(human.out).toBe(
      `damage: object-missing: t: The object ${object} is missing: it is about the offsets 0 to 0 of partition 0.\n`,
    );
    expect(human.err).toContain(': 1 findings.');
    const { code, out } = await run(['--data', data(), '--json']);
    expect(code).toBe(1);
    const affected = [{ partition: 0, from: 0, to: 1 }];
    expect(JSON.parse(out)).toMatchObject({ kind: 'object-missing', severity: 'damage', topic: 't', object, affected });
  });

  test('makes no data directory where there is none', async () => {
    const { code, err } = await run(['--data', data()]);
    expect([code, err]).toEqual([2, expect.stringContaining('is no data directory of Millrace')]);
    expect((await run(['--data', data()])).code).toBe(2);
  });

  test('cannot go through a directory that another process has', async () => {
    await filled();
    const stores = await open();
    const { code, err } = await run(['--data', data()]);
    await stores.close();
    expect([code, err]).toEqual([2, expect.stringContaining('it is in use by another process')]);
  });

  test.each([
    [['--port', '1'], 'there is no flag --port'],
    [['--data', ':memory:'], 'keeps nothing that could be checked'],
    [['--deep=yes'], '--deep takes no value'],
    [['x'], '"x" is no flag'],
  ])('refuses %j', async (args, sentence) => {
    expect(await run(args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(sentence) as string });
  });

  test('says what it takes', async () => {
    const { code, out } = await run(['--help']);
    expect([code, out]).toEqual([0, expect.stringContaining('--deep')]);
  });

  test('ends where it is interrupted', async () => {
    await filled();
    const { code, err } = await run(['--data', data()], {}, AbortSignal.abort());
    expect([code, err]).toEqual([130, expect.stringMatching(/^millrace: Interrupted\./)]);
  });
});
