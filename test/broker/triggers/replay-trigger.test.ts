import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { describeTrigger } from '../../../lib/broker/triggers/describe-trigger.ts';
import { readLeases } from '../../../lib/broker/triggers/read-leases.ts';
import { replayTrigger } from '../../../lib/broker/triggers/replay-trigger.ts';
import { type Lease, type LeaseId, planKeep, planTake, taken } from '../../../lib/coordination/triggers/lease-item.ts';
import type { Process } from '../../support/broker.ts';
import { appendTo, committedOf, makeTrigger, triggerWorld, wakesOf } from '../../support/triggers.ts';

async function heldLease({ broker, clock }: Process, partition: number): Promise<{ id: LeaseId; lease: Lease }> {
  const id = { group: 'g', topicId: (await broker.topics.get('t')).topicId, partition };
  const untilMs = clock.now() + 60_000;
  const by = { holder: 'd', untilMs, wanted: 1, nowMs: clock.now(), topic: 't', trigger: 'orders' };
  const lease: Lease = { ...taken(undefined, by), committed: 0 };
  await broker.metadata.write([planTake(id, undefined, lease)]);
  return { id, lease };
}

describe('replaying a trigger', () => {
  it('sets all partitions back, and wakes them', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a', 'b');
    await makeTrigger(process);
    expect(await replayTrigger(process.broker, 'orders', { from: { from: 'earliest' } })).toEqual([
      { topic: 't', partition: 0, offset: 0, before: 2 },
      { topic: 't', partition: 1, offset: 0, before: 0 },
    ]);
    expect(await committedOf(process)).toEqual([0, 0]);
    expect(await wakesOf(process)).toEqual([2, 2]);
  });

  it('shows in a dry run what it would do, and does nothing', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a', 'b');
    await makeTrigger(process);
    const request = { from: { from: 'offset' as const, offset: 1 }, topic: 't', partition: 0, dryRun: true };
    expect(await replayTrigger(process.broker, 'orders', request)).toEqual([
      { topic: 't', partition: 0, offset: 1, before: 2 },
    ]);
    expect(await committedOf(process)).toEqual([2, 0]);
    expect(await wakesOf(process)).toEqual([1, 1]);
  });

  it('fences who delivers, and keeps the time until which an invocation may run', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await appendTo(process, 0, 'a', 'b');
    await makeTrigger(process);
    const { id, lease } = await heldLease(process, 0);
    await replayTrigger(broker, 'orders', { from: { from: 'earliest' } });
    expect(await broker.metadata.write([planKeep(id, lease, { ...lease, committed: 2 })])).toMatchObject({
      outcome: 'refused',
    });
    const [fenced] = [...(await readLeases(broker, 'g')).values()];
    const { committed: _, ...kept } = lease;
    expect(fenced?.lease).toEqual({ ...kept, epoch: lease.epoch + 1 });
  });

  it('looks again where the lease was taken for the first time meanwhile', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a', 'b');
    await makeTrigger(process);
    process.metadata.onWrite = async (proceed, writes) => {
      if (writes.some(({ key }) => key.sk.startsWith('offset#'))) {
        process.metadata.onWrite = undefined;
        await heldLease(process, 0);
      }
      return proceed();
    };
    await replayTrigger(process.broker, 'orders', { from: { from: 'earliest' } });
    const [fenced] = [...(await readLeases(process.broker, 'g')).values()];
    expect(fenced?.lease).not.toHaveProperty('committed');
  });

  it.each([
    ['an offset of several partitions', { from: { from: 'offset' as const, offset: 0 } }, 'INVALID_REQUEST'],
    ['an offset out of range', { from: { from: 'offset' as const, offset: 3 }, partition: 0 }, 'OFFSET_OUT_OF_RANGE'],
    ['a topic that is not its own', { from: { from: 'latest' as const }, topic: 'x' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [
      'a partition that is not there',
      { from: { from: 'latest' as const }, partition: 9 },
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
  ])('refuses %s', async (_, request, code) => {
    const process = await triggerWorld();
    await makeTrigger(process);
    await expect(replayTrigger(process.broker, 'orders', request)).rejects.toMatchObject({ code });
  });
});

describe('describing a trigger', () => {
  it('says how far it is behind in records and in time', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    const appendedMs = process.clock.now();
    await appendTo(process, 1, 'a', 'b');
    await process.clock.advance(4_000);
    const described = await describeTrigger(process.broker, 'orders');
    expect(described).toMatchObject({ state: 'Enabled', lag: 2, lagMs: 4_000, oldestMs: appendedMs });
    expect(described.partitions).toEqual([
      { topic: 't', partition: 0, committed: 0, logStart: 0, highWatermark: 0, lag: 0, attempts: 0 },
      {
        topic: 't',
        partition: 1,
        committed: 0,
        logStart: 0,
        highWatermark: 2,
        lag: 2,
        oldestMs: appendedMs,
        attempts: 0,
      },
    ]);
  });

  it('says who delivers, and what went wrong', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    const { id, lease } = await heldLease(process, 0);
    const error = { kind: 'Unhandled', message: 'no', atMs: 7 };
    const lane = { next: 0, ends: [], attempts: 3, unheard: 0, pauses: 0, dueMs: 99 };
    await process.broker.metadata.write([planKeep(id, lease, { ...lease, version: 2, lanes: [lane], error })]);
    const { error: newest, partitions } = await describeTrigger(process.broker, 'orders');
    expect(newest).toEqual(error);
    expect(partitions[0]).toMatchObject({
      holder: 'd',
      heldUntilMs: lease.untilMs,
      attempts: 3,
      nextAttemptMs: 99,
      error,
    });
  });

  it('names the topics that are gone, and describes the others', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await createTopic(broker, { name: 'u', partitions: 1 });
    await makeTrigger(process, { topics: { names: ['t', 'u'] } });
    expect(await describeTrigger(broker, 'orders')).not.toHaveProperty('error');
    await deleteTopic(broker, 'u');
    const { error, partitions } = await describeTrigger(broker, 'orders');
    const message = 'There is no topic "u".';
    expect(error).toEqual({ kind: 'UNKNOWN_TOPIC_OR_PARTITION', message, atMs: process.clock.now() });
    expect(partitions.map(({ topic }) => topic)).toEqual(['t', 't']);
  });
});
