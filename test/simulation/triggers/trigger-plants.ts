/**
 * Planted bugs of triggers; see plants.ts. What they undo lies in the lease's item, or in what dispatchers are made
 * with.
 */
import { OFFSETS_PREFIX } from '../../../lib/coordination/groups/offsets-item.ts';
import { leasesKey } from '../../../lib/coordination/triggers/lease-item.ts';
import type { Attributes, ItemKey, Value, Write } from '../../../lib/kernel/items.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import type { StoredTrigger } from '../../../lib/triggers/ports.ts';
import type { Plant, PlantSite } from '../plants.ts';
import { rewriting, withoutConditions } from '../rewritten-stores.ts';
import { forgettingHalves, trustingAnswers } from './planted-delivery.ts';

export const triggerPlants = {
  'trigger-lease-not-waited-out': {
    about: 'takes a lease without waiting until its holder’s invocation has ended',
    kind: 'triggers',
    metadata: readingLeases((lease) => ({ ...lease, u: 1 })),
  },
  'trigger-commit-unfenced': {
    about: 'commits what was delivered also where the lease is someone else’s by now',
    kind: 'triggers',
    metadata: (store) => ({
      ...store,
      write: (writes) => store.write(isDelivery(writes) ? writes.map((write) => withoutConditions(write)) : writes),
    }),
  },
  'trigger-release-blindly': {
    about: 'gives a lease back whatever is wanted, and does not look after that whether something has come',
    kind: 'triggers',
    metadata: releasingBlindly,
  },
  'trigger-attempt-uncounted': {
    about: 'counts an attempt only when its end is heard',
    kind: 'triggers',
    metadata: rewriting((write) =>
      changingLease(write, (set) => ({ ...set, ...lanesIn(set, (lane) => without(lane, 'u')) })),
    ),
  },
  'trigger-foreign-failure-ignored': {
    about: 'takes failures of records that were not in the batch, and what cannot be read, for success',
    kind: 'triggers',
    delivery: trustingAnswers,
  },
  'trigger-half-skipped': {
    about: 'goes on behind a halved batch when its first half is done',
    kind: 'triggers',
    delivery: forgettingHalves,
  },
  'trigger-commit-past-a-lane': {
    about: 'commits as far as the lane that is farthest',
    kind: 'triggers',
    metadata: committing((set) => Math.max(...lanesOf(set).map(({ n }) => n as number))),
  },
  'trigger-destination-failure-ignored': {
    about: 'goes on behind records that the destination did not take',
    kind: 'triggers',
    delivery: (ports) => ({
      ...ports,
      destinations: { send: (failed) => ports.destinations.send(failed).catch(() => {}) },
    }),
  },
  'trigger-disabling-unnoticed': {
    about: 'keeps a trigger in memory for as long as the process lives',
    kind: 'triggers',
    delivery: (ports) => {
      const known = new Map<string, StoredTrigger>();
      return {
        ...ports,
        readTrigger: async (name) => {
          const found = known.get(name) ?? (await ports.readTrigger(name));
          if (found?.trigger.enabled === true) known.set(name, found);
          return found;
        },
      };
    },
  },
  'trigger-wake-up-trusted': {
    about: 'takes what a wake-up said for the end that it has reached',
    kind: 'triggers',
    metadata: trustingWakeUps,
  },
  'trigger-window-forgotten': {
    about: 'begins a window anew where another dispatcher had it before',
    kind: 'triggers',
    metadata: readingLeases((lease) => without(lease, 'wx')),
  },
} as const satisfies Record<string, Plant>;

const LEASES = leasesKey('');

function without<T extends object>(attributes: T, name: string): T {
  return Object.fromEntries(Object.entries(attributes).filter(([other]) => other !== name)) as T;
}

function isLease({ pk }: ItemKey): boolean {
  return pk.startsWith(LEASES);
}

