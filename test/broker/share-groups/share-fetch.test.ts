import { expect, test } from 'vitest';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import {
  type SharedPartition,
  type ShareFetchRequest,
  shareFetch,
} from '../../../lib/broker/share-groups/share-fetch.ts';
import { batchOf, makeTopic } from '../../support/broker.ts';

test('acquires nothing for who is gone, and takes what it has said', async () => {
  const { broker, ledger } = await makeTopic();
  const fetch = (asked: Partial<SharedPartition> = {}, more: Partial<ShareFetchRequest> = {}) => {
    const partitions = [{ topic: 't', topicId: ledger.topicId, partition: 0, ...asked }];
    const limits = { maxRecords: 1, batchSize: 500, strict: true, maxBytes: 1_000_000, minBytes: 1, waitMs: 0 };
    return shareFetch(broker, { group: 'g', memberId: 'a', partitions, ...limits, ...more });
  };
  await fetch();
  await produceBatches(broker, { topic: 't', partition: 0, batches: batchOf('0', '1', '2'), acks: 'all' });
  expect(await fetch()).toMatchObject([{ acquired: [{ firstOffset: 0, lastOffset: 0 }] }]);
  const gone = { waitMs: 10_000, signal: AbortSignal.abort() };
  const acknowledgements = [{ firstOffset: 0, lastOffset: 0, types: ['accept' as const] }];
  expect(await fetch({ acknowledgements }, gone)).toEqual([{ acquired: [], batches: [] }]);
  const rest = await fetch({}, { memberId: 'b', maxRecords: 10 });
  expect(rest).toMatchObject([{ acquired: [{ firstOffset: 1, lastOffset: 2, deliveries: 1 }] }]);
});
