import { expect, test } from 'vitest';
import { commitOffsets } from '../../../lib/broker/groups/commit-offsets.ts';
import { deleteGroup } from '../../../lib/broker/groups/delete-group.ts';
import { GROUP_DIRECTORY } from '../../../lib/broker/groups/group-directory.ts';
import { listGroups } from '../../../lib/broker/groups/list-groups.ts';
import { tidyGroups } from '../../../lib/broker/groups/tidy-groups.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import type { Process } from '../../support/broker.ts';
import { committed, GROUP, groupWorld } from '../../support/group-consumers.ts';

const commit = ({ broker }: Process, offset: number) =>
  commitOffsets(broker, { group: GROUP, offsets: [{ topic: 't', partition: 0, offset }] });

const listed = async ({ broker }: Process) => (await listGroups(broker)).groups.map(({ group }) => group);

test('offsets that a process commits after another has deleted their group are listed, and expire', async () => {
  const { processes } = await groupWorld();
  const [here, there] = processes;
  await commit(here, 1);
  await deleteGroup(there.broker, GROUP);
  expect(await listed(there)).toEqual([]);
  await commit(here, 0);
  expect(await listed(there)).toEqual([GROUP]);
  await here.clock.advance(groupLimits.groupEntryKeptMs);
  expect(await tidyGroups(there.broker, { retentionMs: 1 })).toMatchObject({ items: 1, dead: 1 });
  expect(await committed(there)).toEqual({});
});

test('a group that was deleted leaves the directory when no process can go by its entry', async () => {
  const { processes } = await groupWorld();
  const [here, there] = processes;
  const entries = async () =>
    (await here.metadata.query({ pk: GROUP_DIRECTORY, limit: 2, consistency: 'strong' })).items;
  await commit(here, 1);
  await deleteGroup(there.broker, GROUP);
  await tidyGroups(there.broker);
  expect(await entries()).toHaveLength(1);
  await here.clock.advance(groupLimits.groupEntryKeptMs);
  await tidyGroups(there.broker);
  expect(await entries()).toHaveLength(0);
  await commit(here, 1);
  await here.clock.advance(groupLimits.groupEntryKeptMs);
  await deleteGroup(there.broker, GROUP);
  expect(await entries()).toHaveLength(0);
});
