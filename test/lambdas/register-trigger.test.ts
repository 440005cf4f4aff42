import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { physicalIdOf, registerTrigger } from '../../lambdas/support/register-trigger.ts';
import { deleteTrigger } from '../../lib/broker/triggers/delete-trigger.ts';
import { findTrigger, getTrigger } from '../../lib/broker/triggers/find-trigger.ts';
import type { TriggerInput } from '../../lib/coordination/triggers/check-trigger.ts';
import type { Process } from '../support/broker.ts';
import { ARN, appendTo, committedOf, makeTrigger, triggerWorld } from '../support/triggers.ts';

type Event = CloudFormationCustomResourceEvent;
type Properties = Event['ResourceProperties'];

const WANTED: TriggerInput = {
  name: 'orders',
  group: 'g',
  topics: { names: ['t'] },
  target: `${ARN}orders`,
  startingPosition: { position: 'TRIM_HORIZON' },
  batchSize: 10,
};

function properties(change: Partial<TriggerInput> = {}, destination?: string): Properties {
  return { ServiceToken: 'token', Trigger: JSON.stringify({ ...WANTED, ...change }), Destination: destination };
}

function event(
  RequestType: Event['RequestType'],
  ResourceProperties: Properties,
  PhysicalResourceId = 'orders',
): Event {
  return { RequestType, RequestId: 'request-1', PhysicalResourceId, ResourceProperties } as Event;
}

const register = ({ broker }: Process, wanted: Event) => registerTrigger(broker, wanted);

