import { describe, expect, it } from 'vitest';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../lib/broker/topics/delete-topic.ts';
import { readLeases } from '../../lib/broker/triggers/read-leases.ts';
import { type Lease, planTake, taken } from '../../lib/coordination/triggers/lease-item.ts';
import { triggerLimits } from '../../lib/kernel/limits/triggers.ts';
import { headKey } from '../../lib/log/ledger/head.ts';
import type { DispatchRequest } from '../../lib/triggers/ports.ts';
import { isDue, type SweepTriggersOptions, sweepTriggers } from '../../lib/triggers/sweep.ts';
import type { Process } from '../support/broker.ts';
import { appendTo, committedOf, makeTrigger, triggerWorld, wakesOf } from '../support/triggers.ts';

const SKEW_MS = triggerLimits.triggerClockSkewMsMax;
const FAR_MS = 101 + triggerLimits.triggerAheadMsMax;

const silent = { info: () => {}, warn: () => {}, error: () => {} };

async function swept({ broker }: Process, options: Partial<SweepTriggersOptions> = {}) {
  const requests: DispatchRequest[] = [];
  const handOn = async (request: DispatchRequest) => void requests.push(request);
  const report = await sweepTriggers(broker, { handOn, log: silent, ...options });
  const woken = requests.flatMap(({ trigger, work }) =>
    work.map(({ topic, partition, wanted }) => `${trigger} ${topic}/${partition} to ${wanted}`),
  );
  return { report, woken };
}

async function lease({ broker, clock }: Process, partition: number, change: Partial<Lease> = {}): Promise<void> {
  const id = { group: 'g', topicId: (await broker.topics.get('t')).topicId, partition };
  const by = { holder: 'd', untilMs: clock.now() + 1_000, wanted: 1, nowMs: 1, topic: 't', trigger: 'orders' };
  await broker.metadata.write([planTake(id, undefined, { ...taken(undefined, by), ...change })]);
}

