/** The topics that subscriptions can mean. */
import type { Member } from '../../coordination/groups/member-item.ts';
import type { Partitions } from '../../coordination/groups/partitions.ts';
import type { PatternMatches, Subscription, Topics } from '../../coordination/groups/subscription.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { decodeDirectoryEntry, TOPIC_DIRECTORY, type TopicSummary } from '../../log/topic/topic-item.ts';
import type { MetadataStore, QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';

/** By name. */
export type TopicDirectory = ReadonlyMap<string, TopicSummary>;

export async function readDirectoryOfTopics(metadata: MetadataStore): Promise<TopicDirectory> {
  const topics = new Map<string, TopicSummary>();
  let from: string | undefined = '';
  while (from !== undefined) {
    const page: QueryPage = await metadata.query({
      pk: TOPIC_DIRECTORY,
      ...(from !== '' && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    for (const { key, attributes } of page.items) {
      topics.set(key.sk, decodeDirectoryEntry(key.sk, attributes));
    }
    from = page.next;
  }
  return topics;
}

/**
 * What the members' subscriptions can mean: the topics that they name, and all topics where one of them has a pattern.
 */
export async function topicsFor(
  broker: Broker,
  members: Iterable<Member>,
): Promise<{ topics: Topics; matches: PatternMatches }> {
  const consumers = [...members].filter((member) => member.kind !== 'classic');
  const names = new Set(consumers.flatMap(({ subscription }) => subscription.names));
  const patterns = consumers.flatMap(({ subscription }) => subscription.pattern ?? []);
  const topics = new Map<string, { topicId: TopicId; partitions: number }>(
    patterns.length > 0 ? await broker.groups.topics() : [],
  );
  await mapBounded([...names], storageLimits.storageFanOutMax, async (name) => {
    const topic = await topicOrNone(broker, name);
    if (topic === undefined) topics.delete(name);
    else topics.set(name, { topicId: topic.topicId, partitions: topic.partitions });
  });
  return { topics, matches: await broker.groups.matches.find(patterns, topics) };
}

/** The topics of these partitions that there are, by id: each is one that the subscription means. */
export async function topicsOf(
  broker: Broker,
  subscription: Subscription,
  partitions: Partitions,
): Promise<Map<TopicId, Topic>> {
  const found = await lookUp(broker, { subscription, partitions, fresh: false });
  if ([...partitions.keys()].every((topicId) => found.has(topicId))) return found;
  // Created, or created anew, since the cached view was read.
  return lookUp(broker, { subscription, partitions, fresh: true });
}

async function lookUp(
  broker: Broker,
  {
    subscription: { names, pattern },
    partitions,
    fresh,
  }: { subscription: Subscription; partitions: Partitions; fresh: boolean },
): Promise<Map<TopicId, Topic>> {
  const how = { fresh };
  const directory = pattern === undefined ? new Map<string, never>() : await broker.groups.topics(how);
  // A pattern may mean one topic of thousands.
  const owned = [...directory].flatMap(([name, { topicId }]) => (partitions.has(topicId) ? [name] : []));
  const all = [...names, ...owned];
  const topics = await mapBounded([...new Set(all)], storageLimits.storageFanOutMax, (name) =>
    topicOrNone(broker, name, how),
  );
  return new Map(topics.flatMap((topic) => (topic === undefined ? [] : [[topic.topicId, topic] as const])));
}

export async function topicOrNone(broker: Broker, name: string, { fresh = false } = {}): Promise<Topic | undefined> {
  try {
    return await (fresh ? broker.topics.getFresh(name) : broker.topics.get(name));
  } catch (error) {
    const isNone = error instanceof MillraceError && NONE.has(error.code);
    if (isNone) return undefined;
    throw error;
  }
}

const NONE: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC']);
