/** Arbitrary groups: topics, members with subscriptions, and what they have. */
import * as fc from 'fast-check';
import type { AssignorInput } from '../../lib/coordination/groups/assignors/assignor.ts';
import { type Partitions, partitionsOf } from '../../lib/coordination/groups/partitions.ts';
import { toBase64Url, utf8 } from '../../lib/kernel/bytes.ts';

/** A topic's id that says which one it is. */
export function topicIdOf(number: number): string {
  const bytes = new Uint8Array(16);
  bytes.set(utf8(`topic ${number}`));
  return toBase64Url(bytes);
}

const topicId = fc.integer({ min: 0, max: 4 }).map(topicIdOf);

export const anyPartitions: fc.Arbitrary<Partitions> = fc
  .array(fc.record({ topicId, partition: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 9_999 })) }), { maxLength: 30 })
  .map(partitionsOf);

const topics = fc
  .uniqueArray(fc.tuple(topicId, fc.integer({ min: 1, max: 12 })), { selector: ([id]) => id, maxLength: 4 })
  .map((entries) => new Map(entries));

const seats = fc.uniqueArray(
  fc.integer({ min: 0, max: 30 }).map((number) => `d#${number}`),
  { minLength: 1, maxLength: 8 },
);

/**
 * Members that subscribe to the same topics, or to any; what they have need not exist, nor be wanted, nor be theirs
 * alone.
 */
export function anyAssignorInput({ same }: { same: boolean }): fc.Arbitrary<AssignorInput> {
  return fc
    .tuple(topics, seats, fc.array(anyPartitions, { minLength: 8, maxLength: 8 }), fc.infiniteStream(fc.boolean()))
    .map(([existing, names, current, wishes]) => ({
      topics: existing,
      members: names.map((seat, index) => ({
        seat,
        topics: new Set([...existing.keys()].filter(() => same || (wishes.next().value ?? true))),
        current: current[index] ?? new Map(),
      })),
    }));
}
