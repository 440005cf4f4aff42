import { describe, expect, it } from 'vitest';
import { commitOffsets } from '../../../lib/broker/groups/commit-offsets.ts';
import { deleteGroup } from '../../../lib/broker/groups/delete-group.ts';
import { readMembers } from '../../../lib/broker/groups/group-items.ts';
import { joinGroup } from '../../../lib/broker/groups/membership.ts';
import { resetOffsets } from '../../../lib/broker/groups/reset-offsets.ts';
import { tidyGroups } from '../../../lib/broker/groups/tidy-groups.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { alterTrigger } from '../../../lib/broker/triggers/alter-trigger.ts';
import { deleteTrigger } from '../../../lib/broker/triggers/delete-trigger.ts';
import { to } from '../../support/transactions.ts';
import { allFunctions, appendTo, committedOf, makeTrigger, triggerWorld } from '../../support/triggers.ts';

const driven = {
  code: 'INCONSISTENT_GROUP_PROTOCOL',
  message: expect.stringContaining('the trigger "orders"') as string,
};
const DAY_MS = 24 * 60 * 60 * 1_000;

describe('a group that a trigger drives', () => {
  it('takes no member, and keeps none that has tried', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await makeTrigger(process);
    await expect(joinGroup(broker, 'g', { names: ['t'] })).rejects.toMatchObject(driven);
    expect((await readMembers(broker.metadata, 'g')).size).toBe(0);
    await deleteTrigger(broker, 'orders');
    expect(await joinGroup(broker, 'g', { names: ['t'] })).toHaveProperty('name.memberId');
  });

  it('is set back and committed to by others only while the trigger is disabled', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await appendTo(process, 0, 'a', 'b');
    await makeTrigger(process);
    const reset = { group: 'g', resets: [{ topic: 't', partition: 0, to: { to: 'earliest' as const } }] };
    const commit = { group: 'g', offsets: [{ topic: 't', partition: 0, offset: 1 }] };
    await expect(resetOffsets(broker, reset)).rejects.toMatchObject(driven);
    await expect(commitOffsets(broker, commit)).rejects.toMatchObject(driven);
    expect(await committedOf(process)).toEqual([2, 0]);
    await alterTrigger(broker, allFunctions, 'orders', { enabled: false });
    await resetOffsets(broker, reset);
    expect(await committedOf(process)).toEqual([0, 0]);
    await commitOffsets(broker, commit);
    expect(await committedOf(process)).toEqual([1, 0]);
  });

  it('takes offsets of no transaction that names no member', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await appendTo(process, 0, 'a', 'b');
    await makeTrigger(process);
    const request = {
      records: [to('t', 1, 'c')],
      offsets: { group: 'g', offsets: [{ topic: 't', partition: 0, offset: 1 }] },
    };
    await expect(transact(broker, request)).rejects.toMatchObject(driven);
    const { epoch } = await initializeTransactions(broker, { transactionalId: 'x' });
    const part = { transactionalId: 'x', caller: { epoch, number: 0 }, part: 0, ...request };
    await expect(addToTransaction(broker, part)).rejects.toMatchObject(driven);
    expect(await committedOf(process)).toEqual([2, 0]);
    await alterTrigger(broker, allFunctions, 'orders', { enabled: false });
    await transact(broker, request);
    expect(await committedOf(process)).toEqual([1, 0]);
  });

  it('is not deleted', async () => {
    const process = await triggerWorld();
    await makeTrigger(process);
    await expect(deleteGroup(process.broker, 'g')).rejects.toMatchObject(driven);
  });

  it('keeps its offsets however long nothing is delivered', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await appendTo(process, 0, 'a');
    await makeTrigger(process);
    await process.clock.advance(30 * DAY_MS);
    await tidyGroups(broker);
    expect(await committedOf(process)).toEqual([1, 0]);
    await deleteTrigger(broker, 'orders');
    await tidyGroups(broker);
    expect(await committedOf(process)).toEqual([undefined, undefined]);
  });
});
