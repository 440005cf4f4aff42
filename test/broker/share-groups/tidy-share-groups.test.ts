import { expect, test } from 'vitest';
import { tidyGroups } from '../../../lib/broker/groups/tidy-groups.ts';
import { alterShareOffsets, describeShareOffsets } from '../../../lib/broker/share-groups/share-offsets.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { makeBroker } from '../../support/broker.ts';

test('a share group stays without members, and forgets topics that are deleted', async () => {
  const { broker, clock } = makeBroker();
  for (const name of ['kept', 'gone']) await createTopic(broker, { name, partitions: 2 });
  const places = ['kept', 'gone'].map((topic) => ({ topic, partition: 1, offset: 0 }));
  expect(await alterShareOffsets(broker, { group: 'g', places })).toEqual([undefined, undefined]);
  await deleteTopic(broker, 'gone');
  await clock.advance(2 * groupLimits.groupEntryKeptMs);
  expect(await tidyGroups(broker, { retentionMs: 1 })).toMatchObject({ groups: 1, items: 1, dead: 0 });
  const left = await broker.metadata.query({ pk: 'group#g', limit: 10, consistency: 'strong' });
  expect(left.items.map(({ key }) => key.sk.split('#')[0])).toEqual(['share', 'state']);
  expect(await describeShareOffsets(broker, { group: 'g' })).toMatchObject([{ topic: 'kept', partition: 1 }]);
});
