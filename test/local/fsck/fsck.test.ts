import { describe, expect, test } from 'vitest';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { fsck } from '../../../lib/local/fsck/fsck.ts';
import {
  brokerOver,
  type CommandOptions,
  dataDirectory as data,
  openData,
  runOffline,
} from '../../support/offline-command.ts';

/** A data directory with a topic of one record; the name of its object. */
async function filled(): Promise<string> {
  const stores = await openData();
  const broker = brokerOver(stores);
  await createTopic(broker, { name: 't' });
  const records = [{ partition: 0, key: null, value: utf8('a'), headers: [] }];
  await produceRecords(broker, { topic: 't', records, acks: 'all' });
  const [object] = (await stores.objects.list('segments/')).objects;
  await stores.close();
  return object?.name ?? '';
}

const run = (args: readonly string[], options?: CommandOptions) => runOffline(fsck, args, options);

describe('millrace fsck', () => {
  test('exits with 0 where nothing is wrong, and says what it has gone through', async () => {
    await filled();
    const { code, out, err } = await run(['--data', data(), '--deep']);
    expect([code, out]).toEqual([0, '']);
    expect(err).toMatch(/^Went through 1 ledgers, .* 1 objects, \d+ items: nothing is wrong\.\n$/);
  });

  test('exits with 1 where something is wrong, and prints it for people or for programs', async () => {
    const object = await filled();
    const stores = await openData();
    await stores.objects.delete([object]);
    await stores.close();
    const human = await run([], { env: { MILLRACE_DATA: data() } });
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
    const stores = await openData();
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
    const { code, err } = await run(['--data', data()], { interruption: AbortSignal.abort() });
    expect([code, err]).toEqual([130, expect.stringMatching(/^millrace: Interrupted\./)]);
  });
});
