import { expect, it } from 'vitest';
import { deleteTrigger } from '../../lib/broker/triggers/delete-trigger.ts';
import { readStoredTrigger } from '../../lib/triggers/read-stored-trigger.ts';
import { makeTrigger, triggerWorld } from '../support/triggers.ts';

it('tells a trigger that was made anew from the one before it', async () => {
  const process = await triggerWorld();
  await makeTrigger(process);
  const first = await readStoredTrigger(process.broker, 'orders');
  await deleteTrigger(process.broker, 'orders');
  expect(await readStoredTrigger(process.broker, 'orders')).toBeUndefined();
  await makeTrigger(process);
  const second = await readStoredTrigger(process.broker, 'orders');
  expect(second?.trigger).toEqual(first?.trigger);
  expect(second?.version).not.toBe(first?.version);
});
