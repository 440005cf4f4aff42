import { describe, expect, test } from 'vitest';
import { mergePages } from '../../../lib/broker/lifecycle/merge-pages.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { fsck } from '../../../lib/local/fsck/fsck.ts';
import { restore } from '../../../lib/local/restore/restore.ts';
import { segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { AT_ONCE } from '../../support/merging.ts';
import { brokerOver, type CommandOptions, dataDirectory, openData, runOffline } from '../../support/offline-command.ts';

/** A data directory with a topic of one merged record, whose segment's item is lost; the name of its object. */
async function damaged(): Promise<string> {
  const stores = await openData();
  const { metadata, objects } = stores;
  const broker = brokerOver(stores);
  await createTopic(broker, { name: 't' });
  const topic = await broker.topics.get('t');
  const records = [{ partition: 0, key: null, value: utf8('a'), headers: [] }];
  await produceRecords(broker, { topic: 't', records, acks: 'all' });
  const { topicId } = topic;
  const merged = await mergePages(broker, { topic, ledger: { topicId, index: 0 }, policy: AT_ONCE });
  if (merged.outcome !== 'merged') throw new Error(`The page is merged, not ${merged.outcome}`);
  await metadata.write([{ kind: 'delete', key: segmentKey(topicId, { partition: 0, base: 0 }) }]);
  const [object] = (await objects.list('merged/')).objects;
  await stores.close();
  return object?.name ?? '';
}

const run = (command: typeof restore, args: readonly string[], options?: CommandOptions) =>
  runOffline(command, ['--data', dataDirectory(), ...args], options);

describe('millrace restore', () => {
  test('says what can be restored, and changes nothing', async () => {
    await damaged();
    for (let times = 0; times < 2; times++) {
      const { code, out, err } = await run(restore, []);
      expect([code, out]).toEqual([
        1,
        'segments-missing: t: 1 segments of partition 0 between the offsets 0 and 0 can be restored.\n',
      ]);
      expect(err).toContain('run it again with --write');
    }
    expect((await run(fsck, [])).code).toBe(1);
  });

  test('writes it, after which the check finds nothing and there is nothing to do', async () => {
    const object = await damaged();
    const { code, out } = await run(restore, ['--write', '--json']);
    expect(code).toBe(0);
    const line = { kind: 'segments-restored', topic: 't', partition: 0, from: 0, to: 1, objects: [object] };
    expect(JSON.parse(out)).toMatchObject(line);
    expect(await run(fsck, ['--deep'])).toMatchObject({ code: 0, out: '' });
    expect(await run(restore, [])).toMatchObject({ code: 0, out: '' });
  });

  test('says what is nowhere, and what is of no use', async () => {
    const object = await damaged();
    const without = await run(restore, ['--write', '--without', object]);
    expect(without.code).toBe(1);
    expect(without.out).toBe('segment-gap: t: The offsets 0 to 0 of partition 0 are in no object that can be read.\n');
    const stores = await openData();
    await stores.objects.put('merged/1/foreign', [new Uint8Array(3)]);
    await stores.close();
    const { code, out } = await run(restore, ['--write']);
    expect(code).toBe(0);
    expect(out).toContain(
      'object-unusable: The object merged/1/foreign is of no use: it has a name that no object gets.',
    );
  });

  test.each([
    [['--port', '1'], 'there is no flag --port'],
    [['--without'], '--without needs a value'],
    [[], 'is no data directory of Millrace'],
  ])('refuses %j where there is nothing', async (args, sentence) => {
    expect(await run(restore, args)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(sentence) as string,
    });
  });

  test('says what it takes', async () => {
    expect(await run(restore, ['--help'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('--write') as string,
    });
  });

  test('ends where it is interrupted', async () => {
    await damaged();
    const { code, out, err } = await run(restore, ['--write'], { interruption: AbortSignal.abort() });
    expect([code, out, err]).toEqual([130, '', expect.stringMatching(/^millrace: Interrupted/)]);
  });
});
