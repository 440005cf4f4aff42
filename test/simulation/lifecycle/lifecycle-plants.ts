/** Planted bugs of merging, retiring, retention and sweeping; see plants.ts. */
import type { Attributes, Condition, ItemKey, Write } from '../../../lib/kernel/items.ts';
import { isHead, MERGED_ATTRIBUTE, nextAttribute, RETIRED_ATTRIBUTE } from '../../../lib/log/ledger/head.ts';
import { isCondemnedKey } from '../../../lib/log/merged/condemned-item.ts';
import { packMarks, unpackMarks } from '../../../lib/log/merged/marks.ts';
import { parseSegmentKey } from '../../../lib/log/merged/segment-item.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import type { Plant } from '../plants.ts';
import { rewriting, withoutConditions } from '../rewritten-stores.ts';
import { isProducerItem } from '../table-watch.ts';

export const lifecyclePlants = {
  'merge-deletes-before-switch': {
    about: 'lets pages go before the segments in their place are committed',
    kind: 'lifecycle',
    metadata: (store) => ({
      ...store,
      write: async (writes) => {
        const [head] = writes;
        if (head !== undefined && isMerge(writes)) await store.write([retiringAll(head)]);
        return store.write(writes);
      },
    }),
  },
  'merge-without-grace': {
    about: 'lets pages go as soon as they are merged, while URLs of what they name still work',
    kind: 'lifecycle',
    metadata: rewriting((write) =>
      changing(write, isLifecycle, ({ k, ...set }) => ({
        ...set,
        ...(k instanceof Uint8Array && { k: packMarks(unpackMarks(k).map(({ pages }) => ({ pages, atMs: 0 }))) }),
      })),
    ),
  },
  'merges-that-overlap': {
    about: 'commits merged segments whatever others have merged meanwhile',
    kind: 'lifecycle',
    metadata: (store) => ({
      ...store,
      write: (writes) => store.write(isMerge(writes) ? writes.map((write) => withoutConditions(write)) : writes),
    }),
  },
  'merge-past-the-fence': {
    about: 'commits segments that the sweeper has given up',
    kind: 'lifecycle',
    metadata: rewriting((write) => (isLifecycle(write) ? withoutConditions(write, isOfFence) : write)),
  },
  'sweep-of-segments-without-fence': {
    about: 'deletes segments that are not committed without first closing their ledgers to them',
    kind: 'lifecycle',
    metadata: (store) => ({
      ...store,
      write: async (writes) =>
        writes[0] !== undefined && isLifecycle(writes[0]) && setOf(writes[0])['w'] !== undefined
          ? { outcome: 'applied' }
          : store.write(writes),
    }),
  },
  'retire-forgets-producers': {
    about: 'lets pages go without giving producers the offsets of what they know to be in them',
    kind: 'lifecycle',
    metadata: (store) => ({
      ...store,
      write: async (writes) =>
        writes.length === 1 && writes[0] !== undefined && isSettling(writes[0])
          ? { outcome: 'applied' }
          : store.write(writes),
    }),
  },
  'retention-past-young': {
    about: 'deletes records that come right after those that are too old',
    kind: 'lifecycle',
    metadata: retainingLess,
  },
  'tombstone-dropped-early': {
    about: 'takes tombstones out with the first compaction after the one that met them',
    kind: 'lifecycle',
    metadata: (store) => ({
      ...store,
      get: async (key, consistency) => keepingNoTombstones(key, await store.get(key, consistency)),
    }),
  },
  'merge-resurrects-what-was-erased': {
    about: 'puts a larger segment in the place of small ones whatever has become of these since it read them',
    kind: 'lifecycle',
    metadata: (store, { scheduler, process }) => ({
      ...store,
      write: async (writes) => {
        if (!isMergeOfSegments(writes)) return store.write(writes);
        // So slow that an erasure often comes between.
        await scheduler.pause(process, scheduler.random.fraction() * SLOW_MERGE_MS);
        return store.write(writes.map((write) => withoutConditions(write, (condition) => !isOfFence(condition))));
      },
    }),
  },
  'condemned-without-grace': {
    about: 'deletes replaced segments at once, while URLs of them still work',
    kind: 'lifecycle',
    metadata: rewriting((write) => {
      if (write.kind !== 'put' || !isCondemnedKey(write.key)) return write;
      const sk = write.key.sk.replace(/#\d{14}#/, `#${'0'.repeat(14)}#`);
      return { ...write, key: { ...write.key, sk } };
    }),
  },
} as const satisfies Record<string, Plant>;

function setOf(write: Write): Attributes {
  return write.kind === 'update' ? (write.changes.set ?? {}) : {};
}

function isLifecycle({ key }: Write): boolean {
  return key.sk === 'lifecycle';
}

/** Pages become segments. */
function isMerge([head]: readonly Write[]): boolean {
  return head !== undefined && isHead(head.key) && setOf(head)[MERGED_ATTRIBUTE] !== undefined;
}

/** Several small segments become one. */
function isMergeOfSegments([lifecycle, ...others]: readonly Write[]): boolean {
  if (lifecycle === undefined || !isLifecycle(lifecycle)) return false;
  const segments = others.filter(({ key }) => parseSegmentKey(key) !== undefined);
  return segments.filter(({ kind }) => kind === 'put').length === 1 && segments.length > 1;
}

function isOfFence(condition: Condition): boolean {
  return 'attribute' in condition && condition.attribute === 'w';
}

function changing(write: Write, isIt: (write: Write) => boolean, change: (set: Attributes) => Attributes): Write {
  if (write.kind !== 'update' || !isIt(write) || write.changes.set === undefined) return write;
  return { ...write, changes: { ...write.changes, set: change(write.changes.set) } };
}

function retiringAll(merge: Write): Write {
  const to = setOf(merge)[MERGED_ATTRIBUTE] as number;
  return {
    kind: 'update',
    key: merge.key,
    changes: { set: { [RETIRED_ATTRIBUTE]: to }, add: { v: 1 } },
    conditions: [{ clause: 'item-exists' }],
  };
}

/** Producers alone are changed, and nothing is appended with it. */
function isSettling(write: Write): boolean {
  if (write.kind === 'put') return isProducerItem(write.key);
  const names = Object.keys(setOf(write));
  const appends = write.kind === 'update' && write.changes.append !== undefined;
  return isHead(write.key) && !appends && names.length > 0 && names.every((name) => name.startsWith('p'));
}

/** The topic as somebody sees it who takes its `delete.retention.ms` for nothing. */
function keepingNoTombstones({ pk, sk }: ItemKey, item: Attributes | undefined): Attributes | undefined {
  const configs =
    pk.startsWith('topic#') && sk === 'config' ? (item?.['configs'] as Attributes | undefined) : undefined;
  if (configs?.['delete.retention.ms'] === undefined) return item;
  return { ...item, configs: { ...configs, 'delete.retention.ms': '0' } };
}

const SLOW_MERGE_MS = 40 * 60_000;

const MORE = 5;

function retainingLess(store: MetadataStore): MetadataStore {
  return {
    ...store,
    write: async (writes) => {
      const [raise] = writes;
      const isRaise = raise !== undefined && Object.keys(setOf(raise)).some((name) => /^s\d+$/.test(name));
      if (!isRaise || !isHead(raise.key)) return store.write(writes);
      const head = (await store.get(raise.key, 'strong')) ?? {};
      const further = (set: Attributes) =>
        Object.fromEntries(
          Object.entries(set).map(([name, value]) => {
            const next = (head[nextAttribute(Number(name.slice(1)))] as number | undefined) ?? 0;
            return [name, Math.max(value as number, Math.min(next, (value as number) + MORE))];
          }),
        );
      return store.write([changing(raise, () => true, further)]);
    },
  };
}
