/** Planted bugs of consumer groups; see plants.ts. */

import { decodePollCursor, encodePollCursor } from '../../../lib/broker/groups/poll-cursor.ts';
import { decodeMember } from '../../../lib/coordination/groups/member-item.ts';
import { groupKey, OFFSETS_PREFIX } from '../../../lib/coordination/groups/offsets-item.ts';
import { MEMBER_PREFIX, memberKey, seatOf } from '../../../lib/coordination/groups/seat.ts';
import { targetKey } from '../../../lib/coordination/groups/target-item.ts';
import type { ItemKey, Write } from '../../../lib/kernel/items.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import type { Plant } from '../plants.ts';
import { rewriting, withoutConditions, writeWithout } from '../rewritten-stores.ts';
import { delegating } from '../stores.ts';
import { GROUP } from './group-history.ts';
import { nameOf } from './group-watch.ts';

export const groupPlants = {
  'group-commit-unfenced': {
    about: 'commits offsets of a group also where the member is not what it was',
    kind: 'groups',
    table: (table) => ({
      ...delegating(table),
      write: async (writes) => {
        const result = await table.write(writes);
        const isCommit = writes.some(isOfOffsets) && writes.some(isOfMember) && !writes.some(isOfLedger);
        if (result.outcome === 'applied' || !isCommit) return result;
        return table.write(writes.filter(isOfOffsets).map((write) => withoutConditions(write)));
      },
    }),
  },
  'group-withdrawals-forgotten': {
    about: 'hands partitions over before the member that had them has given them up',
    kind: 'groups',
    metadata: rewriting((write) =>
      write.kind === 'put' && write.key.sk === targetKey(GROUP).sk && 'h' in write.attributes
        ? { ...write, attributes: { ...write.attributes, h: [] } }
        : write,
    ),
  },
  'group-members-read-late': {
    about: 'believes what it once read of a member, where it is to be read strongly',
    kind: 'groups',
    metadata: (store, { table }) => ({
      ...store,
      get: async (key, consistency) => {
        const item = await store.get(key, consistency);
        return isMemberKey(key) ? table.stale(key) : item;
      },
    }),
  },
  'group-removal-unconditional': {
    about: 'removes members that seemed gone, whatever they have done since',
    kind: 'groups',
    table: (table) => ({
      ...delegating(table),
      write: (writes) => {
        const [only] = writes;
        const isRemoval = writes.length === 1 && only?.kind === 'delete' && isMemberKey(only.key);
        return table.write(isRemoval ? [withoutConditions(only)] : writes);
      },
    }),
  },
  'group-cursor-of-any-epoch': {
    about: 'commits what a cursor says was delivered, of whichever epoch of the member it is',
    kind: 'groups',
    cursor: async (table, memberId, text) => {
      const seat = seatOf({ memberId });
      const item = await table.get(memberKey(GROUP, seat), 'strong');
      const decoded = decodePollCursor(memberId, text);
      if (item === undefined || decoded === undefined) return text;
      const positions = decoded.cursor.positions.map(({ topicId, partition, offset }) => {
        return { topicId, partition, offset, fresh: true };
      });
      const { epoch, writes } = decodeMember(seat, item);
      return encodePollCursor(memberId, { epoch, writes, positions });
    },
  },
  'group-cursor-of-any-time': {
    about: 'commits what a cursor says was delivered, whatever was committed after that cursor was given out',
    kind: 'groups',
    cursor: async (table, memberId, text) => {
      const seat = seatOf({ memberId });
      const item = await table.get(memberKey(GROUP, seat), 'strong');
      const decoded = decodePollCursor(memberId, text);
      if (item === undefined || decoded === undefined) return text;
      const { cursor, fresh } = decoded;
      const positions = cursor.positions.map((position) => ({ ...position, fresh: fresh.has(nameOf(position)) }));
      return encodePollCursor(memberId, { ...cursor, writes: decodeMember(seat, item).writes, positions });
    },
  },
  'group-epoch-of-the-seat': {
    about: 'leaves a seat its epoch when another member comes to have it',
    kind: 'groups',
    table: (table) => ({
      ...delegating(table),
      write: async (writes) => table.write(await Promise.all(writes.map((write) => underSameEpoch(table, write)))),
    }),
  },
  'transaction-without-member': {
    about: 'commits the offsets of a transaction without looking whether they are still the member’s to commit',
    kind: 'groups',
    table: (table) => ({
      ...delegating(table),
      write: (writes) =>
        writes.some(isOfLedger)
          ? writeWithout(table, writes, ({ kind, key }) => kind === 'check' && isMemberKey(key))
          : table.write(writes),
    }),
  },
} as const satisfies Record<string, Plant>;

async function underSameEpoch(table: Pick<MetadataStore, 'get'>, write: Write): Promise<Write> {
  if (write.kind !== 'put' || !isMemberKey(write.key)) return write;
  const { e, m } = (await table.get(write.key, 'strong')) ?? {};
  const isOther = e !== undefined && m !== write.attributes['m'];
  return isOther ? { ...write, attributes: { ...write.attributes, e } } : write;
}

function isMemberKey({ pk, sk }: ItemKey): boolean {
  return pk === groupKey(GROUP) && sk.startsWith(MEMBER_PREFIX);
}

function isOfMember({ key }: Write): boolean {
  return isMemberKey(key);
}

function isOfOffsets({ key }: Write): boolean {
  return key.pk === groupKey(GROUP) && key.sk.startsWith(OFFSETS_PREFIX);
}

function isOfLedger({ key }: Write): boolean {
  return key.pk.startsWith('ledger#');
}
