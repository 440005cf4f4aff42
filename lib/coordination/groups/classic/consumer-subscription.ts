/**
 * What the members of a classic group are subscribed to. They say it to each other, in the metadata of their protocols; where these are
 * consumers, its form is known (Kafka's ConsumerProtocolSubscription). All versions of it begin alike:
 *
 *     u16  version
 *     u32  number of topics
 *     each: u16 length of its name, the name in UTF-8
 */
import { ByteReader, MalformedBytesError, utf8Text } from '../../../kernel/bytes.ts';
import type { GroupState } from '../group-item.ts';
import type { Member } from '../member-item.ts';

/** Kafka's name of the protocol type. */
const CONSUMERS = 'consumer';

/**
 * - `topics`: those of all members
 * - `unclear`: consumers whose metadata cannot be read, or whose protocol is not selected yet
 * - `theirs`: the members are something else than consumers
 */
export type ClassicSubscription =
  | { subscription: 'topics'; topics: ReadonlySet<string> }
  | { subscription: 'unclear' }
  | { subscription: 'theirs' };

export function subscriptionOf(
  { protocolType, round }: Pick<GroupState, 'protocolType' | 'round'>,
  members: Iterable<Member>,
): ClassicSubscription {
  if (protocolType !== CONSUMERS) return { subscription: 'theirs' };
  const topics = new Set<string>();
  for (const member of members) {
    // Who was only given an id so far is not in the group yet.
    if (member.kind !== 'classic' || member.joining === 0) continue;
    const metadata = member.protocols.find(({ name }) => name === round?.protocol)?.metadata;
    const own = metadata && subscribedTopics(metadata);
    if (own === undefined) return { subscription: 'unclear' };
    for (const topic of own) topics.add(topic);
  }
  return { subscription: 'topics', topics };
}

/** `undefined`: the bytes are something else. */
export function subscribedTopics(metadata: Uint8Array): string[] | undefined {
  try {
    const reader = new ByteReader(metadata);
    reader.u16();
    const topics: string[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      const name = utf8Text(reader.bytes(reader.u16()));
      if (name === undefined) return undefined;
      topics.push(name);
    }
    return topics;
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}
