/**
 * The cursor of a poll: how far its member has got, in the member's own hands. Every answer carries one, and the next poll
 * sends back that of the last answer that arrived. So nothing has to be written for an answer, a lost answer is served again,
 * and what was not received is not committed.
 *
 * As text, base64url of (integers as varints):
 *
 *     version u8 = 2 | member epoch | writes of the member's item | topics, for each: id 16 bytes | partitions, for each in
 *       order: distance to the one before | offset | 1 + leader epoch, 0 = not known
 *     CRC-32C u32 of all that and the member's id: it is nobody else's
 *
 * It also says what the member holds, which is how it acknowledges a revocation: partitions that it has no position of.
 */
import { ByteReader, ByteWriter, fromBase64Url, MalformedBytesError, toBase64Url, utf8 } from '../../kernel/bytes.ts';
import { crc32c } from '../../kernel/crc32c.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { ConsumerMember } from './member-item.ts';
import {
  ascending,
  byText,
  eachPartition,
  hasPartition,
  type Partitions,
  partitionsOf,
  readTopicId,
  writeTopicId,
} from './partitions.ts';

export interface Position {
  topicId: TopicId;
  partition: number;
  /** The next one to deliver. */
  offset: number;
  leaderEpoch?: number;
}

export interface Cursor {
  /** The member epoch of the answer. */
  epoch: number;
  /** How often the member's item had been written then (`n`): which commits of the member were before the answer. */
  writes: number;
  positions: readonly Position[];
}

const VERSION = 2;
const CHECKSUM_BYTES = 4;

export function encodeCursor(memberId: string, { epoch, writes, positions }: Cursor): string {
  const byTopic = Map.groupBy(positions, ({ topicId }) => topicId);
  const writer = new ByteWriter().u8(VERSION).unsignedVarint(epoch).unsignedVarint(writes);
  writer.unsignedVarint(byTopic.size);
  for (const [topicId, list] of [...byTopic].sort(([a], [b]) => byText(a, b))) {
    writeTopicId(writer, topicId).unsignedVarint(list.length);
    let before = 0;
    for (const { partition, offset, leaderEpoch } of [...list].sort((a, b) => ascending(a.partition, b.partition))) {
      writer.unsignedVarint(partition - before).unsignedVarint(offset);
      writer.unsignedVarint(leaderEpoch === undefined ? 0 : leaderEpoch + 1);
      before = partition;
    }
  }
  return toBase64Url(writer.u32(checksum(writer.written(), memberId)).finish());
}

/** `undefined`: no answer to this member had it. */
export function decodeCursor(memberId: string, text: string): Cursor | undefined {
  if (text.length > (groupLimits.pollCursorBytesMax * 4) / 3) return undefined;
  const bytes = fromBase64Url(text);
  if (bytes === undefined || bytes.length <= CHECKSUM_BYTES) return undefined;
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (new ByteReader(bytes, body.length).u32() !== checksum(body, memberId)) return undefined;
  try {
    return readCursor(new ByteReader(body));
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

function readCursor(reader: ByteReader): Cursor | undefined {
  if (reader.u8() !== VERSION) return undefined;
  const [epoch, writes] = [reader.unsignedVarint(), reader.unsignedVarint()];
  const positions: Position[] = [];
  for (let topics = reader.unsignedVarint(); topics > 0; topics--) {
    const topicId = readTopicId(reader);
    let partition = 0;
    for (let left = reader.unsignedVarint(); left > 0; left--) {
      partition += reader.unsignedVarint();
      const [offset, known] = [reader.unsignedVarint(), reader.unsignedVarint()];
      positions.push({ topicId, partition, offset, ...(known > 0 && { leaderEpoch: known - 1 }) });
    }
  }
  return reader.remaining === 0 ? { epoch, writes, positions } : undefined;
}

function checksum(body: Uint8Array, memberId: string): number {
  const name = utf8(memberId);
  const all = new Uint8Array(body.length + name.length);
  all.set(body);
  all.set(name, body.length);
  return crc32c(all);
}

/** What a poll with this cursor says it holds (`FollowInput.reported`); one without holds nothing any more. */
export function reportedBy(cursor: Cursor | undefined): Partitions {
  return partitionsOf(cursor?.positions ?? []);
}

/**
 * What `commit: "delivered"` commits: the positions of what the member owns, by the item that the poll found, before it
 * gives anything up; in the transaction of the write that follows (`planMember`), or else behind the fence. Of an
 * earlier epoch, nothing: what was taken away was committed with its acknowledgement, and what stayed will be with the
 * next cursor. Nor of one from before the last commit of a poll: a poll that comes late, after its own retry and
 * others, would take back what they have committed. What it has that they had not is in a later cursor.
 */
export function deliveredBy(
  cursor: Cursor | undefined,
  { epoch, owned, committedWrite = 0 }: ConsumerMember,
): Position[] {
  if (cursor?.epoch !== epoch || cursor.writes < committedWrite) return [];
  return cursor.positions.filter((position) => hasPartition(owned, position));
}

export interface Start {
  topicId: TopicId;
  partition: number;
  /** Absent: nothing is known of it, and `auto_offset_reset` says where to begin. */
  offset?: number;
}

/** Whether committed offsets are needed to say where the member goes on in this partition. */
export function needsCommitted(
  partition: { topicId: TopicId; partition: number },
  { cursor, epoch }: { cursor: Cursor | undefined; epoch: number },
): boolean {
  return cursor?.epoch !== epoch || !cursor.positions.some((position) => isOf(position, partition));
}

/**
 * Where the member goes on. A position of its current epoch is exact: it has had the partition ever since. An older one
 * may be of a time before somebody else had the partition, who may have committed more; the later of the two is right,
 * since what is below either was received by a member of the group.
 */
export function startsOf(
  assignment: Partitions,
  {
    cursor,
    epoch,
    committed,
  }: {
    cursor: Cursor | undefined;
    epoch: number;
    committed: (partition: { topicId: TopicId; partition: number }) => number | undefined;
  },
): Start[] {
  const known = new Map((cursor?.positions ?? []).map((position) => [nameOf(position), position.offset]));
  return Array.from(eachPartition(assignment), (partition) => {
    const position = known.get(nameOf(partition));
    if (position !== undefined && cursor?.epoch === epoch) return { ...partition, offset: position };
    const offset = Math.max(position ?? -1, committed(partition) ?? -1);
    return offset < 0 ? partition : { ...partition, offset };
  });
}

function isOf(position: Position, { topicId, partition }: { topicId: TopicId; partition: number }): boolean {
  return position.topicId === topicId && position.partition === partition;
}

function nameOf({ topicId, partition }: { topicId: TopicId; partition: number }): string {
  return `${topicId}:${partition}`;
}
