import { expect, test } from 'vitest';
import { resetOffsets } from '../../../lib/broker/groups/reset-offsets.ts';
import { committed, GROUP, GroupConsumer, groupWorld } from '../../support/group-consumers.ts';

test('a reset of more than one write takes is not said to be without effect where a member comes between', async () => {
  const { processes } = await groupWorld({ partitions: 1_600 });
  const [process, other] = processes;
  process.metadata.onWrite = async (proceed, writes) => {
    const result = await proceed();
    if (writes.some(({ key }) => key.sk.startsWith('offset#'))) {
      process.metadata.onWrite = undefined;
      await new GroupConsumer().poll(other, { maxRecords: 0 });
    }
    return result;
  };
  const resetting = resetOffsets(process.broker, { group: GROUP, resets: [{ topic: 't', to: { to: 'earliest' } }] });
  await expect(resetting).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP', effect: 'unknown' });
  expect((await committed(process))[0]).toBe(0);
});

test('a reset in one write is without effect where a member is there', async () => {
  const { processes } = await groupWorld({ partitions: 2 });
  const [process] = processes;
  await new GroupConsumer().poll(process);
  const resetting = resetOffsets(process.broker, { group: GROUP, resets: [{ topic: 't', to: { to: 'latest' } }] });
  await expect(resetting).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP', effect: 'none' });
  expect(await committed(process)).toEqual({});
});
