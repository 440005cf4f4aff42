/** Planted bugs of replicated ledgers; see plants.ts. */
import { sealable } from '../../lib/broker/ledger/replicated.ts';
import { packProducer, unpackProducer } from '../../lib/coordination/producers/producer-state.ts';
import type { Place } from '../../lib/coordination/producers/sequences.ts';
import { bytesEqual } from '../../lib/kernel/bytes.ts';
import type { Attributes, Condition, ItemKey, Value, Write } from '../../lib/kernel/items.ts';
import { idOf, packCommit, unpackCommit } from '../../lib/log/ledger/commit.ts';
import { decodeHead, GAPS_ATTRIBUTE, nextAttribute } from '../../lib/log/ledger/head.ts';
import { decodePage, encodePage } from '../../lib/log/ledger/page.ts';
import { pageOf } from '../../lib/log/ledger/seal.ts';
import type { MetadataStore, WriteResult } from '../../lib/storage/metadata/port.ts';
import type { Plant, PlantSite } from './plants.ts';
import { rewriting, withoutConditions } from './rewritten-stores.ts';
import { delegating, type TableAccess } from './stores.ts';
import { isProducerItem } from './table-watch.ts';

const EVERYONE = 0b111;

const plants = {
  'leader-epoch-unchecked': {
    about: 'appends whoever leads by now',
    table: (table) => judging(table, isAppend, (write, { e }) => (isOf(write, 'e', e) ? write : unfenced(write))),
  },
  'in-sync-set-unchecked': {
    about: 'appends whoever is in sync by now',
    metadata: slowly(isAppend, 1_500),
    table: (table) =>
      judging(table, isAppend, (write, { e }) => (isOf(write, 'e', e) ? withoutConditions(write, isOnSet) : write)),
  },
  'join-of-older-head': {
    about: 'lets a replica join whatever was appended since the head was looked at',
    metadata: (store, site) =>
      slowly(isChange, 1_500)(
        rewriting((write) => (isChange(write) ? withoutConditions(write, isOnVersion) : write))(store),
        site,
      ),
  },
  'sequences-outlive-cut': {
    about: 'leaves the sequences of producers as they are where an election cuts off their batches',
    metadata: rewriting((write) => {
      if (!isHead(write) || !isElection(write)) return write;
      const kept = Object.entries(write.changes.set ?? {}).filter(([name]) => !name.startsWith('p'));
      return { ...write, changes: { ...write.changes, set: Object.fromEntries(kept) } };
    }),
  },
  'batches-named-by-offset': {
    about: 'names the batches of producers by offsets that an election may still cut off',
    table: (table) => ({
      ...delegating(table),
      write: async (writes) => {
        const [append] = writes;
        const head = append && isHead(append) && isAppend(append) ? await table.get(append.key, 'strong') : undefined;
        return table.write(head?.['q'] === undefined ? writes : writes.map((write) => placed(write, append, head)));
      },
    }),
  },
  'ack-above-gap': {
    about: 'answers when all have the records themselves, whatever they lack below',
    metadata: (store) => ({
      ...store,
      write: async (writes): Promise<WriteResult> => {
        const result = await store.write(writes);
        const [write] = writes;
        if (result.outcome === 'refused' || write === undefined || !isAppend(write)) return result;
        return { ...result, ...(result.item && { item: heldByAll(result.item) }) };
      },
    }),
  },
  'unclean-election-always': {
    about: 'elects replicas that are not in sync where the topic does not allow it',
    rules: (rules) => ({ ...rules, uncleanAllowed: true }),
  },
  'cursor-of-older-set': {
    about: 'raises cursors to numbers of commits that an election has given to others since',
    metadata: (store, site) =>
      slowly(isCursor, 15_000, 1)(rewriting((write) => (isCursor(write) ? unfenced(write) : write))(store), site),
  },
  'seal-above-high-watermark': {
    about: 'seals all of the tail, also what is above the high watermark',
    metadata: (store) => ({
      ...store,
      write: async (writes): Promise<WriteResult> => {
        const [page] = writes;
        if (page?.kind !== 'put' || !page.key.sk.startsWith('page#')) return store.write(writes);
        return sealAll(store, page);
      },
    }),
  },
  'reads-above-high-watermark': {
    about: 'shows readers all that is appended',
    metadata: (store, { process }) => ({
      ...store,
      get: async (key, consistency) => {
        const item = await store.get(key, consistency);
        return item !== undefined && key.sk === 'head' && process.name.startsWith('reader') ? asSingle(item) : item;
      },
    }),
  },
  'transaction-above-gap': {
    about: 'commits transactions whatever is missing below, in one of their ledgers, in a replica in sync',
    metadata: (store, site) =>
      slowly(isGapless, 1_500)(rewriting((write) => withoutConditions(write, isOnGaps))(store), site),
  },
  'copies-not-stored': {
    about: 'counts copies as held that were never stored',
    bucket: (store, { process }: PlantSite) => ({
      ...store,
      put: async (name, chunks) => {
        if (!process.name.startsWith('caretaker')) await store.put(name, chunks);
      },
    }),
  },
} as const satisfies Record<string, Plant>;

/** Histories of others have nothing in which these could show. */
export const replicationPlants = Object.fromEntries(
  Object.entries<Plant>(plants).map(([name, plant]) => [name, { ...plant, kind: 'replicas' as const }]),
) as Record<keyof typeof plants, Plant>;

type Update = Extract<Write, { kind: 'update' }>;

