import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Attributes } from '../../../lib/kernel/items.ts';
import {
  type DeletedTopic,
  decodeDeletedTopic,
  deletedTopicKey,
  planDeletion,
  planDeletionEnd,
  planDeletionStep,
} from '../../../lib/log/topic/deleted-topic-item.ts';
import type { Topic } from '../../../lib/log/topic/topic.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';

const topicId = 'AAAAAAAAQACAAAAAAAAAAA';
const TOPIC = { topicId, name: 't', partitions: 40, ledgerPartitions: 16 } as Topic;
const state = fc.constantFrom('deleting' as const, 'freed' as const, 'emptied' as const);

it('survives storing, in any state', async () => {
  const store = openSqliteMetadataStore({ path: ':memory:' });
  const read = async () =>
    decodeDeletedTopic(topicId, (await store.get(deletedTopicKey(topicId), 'strong')) as Attributes);
  await fc.assert(
    fc.asyncProperty(state, state, fc.maxSafeNat(), fc.nat(), async (before, after, sinceMs, from) => {
      await store.write([planDeletion(TOPIC, before, 5)]);
      const item: DeletedTopic = {
        topicId,
        name: 't',
        partitions: 40,
        ledgerPartitions: 16,
        state: before,
        sinceMs: 5,
        from: 0,
      };
      expect(await read()).toEqual(item);
      const next = { state: after, sinceMs, from };
      expect(await store.write([planDeletionStep(item, next)])).toMatchObject({ outcome: 'applied' });
      expect(await read()).toEqual({ ...item, ...next });
    }),
    { numRuns: 30 },
  );
  await store.close();
});

it('does not come back by what is late, nor go by it', async () => {
  const store = openSqliteMetadataStore({ path: ':memory:' });
  await store.write([planDeletion(TOPIC, 'freed', 5)]);
  const freed: DeletedTopic = {
    topicId,
    name: 't',
    partitions: 40,
    ledgerPartitions: 16,
    state: 'freed',
    sinceMs: 5,
    from: 0,
  };
  const emptied: DeletedTopic = { ...freed, state: 'emptied' };
  expect(await store.write([planDeletionEnd(emptied)])).toMatchObject({ outcome: 'refused' });
  await store.write([planDeletionStep(freed, emptied)]);
  expect(await store.write([planDeletionStep(freed, { ...freed, from: 3 })])).toMatchObject({ outcome: 'refused' });
  expect(await store.write([planDeletionEnd(emptied)])).toMatchObject({ outcome: 'applied' });
  expect(await store.write([planDeletionStep(freed, { ...freed, from: 3 })])).toMatchObject({ outcome: 'refused' });
  expect(await store.get(deletedTopicKey(topicId), 'strong')).toBeUndefined();
  await store.close();
});
