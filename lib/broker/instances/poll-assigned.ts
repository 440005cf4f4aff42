/** Polls of partitions that a client has assigned to its instance: those alone, without a group to share them with. */
import type { ConsumerInstance, InstancePosition } from '../../coordination/groups/instance-item.ts';
import { ledgerOf } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { nameOf, readCommitted } from '../groups/group-items.ts';
import { type Place, resetAll } from '../groups/places.ts';
import { readFairly } from '../groups/read-fairly.ts';
import { topicOrNone } from '../groups/topic-directory.ts';
import { awaitBytes, bytesWanted } from './await-bytes.ts';
import { commitByItself, toCommit } from './leave-source.ts';
import type { InstancePollRequest, SourcePoll } from './poll-instance.ts';

interface Assigned {
  group: string;
  instance: ConsumerInstance;
  positions: readonly InstancePosition[];
}

export async function pollAssigned(
  broker: Broker,
  { group, instance, positions }: Assigned,
  request: InstancePollRequest<unknown>,
): Promise<SourcePoll> {
  const { reset, autoCommit } = instance;
  for (const topic of new Set(positions.map((position) => position.topic))) request.authorize(topic);
  const commits = autoCommit && toCommit(positions).length > 0;
  if (commits) await commitByItself(broker, group, positions);
  const places = await placesOf(broker, { group, instance, positions });
  await awaitBytes(broker, places, { ...request, minBytes: bytesWanted(instance, request) });
  const found = await readFairly(broker, places, { ...request, reset });
  const partitions = found.map(({ place, records, nextOffset }) => {
    const { topic, partition, offset } = place;
    return { topic, partition, offset, records, nextOffset };
  });
  const after = (nextOffsets: readonly number[]) => {
    const reached = new Map(found.map(({ place }, index) => [nameOf(place), nextOffsets[index] as number]));
    const at = new Map(places.map((place) => [nameOf(place), place.offset]));
    const moved = positions.map((position): InstancePosition => {
      const name = nameOf(position);
      const offset = reached.get(name) ?? at.get(name);
      if (offset === undefined) return position;
      const fresh = (position.fresh && !commits) || (reached.has(name) && offset !== position.offset);
      return { ...position, offset, fresh };
    });
    return { source: 'assignment' as const, positions: moved };
  };
  return { partitions, after, undo: () => Promise.resolve() };
}

/** Of partitions that are there. Where there is no position, the group's committed offset is one. */
async function placesOf(broker: Broker, { group, instance, positions }: Assigned): Promise<Place[]> {
  const committed = await readCommitted(
    broker.metadata,
    group,
    positions.filter(({ offset }) => offset === undefined),
  );
  const places: Place[] = [];
  const missing: Place[] = [];
  for (const position of positions) {
    const { topic: name, topicId, partition } = position;
    const topic = await topicOrNone(broker, name);
    if (topic?.topicId !== topicId || partition >= topic.partitions) continue;
    const offset = position.offset ?? committed.get(nameOf(position));
    const place = { topic: name, topicId, partition, ...ledgerOf(topic, partition), offset: offset ?? 0, fresh: false };
    places.push(place);
    if (offset === undefined) missing.push(place);
  }
  await resetAll(broker, missing, instance.reset);
  return places;
}