describe('a creation', () => {
  it('makes the trigger, whose name is the physical id', async () => {
    const process = await triggerWorld();
    const made = await register(
      process,
      event('Create', properties({}, 'arn:aws:sqs:eu-central-1:123456789012:poison')),
    );
    expect(made).toEqual({ status: 'SUCCESS', physicalId: 'orders' });
    expect(await getTrigger(process.broker, 'orders')).toMatchObject({
      phase: 'ready',
      trigger: { batchSize: 10, onFailure: { kind: 'sqs', arn: 'arn:aws:sqs:eu-central-1:123456789012:poison' } },
    });
  });

  it('refuses a destination that is in another region than the registrar', async () => {
    const process = await triggerWorld();
    const ServiceToken = 'arn:aws:lambda:eu-central-1:123456789012:function:registrar';
    const wanted = { ...properties({}, 'arn:aws:sqs:us-east-1:123456789012:poison'), ServiceToken };
    expect(await register(process, event('Create', wanted))).toMatchObject({
      status: 'FAILED',
      reason:
        'The trigger may not send to its destination: it needs one in eu-central-1, where the dispatcher is, not in us-east-1.',
    });
    expect(await findTrigger(process.broker, 'orders')).toBeUndefined();
  });

  it('takes a topic of CDK’s form as destination', async () => {
    const process = await triggerWorld();
    const refused = await register(process, event('Create', properties({}, 'kafka://poison')));
    expect(refused).toMatchObject({ status: 'FAILED', reason: expect.stringMatching(/poison/) as string });
    const own = await register(process, event('Create', properties({}, 'kafka://t')));
    expect(own.reason).toMatch(/"t" is one of the trigger's own/);
  });

  it('that comes twice makes one', async () => {
    const process = await triggerWorld();
    await register(process, event('Create', properties()));
    const { nonce, version } = await getTrigger(process.broker, 'orders');
    expect(await register(process, event('Create', properties()))).toEqual({ status: 'SUCCESS', physicalId: 'orders' });
    expect(await getTrigger(process.broker, 'orders')).toMatchObject({ nonce, version });
  });

  it('of a name that is taken fails, and its deletion leaves the other trigger alone', async () => {
    const process = await triggerWorld();
    await makeTrigger(process, { group: 'other' });
    const failed = await register(process, event('Create', properties()));
    expect(failed).toEqual({
      status: 'FAILED',
      physicalId: 'refused:request-1',
      reason: 'There is a trigger "orders" already.',
    });
    expect(await register(process, event('Delete', properties(), failed.physicalId))).toMatchObject({
      status: 'SUCCESS',
    });
    expect(await findTrigger(process.broker, 'orders')).toBeDefined();
  });

  it('of which nothing is known is deleted by the trigger’s name', () => {
    expect(physicalIdOf(event('Create', properties()))).toBe('orders');
  });

  it('says what is wrong in the error’s own sentence', async () => {
    const process = await triggerWorld();
    const { reason } = await register(process, event('Create', properties({ batchSize: 0 })));
    expect(reason).toBe('batch_size is 0, and must be a whole number from 1 to 10000.');
    const unknown = await register(
      process,
      event('Create', properties({}, 'arn:aws:dynamodb:eu-central-1:123456789012:table/x')),
    );
    expect(unknown.reason).toMatch(/is no queue, SNS topic, bucket or topic/);
  });
});

describe('an update', () => {
  it('changes the trigger where it is, and takes back what is not asked for any more', async () => {
    const process = await triggerWorld();
    await register(
      process,
      event('Create', properties({ tenantId: 'blue', retryAttempts: 3 }, 'arn:aws:sns:eu-central-1:123456789012:x')),
    );
    const { nonce } = await getTrigger(process.broker, 'orders');
    const updated = await register(process, event('Update', properties({ batchSize: 20 })));
    expect(updated).toEqual({ status: 'SUCCESS', physicalId: 'orders' });
    const { trigger, nonce: after } = await getTrigger(process.broker, 'orders');
    expect(after).toBe(nonce);
    expect(trigger).toMatchObject({ batchSize: 20, retryAttempts: -1 });
    expect(trigger).not.toHaveProperty('onFailure');
    expect(trigger).not.toHaveProperty('tenantId');
  });

  it('of what no trigger can change makes it anew, with what the group has committed', async () => {
    const process = await triggerWorld();
    await register(process, event('Create', properties({ startingPosition: { position: 'LATEST' } })));
    await appendTo(process, 0, 'a', 'b');
    const { nonce } = await getTrigger(process.broker, 'orders');
    const updated = await register(process, event('Update', properties({ topics: { pattern: 't.*' } })));
    expect(updated).toEqual({ status: 'SUCCESS', physicalId: 'orders' });
    const { trigger, nonce: after } = await getTrigger(process.broker, 'orders');
    expect(after).not.toBe(nonce);
    expect(trigger.topics).toEqual({ pattern: 't.*' });
    expect(await committedOf(process)).toEqual([0, 0]);
  });

  it('of the name makes another one, and leaves the former to its deletion', async () => {
    const process = await triggerWorld();
    await register(process, event('Create', properties()));
    const updated = await register(process, event('Update', properties({ name: 'renamed', group: 'h' })));
    expect(updated).toEqual({ status: 'SUCCESS', physicalId: 'renamed' });
    expect(await findTrigger(process.broker, 'orders')).toBeDefined();
  });

  it('that is refused keeps the physical id, so that nothing is deleted', async () => {
    const process = await triggerWorld();
    await register(process, event('Create', properties()));
    const refused = await register(process, event('Update', properties({ name: 'renamed' })));
    expect(refused).toMatchObject({ status: 'FAILED', physicalId: 'orders' });
    expect(refused.reason).toMatch(/orders/);
  });

  it('of a trigger that somebody has deleted makes it again', async () => {
    const process = await triggerWorld();
    await register(process, event('Create', properties()));
    await deleteTrigger(process.broker, 'orders');
    expect(await register(process, event('Update', properties()))).toEqual({ status: 'SUCCESS', physicalId: 'orders' });
    expect(await findTrigger(process.broker, 'orders')).toBeDefined();
  });
});

describe('a deletion', () => {
  it('deletes the trigger, and is done where there is none', async () => {
    const process = await triggerWorld();
    await register(process, event('Create', properties()));
    for (let times = 0; times < 2; times++) {
      expect(await register(process, event('Delete', properties()))).toEqual({
        status: 'SUCCESS',
        physicalId: 'orders',
      });
    }
    expect(await findTrigger(process.broker, 'orders')).toBeUndefined();
  });
});
