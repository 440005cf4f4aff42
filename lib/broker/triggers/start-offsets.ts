/**
 * Settles where a new trigger's partitions begin: what is there when the trigger is made gets a committed offset,
 * unless the group has one. So a partition without one has come later, and begins with its first record, whatever the
 * starting position.
 */
import { type CommittedOffset, OFFSETS_PER_ITEM, planOffsets } from '../../coordination/groups/offsets-item.ts';
import type { StartingPosition } from '../../coordination/triggers/trigger.ts';
import { type TriggerRecord, unchangedTrigger } from '../../coordination/triggers/trigger-item.ts';
import type { Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { type ListOffsetsRequest, listOffsets } from '../fetch/list-offsets.ts';
import { nameOf, readCommitted } from '../groups/group-items.ts';
import { decideAgain } from '../write-attempts.ts';

/** An item of offsets: up to 16 partitions of a topic. */
interface Stretch {
  topic: Topic;
  index: number;
}

/**
 * Answers false where the trigger was changed meanwhile. No attempt that comes late sets anything back: it is
 * conditional on the trigger as it is now, and on there being no offset.
 */
export async function commitStarts(broker: Broker, record: TriggerRecord, topics: readonly Topic[]): Promise<boolean> {
  const stretches = topics.flatMap((topic) =>
    Array.from({ length: Math.ceil(topic.partitions / OFFSETS_PER_ITEM) }, (_, index): Stretch => ({ topic, index })),
  );
  for (const some of chunked(stretches, storageLimits.storageFanOutMax)) {
    const stayed = await mapBounded(some, storageLimits.storageFanOutMax, (stretch) =>
      commitStretch(broker, record, stretch),
    );
    if (stayed.includes(false)) return false;
  }
  return true;
}

function commitStretch(broker: Broker, record: TriggerRecord, { topic, index }: Stretch): Promise<boolean> {
  const { group, startingPosition } = record.trigger;
  const { name, topicId, partitions } = topic;
  return decideAgain('starting position', async () => {
    const all = Array.from({ length: Math.min(OFFSETS_PER_ITEM, partitions - index * OFFSETS_PER_ITEM) }, (_, slot) => {
      return { topicId, partition: index * OFFSETS_PER_ITEM + slot };
    });
    const committed = await readCommitted(broker.metadata, group, all);
    const missing = all.filter((partition) => !committed.has(nameOf(partition)));
    if (missing.length === 0) return { done: true };
    const slots = new Map<number, CommittedOffset>();
    for (const { partition } of missing) {
      const offset = await startOf(broker, { topic: name, partition }, startingPosition);
      slots.set(partition % OFFSETS_PER_ITEM, { offset, committedMs: broker.clock.now() });
    }
    const plan = planOffsets({ group, topicId, index }, name, slots);
    const write: Write = {
      ...plan,
      conditions: [...slots.keys()].map((slot) => ({ clause: 'absent', attribute: `o${slot}` })),
    };
    const written = await broker.metadata.write([unchangedTrigger(record), write]);
    if (written.outcome === 'applied') return { done: true };
    return written.index === 0 ? { done: false } : 'again';
  });
}

/** Where a partition begins by a starting position, as things are now. */
export async function startOf(
  broker: Broker,
  { topic, partition }: { topic: string; partition: number },
  start: StartingPosition,
): Promise<number> {
  const at = async (where: ListOffsetsRequest['at']) =>
    (await listOffsets(broker, { topic, partition, at: where })).offset;
  const found = await at(
    start.position === 'AT_TIMESTAMP'
      ? { at: 'timestamp', timestampMs: start.timestampMs }
      : { at: start.position === 'LATEST' ? 'latest' : 'earliest' },
  );
  return found ?? (await at({ at: 'latest' })) ?? 0;
}
