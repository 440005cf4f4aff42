/** Fixes how far an erasure reaches: in each partition to its next offset, as a strong read shows it. */
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type Erasure, planErasureChange } from '../../log/erasure/erasure-item.ts';
import { planErasureLedger } from '../../log/erasure/erasure-ledger-item.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';

/** May be repeated, and by others: what is fixed stays, and who comes when all is fixed changes nothing. */
export async function fixExtents(broker: Broker, erasure: Erasure, topics: readonly Topic[]): Promise<void> {
  const ledgers = topics.flatMap((topic) => ledgersOf(topic).map((ledger) => ({ topic, ledger })));
  await mapBounded(ledgers, storageLimits.storageFanOutMax, async ({ topic, ledger }) => {
    const head = await broker.heads.strong(ledger);
    if (head === undefined) return; // deleted meanwhile
    const firstPartition = ledger.index * topic.ledgerPartitions;
    const partitions = Math.min(topic.ledgerPartitions, topic.partitions - firstPartition);
    const extent = { topic: topic.name, firstPartition, ends: head.next.slice(0, partitions) };
    await writeRepeatedly(broker.metadata, planErasureLedger(erasure, ledger, extent));
  });
  const fixedMs = broker.clock.now();
  await writeRepeatedly(broker.metadata, [planErasureChange(erasure, { state: 'erasing', fixedMs })]);
}