describe('sweeping triggers', () => {
  it('wakes the partitions that have records above the committed offset', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'before');
    await makeTrigger(process);
    await makeTrigger(process, { name: 'resting', group: 'h', enabled: false });
    expect((await swept(process)).woken).toEqual([]);
    await appendTo(process, 1, 'a', 'b');
    const { report, woken } = await swept(process);
    expect(woken).toEqual(['orders t/1 to 2']);
    expect(report).toEqual({ partitions: 2, woken: 1, repaired: 0, finished: 0, dropped: 0, failures: 0 });
  });

  it('leaves alone what someone delivers, until the lease has run out', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    await appendTo(process, 0, 'a');
    await lease(process, 0);
    expect((await swept(process)).woken).toEqual([]);
    await process.clock.advance(1_000 + triggerLimits.triggerClockSkewMsMax - 1);
    // By another clock it may still be held.
    expect((await swept(process)).woken).toEqual([]);
    await process.clock.advance(1);
    expect((await swept(process)).woken).toEqual(['orders t/0 to 1']);
  });

  it.each([
    ['nothing is there', { lease: {}, behind: 0 }, false],
    ['records are there', { lease: {}, behind: 1 }, true],
    ['the next attempt is not yet due', { lease: { nextMs: 101 }, behind: 1 }, false],
    ['the next attempt is due', { lease: { nextMs: 100 }, behind: 1 }, true],
    ['a window is open', { lease: { nextMs: 101, window: { startMs: 0, hasBegun: true } }, behind: 0 }, false],
    ['a window is over', { lease: { nextMs: 100, window: { startMs: 0, hasBegun: true } }, behind: 0 }, true],
    ['a window has not begun', { lease: { window: { startMs: 0, hasBegun: false } }, behind: 0 }, false],
    ['it is held', { lease: { holder: 'd', untilMs: 101 - SKEW_MS }, behind: 1 }, false],
    [
      'it has run out, whatever was due',
      { lease: { holder: 'd', untilMs: 100 - SKEW_MS, nextMs: 999 }, behind: 1 },
      true,
    ],
    ['a wrong clock has held it for years', { lease: { holder: 'd', untilMs: FAR_MS }, behind: 1 }, true],
    ['a wrong clock has put its next attempt off for years', { lease: { nextMs: FAR_MS }, behind: 1 }, true],
  ])('knows of a lease whether to wake when %s', (_, { lease: change, behind }, due) => {
    const free: Lease = { topic: 't', trigger: 'x', epoch: 1, version: 1, untilMs: 0, wanted: 0, lanes: [] };
    expect(isDue({ ...free, ...change }, behind, 100)).toBe(due);
  });

  it('gives wake to heads that lack it', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    const { topicId } = await process.broker.topics.get('t');
    const key = headKey({ topicId, index: 1 });
    await process.broker.metadata.write([{ kind: 'update', key, changes: { remove: ['wake'] } }]);
    expect((await swept(process)).report.repaired).toBe(1);
    expect(await wakesOf(process)).toEqual([1, 1]);
    expect((await swept(process)).report.repaired).toBe(0);
  });

  it('finishes a trigger whose maker has crashed, but not one that is being made', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a');
    process.metadata.onWrite = (proceed, writes) => {
      if (writes.some(({ key }) => key.sk.startsWith('offset#'))) throw new Error('crash');
      return proceed();
    };
    await expect(makeTrigger(process)).rejects.toThrow('crash');
    process.metadata.onWrite = undefined;
    expect((await swept(process)).report.finished).toBe(0);
    await process.clock.advance(60_000);
    expect((await swept(process)).report.finished).toBe(1);
    expect(await committedOf(process)).toEqual([1, 0]);
    expect(await wakesOf(process)).toEqual([1, 1]);
  });

  it('removes the leases of topics that are gone', async () => {
    const process = await triggerWorld();
    await makeTrigger(process, { topics: { pattern: '.*' } });
    await lease(process, 0, { untilMs: 0 });
    await deleteTopic(process.broker, 't');
    expect((await swept(process)).report.dropped).toBe(1);
    expect((await readLeases(process.broker, 'g')).size).toBe(0);
  });

  it('goes on where it ended', async () => {
    const process = await triggerWorld();
    await createTopic(process.broker, { name: 'u' });
    await makeTrigger(process, { name: 'a', group: 'a', topics: { pattern: '.*' } });
    await makeTrigger(process, { name: 'b', group: 'b' });
    await appendTo(process, 0, 'x');
    const first = await swept(process, { partitionsMax: 1 });
    expect(first.woken).toEqual(['a t/0 to 1']);
    expect(first.report.next).toEqual({ trigger: 'a', topic: 'u' });
    const second = await swept(process, { partitionsMax: 1, from: first.report.next });
    expect(second.woken).toEqual([]);
    expect(second.report.next).toEqual({ trigger: 'b', topic: 't' });
    const third = await swept(process, { partitionsMax: 5, from: second.report.next });
    expect(third.woken).toEqual(['b t/0 to 1']);
    expect(third.report.next).toBeUndefined();
  });

  it('goes on with the others where one cannot be handed on', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    await makeTrigger(process, { name: 'second', group: 'h' });
    await appendTo(process, 0, 'a');
    const asked: string[] = [];
    const handOn = async ({ trigger }: DispatchRequest) => {
      asked.push(trigger);
      if (trigger === 'orders') throw new Error('throttled');
    };
    expect((await swept(process, { handOn })).report).toMatchObject({ woken: 1, failures: 1 });
    expect(asked).toEqual(['orders', 'second']);
  });

  it('costs five reads for a trigger with one topic of up to 16 partitions', async () => {
    const process = await triggerWorld();
    await createTopic(process.broker, { name: 'wide', partitions: 16 });
    await makeTrigger(process, { topics: { names: ['wide'] } });
    const { metadata } = process;
    let queries = 0;
    const query = metadata.query.bind(metadata);
    metadata.query = (asked) => {
      queries++;
      return query(asked);
    };
    metadata.forget();
    await swept(process);
    expect({ queries, calls: metadata.calls }).toEqual({
      // The triggers, which all share; leases; offsets.
      queries: 3,
      // The topic and its one head.
      calls: ['get config strong', 'get head eventual'],
    });
  });
});
