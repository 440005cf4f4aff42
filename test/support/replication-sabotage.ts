/** The replication protocol with one rule taken out, each. */
import type { Condition, Write } from '../../lib/kernel/items.ts';
import type { Purpose, Sabotage } from './replication-steps.ts';

export const sabotages = {
  'a join on an old look at the head': lacking('join', 'v'),
  'a join that appends in flight do not notice': {
    alter: (write, purpose) =>
      purpose === 'join' && write.kind === 'update'
        ? { ...write, changes: { ...write.changes, add: { v: 1 } } }
        : write,
  },
  'acks=all answered above a gap that acks=leader left': { ackOwnHolders: true },
  'an append of an old epoch': lacking('append', 'e', 'i'),
  'a cursor of an old epoch': lacking('cursor', 'e', 'i'),
  'an election on an old look at the head': lacking('elect', 'v', 'e', 'i'),
  'a seal above the high watermark': { sealEverything: true },
  'a leaver whose cursor is not kept': {
    alter: (write, purpose) =>
      purpose === 'leave' && write.kind === 'update'
        ? { ...write, changes: { ...write.changes, set: { ...write.changes.set, k2: 1_000 } } }
        : write,
  },
  'cursors that an election does not lower': { alter: withoutSetting('elect', /^k\d$/) },
  'ids of what was cut off that stay in the head': { alter: withoutSetting('elect', /^r$/) },
} as const satisfies Record<string, Sabotage>;

function lacking(purpose: Purpose, ...attributes: string[]): Sabotage {
  const keep = (condition: Condition) => !('attribute' in condition) || !attributes.includes(condition.attribute);
  const without = (write: Write) => ({ ...write, conditions: (write.conditions ?? []).filter(keep) });
  return { alter: (write, of) => (of === purpose ? without(write) : write) };
}

function withoutSetting(purpose: Purpose, names: RegExp) {
  return (write: Write, of: Purpose): Write => {
    if (of !== purpose || write.kind !== 'update') return write;
    const set = Object.fromEntries(Object.entries(write.changes.set ?? {}).filter(([name]) => !names.test(name)));
    return { ...write, changes: { ...write.changes, set } };
  };
}
