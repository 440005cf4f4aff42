/**
 * Forgets an erasure. One that is not done is given up with that: what is rewritten by then stays so, and what is still
 * to be deleted goes when it would have gone without it.
 */
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { chunked } from '../../kernel/map-bounded.ts';
import { erasureKey } from '../../log/erasure/erasure-item.ts';
import { erasureLedgersKey } from '../../log/erasure/erasure-ledger-item.ts';
import { discard } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { getErasure } from './erasure-records.ts';

/** Throws `NOT_FOUND`. Cut off, it is to be repeated: the erasure itself goes last. */
export async function deleteErasure(broker: Broker, id: string): Promise<void> {
  await getErasure(broker, id);
  const { metadata } = broker;
  const query = { pk: erasureLedgersKey(id), limit: requestLimits.listPageMax, consistency: 'strong' as const };
  for (let more = true; more; ) {
    const { items, next } = await metadata.query(query);
    for (const some of chunked(items, storageLimits.transactionItemsMax)) {
      await writeRepeatedly(
        metadata,
        some.map(({ key }) => discard(key)),
      );
    }
    more = next !== undefined;
  }
  await writeRepeatedly(metadata, [discard(erasureKey(id))]);
}
