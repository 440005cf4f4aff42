import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { findTrigger } from '../../../lib/broker/triggers/find-trigger.ts';
import { anyPolicy, handlerPolicy } from '../../../lib/broker/triggers/target-policy.ts';
import type { TriggerInput } from '../../../lib/coordination/triggers/check-trigger.ts';
import { registerTriggers } from '../../../lib/local/triggers/register-triggers.ts';
import { makeBroker, type Process } from '../../support/broker.ts';
import { allFunctions, appendTo, committedOf, makeTrigger, triggerWorld } from '../../support/triggers.ts';

const policy = anyPolicy([handlerPolicy(new Set(['./a.handler', './b.handler'])), allFunctions]);
const input: TriggerInput = {
  name: 'f',
  group: 'g',
  topics: { names: ['t'] },
  target: './a.handler',
  startingPosition: { position: 'LATEST' },
};

async function register({ broker }: Process, ...triggers: TriggerInput[]): Promise<string[]> {
  const said: string[] = [];
  const note = (message: string) => void said.push(message);
  const log = { info: note, warn: note, error: note };
  await registerTriggers({ broker, policy, log, file: 'triggers.json', triggers });
  return said;
}

async function namesOf({ broker }: Process): Promise<string[]> {
  return (await broker.triggers.listFresh()).map(({ trigger }) => trigger.name);
}

describe('the triggers of a file', () => {
  it('are created, with the topics that they name and that are not there', async () => {
    const process = makeBroker();
    const said = await register(process, { ...input, onFailure: { kind: 'topic', topic: 'failed' } });
    expect(await findTrigger(process.broker, 'f')).toMatchObject({
      phase: 'ready',
      trigger: { target: './a.handler' },
    });
    expect((await process.broker.topics.getFresh('failed')).partitions).toBe(1);
    expect(said).toHaveLength(2);
  });

  it('are left as they are where nothing has changed', async () => {
    const process = await triggerWorld();
    await register(process, input);
    const before = await findTrigger(process.broker, 'f');
    expect(await register(process, input)).toEqual([]);
    expect(await findTrigger(process.broker, 'f')).toEqual(before);
  });

  it('are changed where they differ, and lose what the file does not say any more', async () => {
    const process = await triggerWorld();
    await register(process, {
      ...input,
      batchSize: 5,
      tenantId: 'blue',
      onFailure: { kind: 'topic', topic: 'failed' },
    });
    const before = await findTrigger(process.broker, 'f');
    await register(process, { ...input, target: './b.handler' });
    const after = await findTrigger(process.broker, 'f');
    expect(after?.nonce).toBe(before?.nonce);
    expect(after?.trigger).toMatchObject({ target: './b.handler', batchSize: 100 });
    expect(after?.trigger).not.toHaveProperty('tenantId');
    expect(after?.trigger).not.toHaveProperty('onFailure');
  });

  it('are made anew where they have other topics, and go on where they were', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a', 'b');
    await register(process, input);
    const before = await findTrigger(process.broker, 'f');
    await appendTo(process, 0, 'c');
    await createTopic(process.broker, { name: 'u' });
    await register(process, { ...input, topics: { names: ['t', 'u'] } });
    const after = await findTrigger(process.broker, 'f');
    expect(after?.nonce).not.toBe(before?.nonce);
    expect(await committedOf(process)).toEqual([2, 0]);
  });

  it('are deleted when they are gone from it, and come back to where they were', async () => {
    const process = await triggerWorld();
    await appendTo(process, 0, 'a', 'b');
    await register(process, input);
    await appendTo(process, 0, 'c');
    expect(await register(process)).toEqual(['A trigger that is not in the file any more was deleted']);
    expect(await namesOf(process)).toEqual([]);
    await register(process, input);
    expect(await committedOf(process)).toEqual([2, 0]);
  });

  it('leave those of functions in AWS alone', async () => {
    const process = await triggerWorld();
    await makeTrigger(process, { name: 'deployed', group: 'h' });
    await register(process, input);
    expect(await namesOf(process)).toEqual(['deployed', 'f']);
    await expect(register(process, { ...input, name: 'deployed' })).rejects.toThrow(
      /^triggers.json: trigger "deployed": There is a trigger of this name already, whose target is arn:/,
    );
  });

  it('are refused by name where they cannot be', async () => {
    const process = await triggerWorld();
    await expect(register(process, input, { ...input, name: 'e' })).rejects.toMatchObject({
      name: 'OptionsError',
      message: expect.stringMatching(/^triggers.json: trigger "e": The group "g" is driven by the trigger "f"/),
    });
  });
});
