import { describe, expect, it } from 'vitest';
import { type CompactionReport, compactTopics } from '../../../lib/broker/lifecycle/compact-topics.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { compactionLimits } from '../../../lib/kernel/limits/compaction.ts';
import { planLease } from '../../../lib/log/merged/fence.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { makeBroker, makeStores, type Process } from '../../support/broker.ts';
import { COMPACTED, mergeAll, produceUpdates, type Update } from '../../support/compacting.ts';
import { segmentsOf } from '../../support/merging.ts';

const NOTHING: CompactionReport = {
  partitions: 0,
  steps: 0,
  passes: 0,
  segments: 0,
  records: 0,
  keyless: 0,
  bytes: 0,
  refused: 0,
  blocked: 0,
  failed: 0,
  dirtyBytes: 0,
  dirtyPercent: 0,
};

const UPDATES: Update[] = Array.from({ length: 6 }, (_, n) => ({ key: `key ${n % 2}`, value: `value ${n}` }));

/** Each has two segments in which four of six records are older than another one. */
async function withTopics(configs: Record<string, Record<string, string>>): Promise<Process> {
  const process = makeBroker({ stores: makeStores() });
  for (const [name, config] of Object.entries(configs)) {
    await createTopic(process.broker, { name, partitions: 1, config });
    for (let round = 0; round < 2; round++) {
      await produceUpdates(process, UPDATES, { topic: name });
      await mergeAll(process, name);
    }
  }
  return process;
}

async function recordsIn(process: Process, name: string): Promise<number> {
  const { ledger } = ledgerOf(await process.broker.topics.get(name), 0);
  return (await segmentsOf(process, ledger, 0)).reduce((sum, { records }) => sum + records, 0);
}

