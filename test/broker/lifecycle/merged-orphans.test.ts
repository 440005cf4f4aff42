/** What a merge leaves that was cut off goes with the sweep; what a segment or a condemned item names stays. */
import { describe, expect, it } from 'vitest';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { newObjectId, type ObjectId } from '../../../lib/kernel/ids.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { condemnedKey, encodeCondemned } from '../../../lib/log/merged/condemned-item.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { encodeSegmentFooter } from '../../../lib/log/merged/segment-footer.ts';
import { encodeSegmentItem, segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { makeStores, makeTopic } from '../../support/broker.ts';

const PLACE = { partition: 0, base: 0, end: 5 };

async function world() {
  const stores = makeStores();
  const { ledger, ...process } = await makeTopic({ stores });
  const { topicId } = ledger;
  let seed = 0;
  const put = async (): Promise<ObjectId> => {
    const object = newObjectId(stores.clock.now(), seededRandom(++seed));
    const footer = { ...PLACE, object, topicId, topic: 't', records: 5, level: 0, version: 0, blocks: [] };
    await stores.objects.put(objectName('merged', object), [encodeSegmentFooter(footer)]);
    return object;
  };
  const isThere = async (object: ObjectId) =>
    (await stores.objects.getTail(objectName('merged', object), 1)) !== undefined;
  const sweepAll = async () => {
    const fromMs = stores.clock.now();
    await stores.clock.advance(sweeperLimits.orphanAgeMs + 1);
    return sweep(process.broker, { fromMs, toMs: stores.clock.now() });
  };
  const swept = async () => decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong')).swept;
  return { stores, process, ledger, put, isThere, sweepAll, swept };
}

describe('a merged object', () => {
  it('that nothing names is deleted, after a fence', async () => {
    const { put, isThere, sweepAll, swept } = await world();
    const object = await put();
    expect(await sweepAll()).toEqual({ examined: 1, deleted: 1, unreadable: 0 });
    expect(await isThere(object)).toBe(false);
    expect(await swept()).toBe(object.birthMs);
  });

  it('stays while a segment names it, or a condemned item', async () => {
    const { stores, ledger, put, isThere, sweepAll, swept } = await world();
    const [live, condemned, other] = [await put(), await put(), await put()];
    const attributes = encodeSegmentItem({ ...PLACE, object: live, bytes: 5, footerBytes: 1, records: 5, level: 0 });
    await stores.metadata.write([{ kind: 'put', key: segmentKey(ledger.topicId, PLACE), attributes }]);
    const key = condemnedKey(ledger, { ms: 1, random: '00000000' });
    const named = encodeCondemned([{ tier: 'merged', object: condemned }]);
    await stores.metadata.write([{ kind: 'put', key, attributes: named }]);
    expect(await sweepAll()).toEqual({ examined: 3, deleted: 1, unreadable: 0 });
    expect(await Promise.all([live, condemned, other].map(isThere))).toEqual([true, true, false]);
    expect(await swept()).toBe(other.birthMs);
  });

  it('that is committed between the two looks stays', async () => {
    const { stores, process, ledger, put, isThere, sweepAll } = await world();
    const object = await put();
    const attributes = encodeSegmentItem({ ...PLACE, object, bytes: 5, footerBytes: 1, records: 5, level: 0 });
    process.metadata.onWrite = async (proceed) => {
      await stores.metadata.write([{ kind: 'put', key: segmentKey(ledger.topicId, PLACE), attributes }]);
      return proceed();
    };
    expect(await sweepAll()).toMatchObject({ examined: 1, deleted: 0 });
    expect(await isThere(object)).toBe(true);
  });

  it('of a topic that is deleted goes, and brings nothing of it back', async () => {
    const { stores, process, ledger, put, isThere, sweepAll } = await world();
    const object = await put();
    await deleteTopic(process.broker, 't');
    await process.broker.background.settled();
    expect(await sweepAll()).toMatchObject({ deleted: 1 });
    expect(await isThere(object)).toBe(false);
    expect(await stores.metadata.get(lifecycleKey(ledger), 'strong')).toBeUndefined();
  });
});
