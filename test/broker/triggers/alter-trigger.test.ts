import { describe, expect, it } from 'vitest';
import { alterTrigger } from '../../../lib/broker/triggers/alter-trigger.ts';
import { claimantOf } from '../../../lib/broker/triggers/claim.ts';
import { deleteTrigger } from '../../../lib/broker/triggers/delete-trigger.ts';
import { getTrigger } from '../../../lib/broker/triggers/find-trigger.ts';
import { finishDeletion } from '../../../lib/broker/triggers/finish-trigger.ts';
import { listTriggers } from '../../../lib/broker/triggers/list-triggers.ts';
import { readLeases } from '../../../lib/broker/triggers/read-leases.ts';
import { planTake, taken } from '../../../lib/coordination/triggers/lease-item.ts';
import { decideTake } from '../../../lib/coordination/triggers/take.ts';
import { lost } from '../../support/broker.ts';
import { allFunctions, appendTo, committedOf, makeTrigger, triggerWorld, wakesOf } from '../../support/triggers.ts';

describe('changing a trigger', () => {
  it('merges what is given and goes up by one version', async () => {
    const process = await triggerWorld();
    const made = await makeTrigger(process);
    const altered = await alterTrigger(process.broker, allFunctions, 'orders', { batchSize: 7, enabled: false });
    expect(altered).toEqual({
      ...made,
      version: made.version + 1,
      trigger: { ...made.trigger, batchSize: 7, enabled: false },
    });
    expect(await getTrigger(process.broker, 'orders')).toEqual(altered);
  });

  it('writes nothing where nothing changes', async () => {
    const process = await triggerWorld();
    const made = await makeTrigger(process);
    expect(await alterTrigger(process.broker, allFunctions, 'orders', { batchSize: 100 })).toEqual(made);
  });

  it('wakes the partitions when it is enabled again, also after an answer that was lost', async () => {
    const process = await triggerWorld();
    await makeTrigger(process, { enabled: false });
    const before = await wakesOf(process);
    process.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      if (writes[0]?.key.pk !== 'triggers') return result;
      process.metadata.onWrite = undefined;
      throw lost();
    };
    expect(await alterTrigger(process.broker, allFunctions, 'orders', { enabled: true })).toMatchObject({
      trigger: { enabled: true },
    });
    expect(await wakesOf(process)).toEqual(before.map((wake) => (wake ?? 0) + 1));
  });

  it('asks for the grant of a new target', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    const target = 'arn:aws:lambda:us-east-1:999999999999:function:x';
    await expect(alterTrigger(process.broker, allFunctions, 'orders', { target })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });

  it('refuses what no trigger can be, and one that there is not', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    const bad = { tumblingWindowMs: 1_000, parallelizationFactor: 2 };
    await expect(alterTrigger(process.broker, allFunctions, 'orders', bad)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
    await expect(alterTrigger(process.broker, allFunctions, 'none', {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('deleting a trigger', () => {
  it('leaves neither claim, nor leases, nor wakes; and the offsets of its group', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await appendTo(process, 1, 'a');
    await makeTrigger(process);
    const { topicId } = await broker.topics.get('t');
    const by = { holder: 'd', untilMs: 1, wanted: 1, nowMs: 5, topic: 't', trigger: 'orders' };
    await broker.metadata.write([planTake({ group: 'g', topicId, partition: 1 }, undefined, taken(undefined, by))]);
    await deleteTrigger(broker, 'orders');
    expect(await listTriggers(broker)).toEqual({ triggers: [] });
    expect(await claimantOf(broker, 'g')).toBeUndefined();
    expect((await readLeases(broker, 'g')).size).toBe(0);
    expect(await wakesOf(process)).toEqual([undefined, undefined]);
    expect(await committedOf(process)).toEqual([0, 1]);
    await expect(deleteTrigger(broker, 'orders')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('fences a lease that is held, so that the next trigger of the group waits for what may be running', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    const made = await makeTrigger(process);
    const { topicId } = await broker.topics.get('t');
    const id = { group: 'g', topicId, partition: 1 };
    const nowMs = broker.clock.now();
    const by = { holder: 'd', untilMs: nowMs + 60_000, wanted: 1, nowMs, topic: 't', trigger: 'orders' };
    const held = taken(undefined, by);
    await broker.metadata.write([planTake(id, undefined, held)]);
    await deleteTrigger(broker, 'orders');
    const [fenced] = [...(await readLeases(broker, 'g')).values()];
    expect(fenced?.lease).toMatchObject({ epoch: held.epoch + 1, untilMs: held.untilMs, holder: 'd', lanes: [] });
    expect(decideTake(fenced?.lease, { nowMs, wanted: 2, batchSize: 1 })).toMatchObject({ outcome: 'held' });
    // Whoever is late with the first one's deletion takes nothing from the second.
    await makeTrigger(process);
    await finishDeletion(broker, made);
    expect([...(await readLeases(broker, 'g')).values()]).toEqual([fenced]);
    expect(await getTrigger(broker, 'orders')).toMatchObject({ phase: 'ready' });
  });

  it('leaves the wakes of topics that another trigger has', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    await makeTrigger(process, { name: 'second', group: 'h', topics: { pattern: '.*' } });
    await deleteTrigger(process.broker, 'orders');
    expect(await wakesOf(process)).toEqual([2, 2]);
  });

  it('leaves a wake that was raised meanwhile', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    process.metadata.onWrite = async (proceed, writes) => {
      const [write] = writes;
      if (write?.kind === 'update' && write.changes.remove?.includes('wake') === true) {
        process.metadata.onWrite = undefined;
        await makeTrigger(process, { name: 'second', group: 'h' });
      }
      return proceed();
    };
    await deleteTrigger(process.broker, 'orders');
    expect(await wakesOf(process)).not.toContain(undefined);
  });

  it('is finished by the next one who makes a trigger of the name', async () => {
    const process = await triggerWorld();
    const { nonce } = await makeTrigger(process);
    process.metadata.onWrite = (proceed, writes) => {
      if (writes[0]?.kind === 'delete') throw new Error('crash');
      return proceed();
    };
    await expect(deleteTrigger(process.broker, 'orders')).rejects.toThrow('crash');
    process.metadata.onWrite = undefined;
    expect(await getTrigger(process.broker, 'orders')).toMatchObject({ phase: 'deleting' });
    expect((await makeTrigger(process)).nonce).not.toBe(nonce);
    expect(await wakesOf(process)).toEqual([1, 1]);
  });
});