function isOffsets({ sk }: ItemKey): boolean {
  return sk.startsWith(OFFSETS_PREFIX);
}

/** A lease together with the offset that was reached. */
function isDelivery(writes: readonly Write[]): boolean {
  const [lease, offset] = writes;
  return (
    writes.length === 2 && lease !== undefined && isLease(lease.key) && offset !== undefined && isOffsets(offset.key)
  );
}

function readingLeases(reading: (lease: Attributes) => Attributes): (store: MetadataStore) => MetadataStore {
  return (store) => ({
    ...store,
    get: async (key, consistency) => {
      const item = await store.get(key, consistency);
      return item !== undefined && isLease(key) ? reading(item) : item;
    },
  });
}

function changingLease(write: Write, change: (set: Attributes) => Attributes): Write {
  if (!isLease(write.key) || write.kind !== 'update' || write.changes.set?.['l'] === undefined) return write;
  return { ...write, changes: { ...write.changes, set: change(write.changes.set) } };
}

type Lane = { [name: string]: Value };

function lanesOf(set: Attributes): Lane[] {
  return set['l'] as Lane[];
}

function lanesIn(set: Attributes, change: (lane: Lane) => Lane): Attributes {
  return { l: lanesOf(set).map(change) };
}

/** Every commit is of another offset than it should be, in the lease as in the group. */
function committing(offsetOf: (set: Attributes, key: ItemKey) => number): (store: MetadataStore) => MetadataStore {
  return (store) => ({
    ...store,
    write: (writes) => {
      const [lease, offset] = writes;
      if (!isDelivery(writes) || lease?.kind !== 'update' || offset?.kind !== 'update') return store.write(writes);
      const to = offsetOf(lease.changes.set ?? {}, lease.key);
      const set = Object.fromEntries(
        Object.entries(offset.changes.set ?? {}).map(([name, value]) => [name, name.startsWith('o') ? to : value]),
      );
      const later = { ...offset, changes: { ...offset.changes, set }, conditions: [] };
      return store.write([changingLease(lease, (kept) => ({ ...kept, c: to })), later]);
    },
  });
}

/** `wanted`, as it was when the lease was taken. */
function trustingWakeUps(store: MetadataStore): MetadataStore {
  const wanted = new Map<string, number>();
  const nameOf = ({ pk, sk }: ItemKey) => `${pk} ${sk}`;
  const commits = committing((set, key) => Math.max(wanted.get(nameOf(key)) ?? 0, set['c'] as number))(store);
  return {
    ...store,
    write: (writes) => {
      for (const write of writes) {
        const w = write.kind === 'update' && isLease(write.key) ? write.changes.set?.['w'] : undefined;
        if (typeof w === 'number') wanted.set(nameOf(write.key), w);
      }
      return commits.write(writes);
    },
  };
}

/** The look at the head that follows a release at once is at what was known before it. */
function releasingBlindly(store: MetadataStore, { scheduler }: PlantSite): MetadataStore {
  const heads = new Map<string, Attributes>();
  let releasedMs: number | undefined;
  return {
    ...store,
    get: async (key, consistency) => {
      const known = heads.get(key.pk);
      if (key.sk === 'head' && releasedMs === scheduler.nowMs && known !== undefined) return known;
      const item = await store.get(key, consistency);
      if (key.sk === 'head' && item !== undefined) heads.set(key.pk, item);
      return item;
    },
    write: async (writes) => {
      const isRelease = writes.some(isReleaseOfLease);
      const result = await store.write(
        writes.map((write) =>
          isReleaseOfLease(write) ? withoutConditions(write, ({ clause }) => clause === 'at-most') : write,
        ),
      );
      if (isRelease) releasedMs = scheduler.nowMs;
      return result;
    },
  };
}

function isReleaseOfLease(write: Write): boolean {
  return isLease(write.key) && write.kind === 'update' && write.changes.set?.['u'] === 0;
}
