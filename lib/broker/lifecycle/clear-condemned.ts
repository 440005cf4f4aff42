/** Deletes what a ledger's merging and compaction have replaced, once everybody who may still read it has looked again. */
import type { LedgerId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { CONDEMNED_START, condemnedBefore, decodeCondemned } from '../../log/merged/condemned-item.ts';
import { discard } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { deleteStored } from './delete-objects.ts';

/**
 * Answers how many objects were deleted. An item goes after its objects, so that who is cut off begins again with them; an
 * object that is not there any more is deleted.
 */
export async function clearCondemned(broker: Broker, ledger: LedgerId, signal?: AbortSignal): Promise<number> {
  const to = condemnedBefore(Math.max(0, broker.clock.now() - limits.lifecycleGraceMs));
  let deleted = 0;
  for (let from: string | undefined = CONDEMNED_START; from !== undefined; ) {
    if (signal?.aborted === true) break;
    const page = await broker.metadata.query({
      pk: ledgerKey(ledger),
      from,
      to,
      limit: limits.condemnedItemsPerStep,
      consistency: 'strong',
    });
    for (const { key, attributes } of page.items) {
      deleted += await deleteStored(broker, decodeCondemned(attributes));
      await writeRepeatedly(broker.metadata, [discard(key)]);
    }
    from = page.next;
  }
  return deleted;
}
