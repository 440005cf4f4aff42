/**
 * Sets of partitions by topic id: what a member is assigned, owns, or has yet to give up. Values are never changed; lists
 * are ascending, without repetition, and never empty, so that equal sets are equal values.
 *
 * Packed (integers as varints):
 *
 *     topics, for each in the order of the ids: id 16 bytes | count | first partition | distances to the ones after it
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter, fromBase64Url, toBase64Url } from '../../kernel/bytes.ts';
import { TOPIC_ID_BYTES, type TopicId } from '../../kernel/ids.ts';

export type Partitions = ReadonlyMap<TopicId, readonly number[]>;

export interface TopicPartition {
  topicId: TopicId;
  partition: number;
}

export const NO_PARTITIONS: Partitions = new Map();

/** In any order, and with repetitions. */
export function partitionsOf(entries: Iterable<TopicPartition>): Partitions {
  const sets = new Map<TopicId, Set<number>>();
  for (const { topicId, partition } of entries) {
    const set = sets.get(topicId) ?? new Set();
    sets.set(topicId, set.add(partition));
  }
  return fromLists([...sets].map(([topicId, set]) => [topicId, [...set].sort(ascending)]));
}

/** All partitions of the topics. */
export function allPartitions(topics: ReadonlyMap<TopicId, number>): Partitions {
  return fromLists(
    [...topics].map(([topicId, count]) => [topicId, Array.from({ length: count }, (_, index) => index)]),
  );
}

export function* eachPartition(partitions: Partitions): Generator<TopicPartition> {
  for (const [topicId, list] of partitions) for (const partition of list) yield { topicId, partition };
}

export function hasPartition(partitions: Partitions, { topicId, partition }: TopicPartition): boolean {
  return partitions.get(topicId)?.includes(partition) ?? false;
}

export function union(a: Partitions, b: Partitions): Partitions {
  if (b.size === 0) return a;
  return a.size === 0 ? b : partitionsOf([...eachPartition(a), ...eachPartition(b)]);
}

export function minus(a: Partitions, b: Partitions): Partitions {
  return chosen(a, b, (list, others) => list.filter((partition) => !others.has(partition)));
}

export function intersection(a: Partitions, b: Partitions): Partitions {
  return chosen(a, b, (list, others) => list.filter((partition) => others.has(partition)));
}

export function countPartitions(partitions: Partitions): number {
  let count = 0;
  for (const list of partitions.values()) count += list.length;
  return count;
}

export function equalPartitions(a: Partitions, b: Partitions): boolean {
  return countPartitions(a) === countPartitions(b) && minus(a, b).size === 0;
}

export function packPartitions(partitions: Partitions): Uint8Array {
  const writer = new ByteWriter(1 + partitions.size * (TOPIC_ID_BYTES + 4));
  writer.unsignedVarint(partitions.size);
  for (const [topicId, list] of partitions) {
    writeTopicId(writer, topicId).unsignedVarint(list.length);
    let before = 0;
    for (const partition of list) {
      writer.unsignedVarint(partition - before);
      before = partition;
    }
  }
  return writer.finish();
}

export function unpackPartitions(packed: Uint8Array): Partitions {
  return readPartitions(new ByteReader(packed));
}

function readPartitions(reader: ByteReader): Partitions {
  const lists: [TopicId, number[]][] = [];
  const topics = reader.unsignedVarint();
  for (let index = 0; index < topics; index++) {
    const topicId = readTopicId(reader);
    const count = reader.unsignedVarint();
    const list: number[] = [];
    for (let position = 0; position < count; position++) list.push((list.at(-1) ?? 0) + reader.unsignedVarint());
    lists.push([topicId, list]);
  }
  return fromLists(lists);
}

export function writeTopicId(writer: ByteWriter, topicId: TopicId): ByteWriter {
  const bytes = fromBase64Url(topicId);
  assert(bytes?.length === TOPIC_ID_BYTES, `${topicId} is a topic's id`);
  return writer.bytes(bytes);
}

export function readTopicId(reader: ByteReader): TopicId {
  return toBase64Url(reader.bytes(TOPIC_ID_BYTES));
}

/** By UTF-16 units: the same everywhere, which is all that is asked of it. */
export function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export function ascending(a: number, b: number): number {
  return a - b;
}

function chosen(
  a: Partitions,
  b: Partitions,
  choose: (list: readonly number[], others: ReadonlySet<number>) => readonly number[],
): Partitions {
  return fromLists([...a].map(([topicId, list]) => [topicId, choose(list, new Set(b.get(topicId)))]));
}

function fromLists(lists: (readonly [TopicId, readonly number[]])[]): Partitions {
  return new Map(lists.filter(([, list]) => list.length > 0).sort(([a], [b]) => byText(a, b)));
}
