/**
 * Committed offsets that nobody needs any more (`offsets.retention.minutes`), by the rules of KIP-211:
 *
 * - of a group without members, an offset expires when the group has been without for so long, and the offset has not
 *   been committed anew since;
 * - of offsets that no member ever stood behind, each so long after its commit;
 * - of a group with members, only offsets of topics that none of them is subscribed to, each so long after its commit.
 *   What members of the classic protocol are subscribed to is theirs to know: nothing of theirs expires.
 *
 * An offset that is committed meanwhile stays, because its time is in the condition; and so do those of a group that
 * gets members meanwhile, because its state is checked in the same transaction.
 */
import type { Condition, Write } from '../../kernel/items.ts';
import { generationKey } from './classic/generation-item.ts';
import { type GroupState, sameGroup, stateKey } from './group-item.ts';
import { type CommittedOffset, type OffsetsItem, type OffsetsItemId, offsetsKey } from './offsets-item.ts';
import { type Target, targetKey } from './target-item.ts';

export interface ExpiryInput {
  group: string;
  state: GroupState | undefined;
  target: Target | undefined;
  id: OffsetsItemId;
  item: OffsetsItem;
  nowMs: number;
  retentionMs: number;
}

/** To be written together; nothing where nothing has expired. */
export function planExpiry({ group, state, target, id, item, nowMs, retentionMs }: ExpiryInput): Write[] {
  const base = baseOf({ state, target, id });
  if (base === undefined) return [];
  const isExpired = (slot: CommittedOffset | undefined) =>
    slot !== undefined && nowMs - Math.max(base, slot.committedMs) >= retentionMs;
  const expired = [...item.slots.entries()].filter(([, slot]) => isExpired(slot));
  if (expired.length === 0) return [];
  const conditions = expired.map(
    ([slot, committed]): Condition => ({ clause: 'equals', attribute: `t${slot}`, value: committed?.committedMs ?? 0 }),
  );
  const check: Write = {
    kind: 'check',
    key: stateKey(group),
    conditions: state === undefined ? [{ clause: 'item-absent' }] : sameGroup(state, state.version),
  };
  const others = [...item.slots.entries()].filter(([, slot]) => !isExpired(slot));
  if (others.every(([, slot]) => slot === undefined)) {
    const absent = others.map(([slot]): Condition => ({ clause: 'absent', attribute: `o${slot}` }));
    return [check, { kind: 'delete', key: offsetsKey(id), conditions: [...conditions, ...absent] }];
  }
  const remove = expired.flatMap(([slot]) => ['o', 't', 'l', 'm'].map((name) => `${name}${slot}`));
  return [check, { kind: 'update', key: offsetsKey(id), changes: { remove }, conditions }];
}

/** No offset of the item expires before this and the retention; `undefined`: none expires now. */
function baseOf({ state, target, id }: Pick<ExpiryInput, 'state' | 'target' | 'id'>): number | undefined {
  if (state === undefined) return 0;
  if (state.members === 0) return state.emptySinceMs ?? 0;
  if (state.kind === 'classic' || target === undefined || target.epoch !== state.epoch) return undefined;
  return target.topics.has(id.topicId) ? undefined : 0;
}

/**
 * A group is dead when it has neither members nor offsets: state, target and generation go, if it still has no members.
 * Its nonce keeps whatever is still under way from being taken for a write of a later group of the name.
 */
export function planDeath(group: string, state: GroupState): Write[] {
  return [
    {
      kind: 'delete',
      key: stateKey(group),
      conditions: [...sameGroup(state, state.version), { clause: 'equals', attribute: 'c', value: 0 }],
    },
    { kind: 'delete', key: targetKey(group) },
    { kind: 'delete', key: generationKey(group) },
  ];
}
