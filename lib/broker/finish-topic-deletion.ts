/**
 * Removes what a topic in the state `deleting` still has, and then its item. Every step can be repeated, interrupted,
 * and done by several at once, because a topic's id is never used again.
 *
 * Heads go first: without a head nothing can be appended and nothing sealed. A sealer that had read the head just
 * before may still put one page; like the heads of a crashed creation it is referred to by nothing.
 */
import type { LedgerId } from '../kernel/ids.ts';
import { limits } from '../kernel/limits.ts';
import { mapBounded } from '../kernel/map-bounded.ts';
import { headKey, ledgerKey } from '../log/ledger/head.ts';
import type { Topic } from '../log/topic/topic.ts';
import { discard, ledgersOf, removalWrites } from '../log/topic/topic-writes.ts';
import type { Broker } from './broker.ts';
import { writeRepeatedly } from './write-attempts.ts';

export async function finishTopicDeletion(broker: Broker, topic: Topic): Promise<void> {
  const ledgers = ledgersOf(topic);
  await mapBounded(ledgers, limits.ledgerCallsInFlightMax, async (ledger) => {
    await writeRepeatedly(broker.metadata, [discard(headKey(ledger))]);
    broker.heads.drop(ledger);
  });
  await mapBounded(ledgers, limits.ledgerCallsInFlightMax, (ledger) => removeItems(broker, ledger));
  await writeRepeatedly(broker.metadata, removalWrites(topic));
}

/** Deletes all items of a ledger. Ends because each round removes what it found and nothing new comes without a head. */
async function removeItems(broker: Broker, ledger: LedgerId): Promise<void> {
  let from: string | undefined;
  do {
    const page = await broker.metadata.query({
      pk: ledgerKey(ledger),
      from,
      limit: limits.transactionItemsMax,
      consistency: 'strong',
    });
    // One by one: a transaction would cost twice the write units.
    for (const item of page.items) await writeRepeatedly(broker.metadata, [discard(item.key)]);
    from = page.next;
  } while (from !== undefined);
}