function isHead(write: Write): write is Update {
  return write.kind === 'update' && write.key.sk === 'head';
}

function isAppend(write: Write): boolean {
  return isHead(write) && write.changes.append?.['t'] !== undefined;
}

function isElection({ changes }: Update): boolean {
  return changes.add?.['e'] !== undefined;
}

function isCursor(write: Write): boolean {
  const names = isHead(write) ? Object.keys(write.changes.set ?? {}) : [];
  return names.length > 0 && names.every((name) => /^k\d$/.test(name));
}

/** Of the in-sync set, not of the leader. */
function isChange(write: Write): boolean {
  return isHead(write) && write.changes.set?.['q'] !== undefined && !isElection(write);
}

function isGapless({ conditions = [] }: Write): boolean {
  return conditions.some(isOnGaps);
}

function isOnGaps(condition: Condition): boolean {
  return 'attribute' in condition && condition.attribute === GAPS_ATTRIBUTE;
}

function isOnVersion(condition: Condition): boolean {
  return condition.clause === 'equals' && condition.attribute === 'v';
}

function isOnSet(condition: Condition): boolean {
  return 'attribute' in condition && condition.attribute === 'i';
}

function unfenced(write: Write): Write {
  return withoutConditions(write, (one) => isOnSet(one) || ('attribute' in one && one.attribute === 'e'));
}

function isOf({ conditions = [] }: Write, attribute: string, value: Value | undefined): boolean {
  return conditions.some((one) => one.clause === 'equals' && one.attribute === attribute && one.value === value);
}

/** Lets some of these writes begin late, as any may: the more happens before. */
function slowly(wanted: (write: Write) => boolean, delayMsMax: number, share = 0.5) {
  return (store: MetadataStore, { scheduler, process }: PlantSite): MetadataStore => ({
    ...store,
    write: async (writes) => {
      const { random } = scheduler;
      if (writes.some(wanted) && random.fraction() < share)
        await scheduler.pause(process, random.fraction() * delayMsMax);
      return store.write(writes);
    },
  });
}

/** Rewrites what is `wanted` by the item that it meets. */
function judging(
  table: TableAccess,
  wanted: (write: Write) => boolean,
  rewrite: (write: Write, item: Attributes) => Write,
): TableAccess {
  const judge = async (write: Write) => {
    const item = wanted(write) ? await table.get(write.key, 'strong') : undefined;
    return item?.['q'] === undefined ? write : rewrite(write, item);
  };
  return { ...delegating(table), write: async (writes) => table.write(await Promise.all(writes.map(judge))) };
}

/** The batches of the append's own commit are where it is about to be put. */
function placed(write: Write, append: Write | undefined, head: Attributes): Write {
  const ids = append?.kind === 'update' ? (append.changes.append?.['r'] ?? []) : [];
  const place = (slot: number, place: Place): Place => {
    if (place.at === 'offset' || !ids.some((id) => id instanceof Uint8Array && bytesEqual(id, place.id))) return place;
    const next = (head[nextAttribute(slot)] as number | undefined) ?? 0;
    return { at: 'offset', offset: next + place.before };
  };
  const rename = (packed: Value) => {
    const { lastMs, slots } = unpackProducer(packed as Uint8Array);
    const renamed = [...slots].map(([slot, { batches, ...rest }]) => {
      return [slot, { ...rest, batches: batches.map((one) => ({ ...one, place: place(slot, one.place) })) }] as const;
    });
    return packProducer({ lastMs, slots: new Map(renamed) });
  };
  if (write.kind === 'put' && isProducerItem(write.key)) {
    return { ...write, attributes: { s: rename(write.attributes['s'] as Value) } };
  }
  if (!isHead(write) || write.changes.set === undefined) return write;
  const set = Object.entries(write.changes.set).map(([name, value]) => {
    return [name, name.startsWith('p') ? rename(value) : value] as const;
  });
  return { ...write, changes: { ...write.changes, set: Object.fromEntries(set) } };
}

function heldByAll(item: Attributes): Attributes {
  const { t } = item;
  if (item['q'] === undefined || !Array.isArray(t)) return item;
  const tail = t.map((packed) => {
    const commit = unpackCommit(packed as Uint8Array);
    return packCommit({
      ...commit,
      ...(commit.replicated && { replicated: { ...commit.replicated, holders: EVERYONE } }),
    });
  });
  return { ...item, t: tail };
}

/** In the place of the page that was asked for; who asked finds it there, as if somebody else had been first. */
async function sealAll(store: MetadataStore, write: Extract<Write, { kind: 'put' }>): Promise<WriteResult> {
  const key: ItemKey = { pk: write.key.pk, sk: 'head' };
  const page = decodePage(Number(write.key.sk.slice('page#'.length)), write.attributes);
  const item = await store.get(key, 'strong');
  const head = item && decodeHead(item);
  const [first] = page.commits;
  const isFirst = first !== undefined && head?.tail[0] !== undefined && bytesEqual(idOf(first), idOf(head.tail[0]));
  if (head === undefined || !isFirst || sealable(head) === head.tail.length) return store.write([write]);
  const previous = page.sequence === 0 ? undefined : { ...page, sequence: page.sequence - 1 };
  const attributes = encodePage(pageOf(head, previous));
  const result = await store.write([{ ...write, attributes }]);
  return result.outcome === 'applied' ? { outcome: 'refused', index: 0, item: attributes } : result;
}

/** The head as that of a ledger without replicas. */
function asSingle(item: Attributes): Attributes {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !/^(q|g|k\d)$/.test(name)));
}
