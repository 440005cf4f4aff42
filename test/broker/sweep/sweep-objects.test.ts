/** What a sweep asks for, by the request, and what one ledger that does not answer keeps it from. */
import { describe, expect, it } from 'vitest';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { newObjectId } from '../../../lib/kernel/ids.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { encodeSegmentFooter } from '../../../lib/log/merged/segment-footer.ts';
import { encodeSegmentItem, segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { encodeFooter } from '../../../lib/log/segment/footer.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { makeBroker, makeStores, makeTopic } from '../../support/broker.ts';

const LEDGERS = 4;

async function makeWorld() {
  const stores = makeStores();
  const random = seededRandom(1_000_000);
  const { ledger, ...writer } = await makeTopic({ stores, partitions: LEDGERS, config: { 'ledger.partitions': 1 } });
  const indices = Array.from({ length: LEDGERS }, (_, index) => index);
  const produce = async (value: string) => {
    const records = indices.map((partition) => ({ partition, key: null, value: utf8(value), headers: [] }));
    await produceRecords(writer.broker, { topic: 't', records, acks: 'all' });
  };
  /** As a process leaves it that dies between upload and sequencing. */
  const orphan = async (...ledgers: number[]) => {
    const object = newObjectId(stores.clock.now(), random);
    const runs = [{ slot: 0, bytes: 1, records: 1, maxTimestamp: 1, crc32c: 1 }];
    const parts = ledgers.map((index, part) => ({ ledger: { ...ledger, index }, part, seen: 0, position: part, runs }));
    await stores.objects.put(objectName('segments', object), [encodeFooter({ object, parts })]);
  };
  const merged = async (base: number, isCommitted: boolean) => {
    const object = newObjectId(stores.clock.now(), random);
    const place = { partition: 0, base, end: base + 1 };
    const footer = {
      ...place,
      object,
      topicId: ledger.topicId,
      topic: 't',
      records: 1,
      level: 0,
      version: 0,
      blocks: [],
    };
    await stores.objects.put(objectName('merged', object), [encodeSegmentFooter(footer)]);
    if (!isCommitted) return;
    const attributes = encodeSegmentItem({ ...place, object, bytes: 1, footerBytes: 1, records: 1, level: 0 });
    await stores.metadata.write([{ kind: 'put', key: segmentKey(ledger.topicId, place), attributes }]);
  };
  /** By a process that counts what it asks for. */
  const sweepCounted = async (prepare: (sweeper: ReturnType<typeof makeBroker>) => void = () => {}) => {
    await stores.clock.advance(2 * sweeperLimits.orphanAgeMs);
    const sweeper = makeBroker({ stores });
    const asked = { queries: 0, deletes: 0, footers: 0 };
    sweeper.metadata.onQuery = (proceed) => {
      asked.queries++;
      return proceed();
    };
    const { objects } = sweeper;
    const [remove, tail] = [objects.delete.bind(objects), objects.getTail.bind(objects)];
    objects.delete = (names) => {
      asked.deletes++;
      return remove(names);
    };
    objects.getTail = (name, length) => {
      asked.footers++;
      return tail(name, length);
    };
    prepare(sweeper);
    const report = await sweep(sweeper.broker, {
      fromMs: stores.clock.now() - 5 * sweeperLimits.orphanAgeMs,
      toMs: stores.clock.now(),
    });
    const { metadata } = sweeper;
    return { report, asked: { ...asked, gets: metadata.count('get'), writes: metadata.count('write') } };
  };
  return { stores, ledger, produce, orphan, merged, sweepCounted };
}

describe('a sweep', () => {
  it('looks at each ledger once or twice, however many objects have parts of it', async () => {
    const { produce, orphan, sweepCounted } = await makeWorld();
    for (let index = 0; index < 40; index++) await produce(`${index}`);
    for (let index = 0; index < 10; index++) await orphan(0, 1, 2, 3);
    const { report, asked } = await sweepCounted();
    expect(report).toEqual({ examined: 50, deleted: 10, unreadable: 0 });
    expect(asked).toMatchObject({ footers: 50, gets: LEDGERS, writes: LEDGERS, deletes: 1 });
    expect(asked.queries).toBeLessThanOrEqual(3 * LEDGERS);
  });

  it('reads the segments and the condemned items of a ledger once for all of its merged objects', async () => {
    const { merged, sweepCounted } = await makeWorld();
    for (let base = 0; base < 50; base++) await merged(base, base % 10 !== 9);
    const { report, asked } = await sweepCounted();
    expect(report).toEqual({ examined: 50, deleted: 5, unreadable: 0 });
    // The topic; the head; the fence. Twice segments and condemned items.
    expect(asked).toEqual({ footers: 50, gets: 3, writes: 1, queries: 4, deletes: 1 });
  });

  it('judges what it can while one ledger does not answer', async () => {
    const { stores, ledger, orphan, merged, sweepCounted } = await makeWorld();
    await orphan(0);
    await stores.clock.advance(1);
    const postponedFromMs = stores.clock.now();
    await orphan(1);
    await orphan(2);
    await merged(0, false);
    const busy = new MillraceError('KAFKA_STORAGE_ERROR', 'not now');
    const failing = new Set(
      [headKey({ ...ledger, index: 1 }), lifecycleKey(ledger)].map(({ pk, sk }) => `${pk} ${sk}`),
    );
    const { report } = await sweepCounted(({ metadata }) => {
      metadata.onGet = (proceed, { pk, sk }) => (failing.has(`${pk} ${sk}`) ? Promise.reject(busy) : proceed());
    });
    expect(report).toEqual({ examined: 4, deleted: 2, unreadable: 0, postponedFromMs });
    expect((await sweepCounted()).report).toEqual({ examined: 2, deleted: 2, unreadable: 0 });
  });
});