describe('compaction of topics', () => {
  it('compacts those that have the policy, also beside deletion, and tells what went', async () => {
    const process = await withTopics({
      a: COMPACTED,
      b: { ...COMPACTED, 'cleanup.policy': 'compact,delete' },
      c: {},
      d: { ...COMPACTED, 'cleanup.policy': 'delete' },
    });
    const report = await compactTopics(process.broker);
    expect(report).toEqual({
      ...NOTHING,
      partitions: 2,
      steps: 2,
      passes: 2,
      segments: 4,
      records: 20,
      bytes: expect.any(Number),
      dirtyBytes: expect.any(Number),
      dirtyPercent: 100,
    });
    expect(report.bytes).toBeGreaterThan(0);
    const left = await Promise.all(['a', 'b', 'c', 'd'].map((name) => recordsIn(process, name)));
    expect(left).toEqual([2, 2, 12, 12]);
    expect(await compactTopics(process.broker)).toEqual({ ...NOTHING, partitions: 2 });
  });

  it('leaves a ledger alone that someone else is at', async () => {
    const process = await withTopics({ a: COMPACTED });
    const { ledger } = ledgerOf(await process.broker.topics.get('a'), 0);
    const lifecycle = decodeLifecycle(await process.metadata.get(lifecycleKey(ledger), 'strong'));
    const lease = planLease(ledger, lifecycle, { holder: 'someone', untilMs: process.clock.now() + 1_000 });
    await process.metadata.write(lease === undefined ? [] : [lease]);
    expect(await compactTopics(process.broker)).toMatchObject({ partitions: 1, passes: 0, dirtyPercent: 100 });
    await process.clock.advance(1_000);
    expect(await compactTopics(process.broker)).toMatchObject({ passes: 1 });
  });

  it('reports what is missing with its offsets, and goes on with others', async () => {
    const process = await withTopics({ a: COMPACTED, b: COMPACTED });
    const { ledger } = ledgerOf(await process.broker.topics.get('a'), 0);
    const [, second] = await segmentsOf(process, ledger, 0);
    process.objects.onGetRange = (proceed, name) =>
      name.endsWith(Buffer.from(second?.object.random ?? []).toString('hex')) ? undefined : proceed();
    expect(await compactTopics(process.broker)).toMatchObject({ partitions: 2, passes: 1, blocked: 1, failed: 0 });
    expect([await recordsIn(process, 'a'), await recordsIn(process, 'b')]).toEqual([12, 2]);
    const [logged] = process.logged;
    expect(logged).toMatchObject({ message: 'A partition cannot be compacted', facts: { topic: 'a', partition: 0 } });
    expect(String(logged?.facts['error'])).toContain('the offsets 6 to 11');
  });

  it('rewrites nothing from damaged bytes', async () => {
    const process = await withTopics({ a: COMPACTED });
    process.objects.onGetRange = async (proceed) => {
      const bytes = await proceed();
      if (bytes !== undefined && bytes.length > 100) bytes[70] = (bytes[70] as number) ^ 1;
      return bytes;
    };
    expect(await compactTopics(process.broker)).toMatchObject({ passes: 0, blocked: 1 });
    expect(await recordsIn(process, 'a')).toBe(12);
  });

  it('begins with the topic that it was stopped at, but for one that had all of the time', async () => {
    const process = await withTopics({ a: COMPACTED, b: COMPACTED });
    const stopped = new AbortController();
    process.objects.onPut = (proceed) => {
      stopped.abort();
      return proceed();
    };
    expect(await compactTopics(process.broker, { signal: stopped.signal })).toMatchObject({ partitions: 1 });
    process.objects.onPut = undefined;
    expect(await compactTopics(process.broker)).toMatchObject({ partitions: 1, passes: 1 });
    expect(await recordsIn(process, 'b')).toBe(2);
    await compactTopics(process.broker);
    expect(await recordsIn(process, 'a')).toBe(2);
  });

  it('lets topics take turns where one has more to do than a turn takes, and goes on in the next round', async () => {
    const process = await withTopics({ a: COMPACTED, b: COMPACTED });
    for (let n = 0; n < 2 * compactionLimits.compactionGroupSegmentsMax; n++) {
      await produceUpdates(process, UPDATES, { topic: 'a' });
      await mergeAll(process, 'a');
    }
    const { topicId } = await process.broker.topics.get('b');
    const order: string[] = [];
    process.objects.onGetRange = async (proceed) => {
      await process.clock.advance(compactionLimits.compactionStepMsMax / 50);
      return proceed();
    };
    process.metadata.onWrite = (proceed, writes) => {
      if (slotCompacted(writes) !== undefined) order.push(writes[0]?.key.pk.includes(topicId) === true ? 'b' : 'a');
      return proceed();
    };
    expect(await compactTopics(process.broker)).toMatchObject({ failed: 0, refused: 0 });
    expect(order.slice(0, 3)).toEqual(['a', 'b', 'a']);
    expect([await recordsIn(process, 'a'), await recordsIn(process, 'b')]).toEqual([2, 2]);
  });

  it('begins with the partition of a ledger that had its last turn longest ago', async () => {
    const process = makeBroker({ stores: makeStores() });
    await createTopic(process.broker, { name: 'a', partitions: 3, config: COMPACTED });
    const update = async () => {
      for (const partition of [0, 1, 2]) await produceUpdates(process, UPDATES, { topic: 'a', partition });
      await process.clock.advance(1_000);
      await mergeAll(process, 'a');
    };
    const order: number[] = [];
    process.metadata.onWrite = (proceed, writes) => {
      const slot = slotCompacted(writes);
      if (slot !== undefined) order.push(slot);
      return proceed();
    };
    await update();
    const stopping = new AbortController();
    process.objects.onPut = (proceed) => {
      stopping.abort();
      return proceed();
    };
    expect(await compactTopics(process.broker, { signal: stopping.signal })).toMatchObject({ partitions: 1 });
    process.objects.onPut = undefined;
    await update();
    await compactTopics(process.broker);
    // The pass that was stopped is over first, then there is another one.
    expect(order).toEqual([0, 1, 2, 0, 0]);
  });
});

/** The slot whose compaction these writes note something of. */
function slotCompacted(writes: readonly Write[]): number | undefined {
  const set = writes.flatMap((write) =>
    write.kind === 'update' && write.key.sk === 'lifecycle' ? Object.keys(write.changes.set ?? {}) : [],
  );
  const name = set.find((attribute) => /^f\d+$/.test(attribute));
  return name === undefined ? undefined : Number(name.slice(1));
}
