import { expect, test } from 'vitest';
import { tidyGroups } from '../../../lib/broker/groups/tidy-groups.ts';
import { finishDeletions } from '../../../lib/broker/lifecycle/finish-deletions.ts';
import { alterShareOffsets, describeShareOffsets } from '../../../lib/broker/share-groups/share-offsets.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { stateKey } from '../../../lib/coordination/groups/group-item.ts';
import { sharePartitionKey } from '../../../lib/coordination/share-groups/share-partition-item.ts';
import { deletionLimits } from '../../../lib/kernel/limits/deletion.ts';
import { makeBroker, makeStores, settled } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';

/** Share groups with places in two topics; their ids may have any characters. */
const GROUPS = ['g', 'h#1'];

async function world() {
  const stores = makeStores();
  const { broker, clock } = makeBroker({ stores });
  const topicIds: Record<string, string> = {};
  for (const name of ['kept', 'gone']) topicIds[name] = (await createTopic(broker, { name, partitions: 2 })).topicId;
  const places = ['kept', 'gone'].map((topic) => ({ topic, partition: 1, offset: 0 }));
  for (const group of GROUPS) await alterShareOffsets(broker, { group, places });
  const strays = async () => (await checkEverything(stores)).findings.map(({ kind, item }) => [kind, item]);
  const keyOf = (group: string, topic: string) =>
    sharePartitionKey({ group, topicId: topicIds[topic] ?? '', partition: 1 });
  return { broker, clock, strays, keyOf };
}

test('finds places of share groups in topics whose deletion is over, and not before', async () => {
  const { broker, clock, strays, keyOf } = await world();
  await deleteTopic(broker, 'gone');
  await settled(broker);
  expect(await strays()).toEqual([]);
  for (let round = 0; round < 2; round++) {
    await clock.advance(deletionLimits.deletionGraceMs + 1);
    await finishDeletions(broker);
  }
  expect(await strays()).toEqual(GROUPS.map((group) => ['item-stray', keyOf(group, 'gone')]));
  await tidyGroups(broker);
  expect(await strays()).toEqual([]);
});

test('finds share partitions of a group that is gone, which tidying removes as long as the group is listed', async () => {
  const { broker, strays, keyOf } = await world();
  expect(await strays()).toEqual([]);
  await broker.metadata.write([{ kind: 'delete', key: stateKey('g') }]);
  const found = await strays();
  expect(found).toHaveLength(2);
  expect(found).toEqual(expect.arrayContaining(['kept', 'gone'].map((topic) => ['item-stray', keyOf('g', topic)])));
  expect(await tidyGroups(broker)).toMatchObject({ groups: 2, items: 2, dead: 0 });
  expect(await strays()).toEqual([]);
  expect(await describeShareOffsets(broker, { group: 'h#1' })).toHaveLength(2);
});
