/** The protocol of groups with one rule taken out, each. */
import { NO_PARTITIONS } from '../../lib/coordination/groups/partitions.ts';
import type { Condition, Write } from '../../lib/kernel/items.ts';
import type { Purpose, Sabotage } from './group-steps.ts';

export const sabotages = {
  'a hand-over before the old owner gave up': { follow: (input) => ({ ...input, others: new Map() }) },
  'a release believed of one who follows and owns': {
    follow: (input) => ({
      ...input,
      others: new Map(
        [...input.others].map(([seat, member]) => [
          seat,
          member.kind === 'consumer' ? { ...member, owned: NO_PARTITIONS } : member,
        ]),
      ),
    }),
  },
  'a revocation that nobody acknowledged': { follow: (input) => ({ ...input, reported: NO_PARTITIONS }) },
  'a target that is older than what the member follows': {
    follow: (input) => ({ ...input, member: { ...input.member, followed: 0 } }),
  },
  'a target that forgets who may still hold what': {
    alter: (write, purpose) =>
      purpose === 'regroup' && write.kind === 'put' && 'h' in write.attributes
        ? { ...write, attributes: { ...write.attributes, h: [] } }
        : write,
  },
  'a commit whose fence is not checked': lacking('commit', 'm', 'e'),
  'an epoch that outlives what it covered': {
    alter: (write, purpose) =>
      (purpose === 'follow' || purpose === 'join') && write.kind === 'put' && Number(write.attributes['e']) > 0
        ? { ...write, attributes: { ...write.attributes, e: 1 } }
        : write,
  },
  'a write of an item that has changed since': lacking('follow', 'b', 'n'),
  'a state that has changed since': lacking('regroup', 'y', 'v'),
  'a state of a group that was deleted since': lacking('regroup', 'y'),
  'members that were read before the target': { membersAge: 6 },
  'a position that is committed before its records arrive': {
    cursor: (cursor) =>
      cursor && {
        ...cursor,
        positions: cursor.positions.map((at) => Object.assign({}, at, { offset: at.offset + 1 })),
      },
  },
} as const satisfies Record<string, Sabotage>;

function lacking(purpose: Purpose, ...attributes: string[]): Sabotage {
  const keep = (condition: Condition) => !('attribute' in condition) || !attributes.includes(condition.attribute);
  const without = (write: Write): Write => ({ ...write, conditions: (write.conditions ?? []).filter(keep) });
  return { alter: (write, of) => (of === purpose ? without(write) : write) };
}
