/** Where a member goes on in each of its partitions. */
import { startsOf } from '../../coordination/groups/cursor.ts';
import { eachPartition } from '../../coordination/groups/partitions.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId, TopicId } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { ledgerOf } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { highWatermark } from '../ledger/replicated.ts';
import { nameOf, readCommitted } from './group-items.ts';
import type { Seated } from './membership.ts';
import { pinPlaces } from './pin-places.ts';
import type { PollCursor } from './poll-cursor.ts';
import { topicsOf } from './topic-directory.ts';

/** Where there is no committed offset, or none that is in the partition. */
export type OffsetReset = 'latest' | 'earliest' | 'none';

export interface Place {
  topic: string;
  topicId: TopicId;
  partition: number;
  ledger: LedgerId;
  slot: number;
  /** The next one to deliver. */
  offset: number;
  /** The group has not committed it. */
  fresh: boolean;
}

export interface PlacesRequest {
  group: string;
  seated: Seated;
  cursor: PollCursor | undefined;
  /** Places of an earlier look of the same poll; they are exact for whoever has had the partitions ever since. */
  before: ReadonlyMap<string, Place>;
  reset: OffsetReset;
}

/** Of partitions that are there. Reads committed offsets of those alone of which the caller does not know better. */
export async function placesOf(broker: Broker, request: PlacesRequest): Promise<Place[]> {
  const { group, seated, cursor, before, reset } = request;
  const { member, exactEpoch, followed, committed: justCommitted } = seated;
  const { assignment } = followed;
  if (assignment.size === 0) return [];
  const topics = await topicsOf(broker, member.subscription, assignment);
  const exact = new Map(
    cursor?.cursor.epoch === exactEpoch ? cursor.cursor.positions.map((position) => [nameOf(position), position]) : [],
  );
  const unknown = [...eachPartition(assignment)].filter(
    (partition) => !before.has(nameOf(partition)) && !exact.has(nameOf(partition)),
  );
  const committed = await readCommitted(broker.metadata, group, unknown);
  const starts = startsOf(assignment, {
    cursor: cursor?.cursor,
    epoch: exactEpoch,
    committed: (partition) => committed.get(nameOf(partition)),
  });
  const places: Place[] = [];
  const missing: Place[] = [];
  for (const { topicId, partition, offset } of starts) {
    const name = nameOf({ topicId, partition });
    const topic = topics.get(topicId);
    if (topic === undefined) continue;
    const known = before.get(name);
    const fresh = exact.has(name)
      ? cursor?.fresh.has(name) === true && justCommitted.get(name) !== offset
      : committed.get(name) !== offset;
    const place = known ?? {
      topic: topic.name,
      topicId,
      partition,
      ...ledgerOf(topic, partition),
      offset: offset ?? 0,
      fresh,
    };
    places.push(place);
    if (known === undefined && offset === undefined) missing.push(place);
  }
  await resetAll(broker, missing, reset);
  if (reset === 'latest') await pinPlaces(broker, { group, member, places: missing });
  return places;
}

export async function resetAll(broker: Broker, places: readonly Place[], reset: OffsetReset): Promise<void> {
  await mapBounded(places, storageLimits.storageFanOutMax, async (place) => {
    if (reset === 'none') {
      const detail = `The group has committed no offset of ${place.topic} ${place.partition}, and auto_offset_reset is none.`;
      throw new MillraceError('OFFSET_OUT_OF_RANGE', detail);
    }
    const head = await broker.heads.strong(place.ledger);
    // The topic is being deleted: the next look takes the partition away.
    if (head === undefined) return;
    place.offset = reset === 'earliest' ? (head.start[place.slot] as number) : highWatermark(head, place.slot);
    place.fresh = true;
  });
}

/** The log has gone past the place, or does not reach it any more. Throws where nobody said where to go on then. */
export function resetAfter(place: Place, error: MillraceError, reset: OffsetReset): void {
  const { logStartOffset, highWatermark: end } = error.facts;
  if (reset === 'none' || logStartOffset === undefined || end === undefined) throw error;
  place.offset = reset === 'earliest' ? logStartOffset : end;
  place.fresh = true;
}
