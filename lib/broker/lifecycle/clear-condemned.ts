/**
 * Deletes what a ledger's merging and compaction have replaced, once everybody who may still read it has looked again.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { CONDEMNED_END, CONDEMNED_START, condemnedBefore, decodeCondemned } from '../../log/merged/condemned-item.ts';
import { discard } from '../../log/topic/topic-writes.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { deleteStored } from './delete-objects.ts';

export interface ClearedCondemned {
  /** Objects that were deleted. */
  objects: number;
  /** Those that readers may still be at. */
  waiting: number;
}

/**
 * An item goes after its objects, so that who is cut off begins again with them; an object that is not there any more
 * is deleted.
 */
export async function clearCondemned(
  broker: Broker,
  ledger: LedgerId,
  signal?: AbortSignal,
): Promise<ClearedCondemned> {
  const due = condemnedBefore(Math.max(0, broker.clock.now() - mergingLimits.lifecycleGraceMs));
  const cleared: ClearedCondemned = { objects: 0, waiting: 0 };
  for (let from: string | undefined = CONDEMNED_START; from !== undefined; ) {
    if (signal?.aborted === true) break;
    const page: QueryPage = await broker.metadata.query({
      pk: ledgerKey(ledger),
      from,
      to: CONDEMNED_END,
      limit: retiringLimits.condemnedItemsPerStep,
      consistency: 'strong',
    });
    for (const { key, attributes } of page.items) {
      const objects = decodeCondemned(attributes);
      if (key.sk >= due) {
        cleared.waiting += objects.length;
        continue;
      }
      cleared.objects += await deleteStored(broker, objects);
      await writeRepeatedly(broker.metadata, [discard(key)]);
    }
    from = page.next;
  }
  return cleared;
}
