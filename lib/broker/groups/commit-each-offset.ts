/**
 * Commits offsets each by itself, as Kafka's clients expect it: what is wrong with one keeps the others from nothing,
 * and there may be more of them than one atomic write has. Who may commit at all is the same for all of them.
 */
import { OFFSETS_PER_ITEM } from '../../coordination/groups/offsets-item.ts';
import { seatOf } from '../../coordination/groups/seat.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { utf8 } from '../../kernel/bytes.ts';
import type { ErrorCode } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import type { GroupOffset } from '../transactions/prepare.ts';
import { type CommitOffsetsRequest, commitOffsets } from './commit-offsets.ts';
import { isOfForeign } from './commit-writes.ts';
import { readMember } from './group-items.ts';
import { topicOrNone } from './topic-directory.ts';

/**
 * In the order of the offsets: why one was not committed, or `undefined`; `INVALID_REQUEST` for a partition that is
 * another member's. Throws as `commitOffsets` does where the caller may not commit; some of more than one atomic write
 * may then be committed.
 */
export async function commitEachOffset(
  broker: Broker,
  request: CommitOffsetsRequest,
): Promise<(ErrorCode | undefined)[]> {
  checkGroupId(request.group);
  const faults = await mapBounded(request.offsets, storageLimits.storageFanOutMax, (offset) => faultOf(broker, offset));
  const sound = request.offsets.filter((_, at) => faults[at] === undefined);
  // Of a partition that is there twice the later one counts.
  const last = [...new Map(sound.map((offset) => [nameOf(offset), offset])).values()];
  const items = [...Map.groupBy(last, itemOf).values()];
  const foreign = new Set<string>();
  for (const chunk of chunked(items, storageLimits.transactionItemsMax - 1)) {
    for (const offset of await commitOwned(broker, { ...request, offsets: chunk.flat() })) foreign.add(nameOf(offset));
  }
  return request.offsets.map(
    (offset, at) => faults[at] ?? (foreign.has(nameOf(offset)) ? 'INVALID_REQUEST' : undefined),
  );
}

/** Commits those of the caller's partitions, and returns the others. */
async function commitOwned(broker: Broker, request: CommitOffsetsRequest): Promise<readonly GroupOffset[]> {
  try {
    await commitOffsets(broker, request);
    return [];
  } catch (error) {
    if (!isOfForeign(error)) throw error;
  }
  const owned = await ownedOf(broker, request);
  await commitOffsets(broker, { ...request, offsets: owned });
  return request.offsets.filter((offset) => !owned.includes(offset));
}

async function ownedOf(broker: Broker, { group, memberId = '', instanceId, offsets }: CommitOffsetsRequest) {
  const name = { memberId, ...(instanceId !== undefined && { instanceId }) };
  const member = await readMember(broker.metadata, group, seatOf(name));
  if (member?.kind !== 'consumer') return offsets;
  const topics = await mapBounded(offsets, storageLimits.storageFanOutMax, ({ topic }) => topicOrNone(broker, topic));
  return offsets.filter(({ partition }, at) => {
    const topicId = topics[at]?.topicId;
    return topicId !== undefined && member.owned.get(topicId)?.includes(partition) === true;
  });
}

function nameOf({ topic, partition }: GroupOffset): string {
  return `${topic}/${partition}`;
}

/** Those of one item are one write of an atomic one. */
function itemOf({ topic, partition }: GroupOffset): string {
  return `${topic}/${Math.floor(partition / OFFSETS_PER_ITEM)}`;
}

async function faultOf(
  broker: Broker,
  { topic: name, partition, metadata }: GroupOffset,
): Promise<ErrorCode | undefined> {
  if (metadata !== undefined && utf8(metadata).length > transactionLimits.offsetMetadataBytesMax) {
    return 'OFFSET_METADATA_TOO_LARGE';
  }
  const topic = await topicOrNone(broker, name);
  if (topic !== undefined && partition >= 0 && partition < topic.partitions) return undefined;
  // It may have got more partitions since it was remembered.
  const fresh = topic === undefined ? undefined : await topicOrNone(broker, name, { fresh: true });
  return fresh !== undefined && partition >= 0 && partition < fresh.partitions
    ? undefined
    : 'UNKNOWN_TOPIC_OR_PARTITION';
}
