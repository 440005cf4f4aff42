import { describe, expect, it } from 'vitest';
import { joinGroup } from '../../../lib/broker/groups/membership.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { alterTrigger } from '../../../lib/broker/triggers/alter-trigger.ts';
import { createTrigger } from '../../../lib/broker/triggers/create-trigger.ts';
import { deleteTrigger } from '../../../lib/broker/triggers/delete-trigger.ts';
import { getTrigger } from '../../../lib/broker/triggers/find-trigger.ts';
import { listTriggers } from '../../../lib/broker/triggers/list-triggers.ts';
import { noTargets } from '../../../lib/broker/triggers/target-policy.ts';
import { planTriggerCreation, triggerKey } from '../../../lib/coordination/triggers/trigger-item.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import { lost, makeBroker, makeStores } from '../../support/broker.ts';
import {
  ARN,
  allFunctions,
  appendTo,
  committedOf,
  makeTrigger,
  triggerWorld,
  wakesOf,
} from '../../support/triggers.ts';

describe('creating a trigger', () => {
  it('makes one that is ready, listed and found', async () => {
    const process = await triggerWorld();
    const made = await makeTrigger(process);
    expect(made).toMatchObject({ phase: 'ready', trigger: { name: 'orders', group: 'g', batchSize: 100 } });
    expect(await getTrigger(process.broker, 'orders')).toEqual(made);
    expect(await listTriggers(process.broker)).toEqual({ triggers: [made] });
  });

  it('begins at the end with LATEST, at the start with TRIM_HORIZON, and at a time', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a', 'b');
    await makeTrigger(process);
    await makeTrigger(process, { name: 'all', group: 'h', startingPosition: { position: 'TRIM_HORIZON' } });
    const past = { position: 'AT_TIMESTAMP' as const, timestampMs: 1 };
    await makeTrigger(process, { name: 'past', group: 'i', startingPosition: past });
    expect(await committedOf(process)).toEqual([2, 0]);
    expect(await committedOf(process, 'h')).toEqual([0, 0]);
    expect(await committedOf(process, 'i')).toEqual([0, 0]);
  });

  it('goes on from what its group has committed', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a');
    await makeTrigger(process);
    await deleteTrigger(process.broker, 'orders');
    await appendTo(process, 0, 'b');
    await makeTrigger(process);
    expect(await committedOf(process)).toEqual([1, 0]);
  });

  it('wakes all heads of its topics, also those that come later', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    expect(await wakesOf(process)).toEqual([undefined, undefined]);
    await makeTrigger(process, { topics: { pattern: 't|late.*' } });
    expect(await wakesOf(process)).toEqual([1, 1]);
    await createTopic(broker, { name: 'later' });
    await createTopic(broker, { name: 'other' });
    await alterTopic(broker, 't', { partitions: 3 });
    expect(await wakesOf(process, 'later')).toEqual([1]);
    expect(await wakesOf(process, 'other')).toEqual([undefined]);
    expect(await wakesOf(process)).toEqual([1, 1, 1]);
  });

  it('refuses a name that is taken, and a group that another trigger has', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    await expect(makeTrigger(process, { group: 'other' })).rejects.toMatchObject({ code: 'TRIGGER_ALREADY_EXISTS' });
    await expect(makeTrigger(process, { name: 'second' })).rejects.toMatchObject({
      code: 'INCONSISTENT_GROUP_PROTOCOL',
      message: 'The group "g" is driven by the trigger "orders", and by nobody else.',
    });
  });

  it('lets several triggers have a topic', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    await makeTrigger(process, { name: 'second', group: 'h' });
    expect((await listTriggers(process.broker)).triggers).toHaveLength(2);
  });

  it('refuses a group with members, and leaves it to them', async () => {
    const process = await triggerWorld();
    await joinGroup(process.broker, 'g', { names: ['t'] });
    await expect(makeTrigger(process)).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
    expect((await listTriggers(process.broker)).triggers).toEqual([]);
  });

  it('withdraws where a member came just before the claim', async () => {
    const stores = makeStores();
    const process = await triggerWorld(stores);
    const other = makeBroker({ stores });
    process.metadata.onWrite = async (proceed, writes) => {
      if (writes.some(({ key }) => key.pk === 'triggers' && key.sk === 'orders')) {
        process.metadata.onWrite = undefined;
        await joinGroup(other.broker, 'g', { names: ['t'] });
      }
      return proceed();
    };
    await expect(makeTrigger(process)).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
    expect((await listTriggers(process.broker)).triggers).toEqual([]);
  });

  it('names the grant that is missing', async () => {
    const process = await triggerWorld();
    const foreign = 'arn:aws:lambda:us-east-1:999999999999:function:x';
    await expect(makeTrigger(process, { target: foreign })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: `The trigger may not invoke its target: it needs "${foreign}" among the allowedTargets of the deployment: ${ARN}*, arn:aws:sqs:*.`,
      facts: { field: 'target' },
    });
    await expect(makeTrigger(process, { onFailure: { kind: 's3', arn: 'arn:aws:s3:::poison' } })).rejects.toMatchObject(
      {
        code: 'FORBIDDEN',
        facts: { field: 'on_failure.arn' },
      },
    );
    const { trigger } = await makeTrigger(process);
    await expect(createTrigger(process.broker, noTargets, { ...trigger, name: 'b', group: 'b' })).rejects.toMatchObject(
      {
        code: 'FORBIDDEN',
      },
    );
  });

  it('refuses topics that are not there', async () => {
    const process = await triggerWorld();
    const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(makeTrigger(process, { topics: { names: ['t', 'none'] } })).rejects.toMatchObject(unknown);
    await expect(makeTrigger(process, { onFailure: { kind: 'topic', topic: 'none' } })).rejects.toMatchObject(unknown);
  });

  it('refuses a destination from which what fails comes back by another trigger', async () => {
    const process = await triggerWorld();
    await createTopic(process.broker, { name: 'failed' });
    const back = { topics: { names: ['failed'] }, onFailure: { kind: 'topic' as const, topic: 't' } };
    await makeTrigger(process, { onFailure: { kind: 'topic', topic: 'failed' } });
    const refused = {
      code: 'INVALID_REQUEST',
      facts: { field: 'on_failure.topic' },
      message: expect.stringContaining('by the triggers "again", "orders"') as string,
    };
    await expect(makeTrigger(process, { name: 'again', group: 'h', ...back })).rejects.toMatchObject(refused);
    await makeTrigger(process, { name: 'again', group: 'h', topics: back.topics });
    const change = { onFailure: back.onFailure };
    await expect(alterTrigger(process.broker, allFunctions, 'again', change)).rejects.toMatchObject(refused);
  });

  it('is refused where there are as many as are allowed', async () => {
    const process = await triggerWorld();
    const record = await makeTrigger(process);
    for (let n = 1; n < triggerLimits.triggersMax; n++) {
      const trigger = { ...record.trigger, name: `trigger-${n}`, group: `group-${n}` };
      await process.broker.metadata.write(planTriggerCreation({ ...record, trigger }));
    }
    await expect(makeTrigger(process, { name: 'more', group: 'more' })).rejects.toMatchObject({
      code: 'POLICY_VIOLATION',
      message: 'There are 100 triggers: at most 100 are allowed.',
    });
  });

  it('finds its own after an answer that was lost', async () => {
    const process = await triggerWorld();
    process.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      if (!writes.some(({ key }) => key.sk === triggerKey('orders').sk)) return result;
      process.metadata.onWrite = undefined;
      throw lost();
    };
    expect(await makeTrigger(process)).toMatchObject({ phase: 'ready' });
  });

  it('settles where a partition begins once, whatever is appended meanwhile', async () => {
    const process = await triggerWorld();
    process.metadata.onWrite = async (proceed, writes) => {
      if (!writes.some(({ key }) => key.pk === 'group#g' && key.sk.startsWith('offset#'))) return proceed();
      process.metadata.onWrite = undefined;
      await proceed();
      await appendTo(process, 0, 'first');
      throw lost();
    };
    await makeTrigger(process);
    expect(await committedOf(process)).toEqual([0, 0]);
  });

  it('is refused as a whole by the policy before anything is written', async () => {
    const process = await triggerWorld();
    process.metadata.forget();
    await expect(makeTrigger(process, { batchSize: 0 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(
      createTrigger(process.broker, allFunctions, {
        name: 'x',
        topics: { names: ['t'] },
        target: 'local.handler',
        startingPosition: { position: 'LATEST' },
      }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await listTriggers(process.broker)).triggers).toEqual([]);
  });
});
