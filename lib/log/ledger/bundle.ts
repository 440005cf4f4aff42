/**
 * Bundles: many commits of one transaction to one ledger, appended as one entry of the tail.
 *
 * A transaction that was added to in many parts brings many commits to a ledger, which must all be appended by one write,
 * and a tail has room for few. So they are written before, as immutable items of the ledger, and the entry stands for all
 * of them: per slot the sum of their records and bytes and the newest of their timestamps. Offsets follow from these
 * counts as for any commit; the commits' own from where the entry's begin. To whoever does not read records (sealing,
 * offsets, high watermarks) an entry for a bundle is an entry.
 *
 * Keys: `ledger#<topicId>#<index>` / `bundle#<commit id of the entry, 18 hex digits>#<number, 3 digits>`. Attributes:
 *
 *     c   bytes   packed commits one after the other, each behind its length as a varint, in the order of their offsets
 *
 * The entry's id is fresh, and so no two bundles share an item. Its birth is that of its oldest commit: the sweeper's
 * fence, which the append is conditioned on, holds for all of them. A bundle that was written and not appended (a crash,
 * or a transaction that someone else committed meanwhile) is referred to by nothing and goes when the
 * check of what is stored comes by it.
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter, toHex } from '../../kernel/bytes.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { Run } from '../segment/footer.ts';
import { type Commit, idOf, packCommit, unpackCommit } from './commit.ts';
import { ledgerKey } from './head.ts';

/** An entry for a bundle. */
export type BundleEntry = Commit & { bundle: number };

export function isBundle(commit: Commit): commit is BundleEntry {
  return commit.bundle !== undefined;
}

export interface Bundle {
  entry: BundleEntry;
  /** Its items. */
  items: readonly Attributes[];
}

/** The commits in the order in which their records get offsets; `random` is fresh and has 8 bytes. */
export function bundleOf(commits: readonly Commit[], random: Uint8Array): Bundle {
  assert(commits.length > 0 && !commits.some(isBundle), 'a bundle is of commits');
  const items = packItems(commits);
  assert(items.length < 10 ** DIGITS, `a bundle of ${items.length} items`);
  const birthMs = commits.reduce((oldest, { object }) => Math.min(oldest, object.birthMs), Number.MAX_SAFE_INTEGER);
  const tier = commits.every((commit) => commit.tier === 'inline') ? 'inline' : 'segments';
  const object = { birthMs, random };
  return { entry: { tier, object, part: 0, position: 0, runs: summed(commits), bundle: items.length }, items };
}

function summed(commits: readonly Commit[]): Run[] {
  const bySlot = new Map<number, Run>();
  for (const { runs } of commits) {
    for (const { slot, bytes, records, maxTimestamp } of runs) {
      const sum = bySlot.get(slot);
      bySlot.set(slot, {
        slot,
        bytes: bytes + (sum?.bytes ?? 0),
        records: records + (sum?.records ?? 0),
        maxTimestamp: Math.max(maxTimestamp, sum?.maxTimestamp ?? maxTimestamp),
        crc32c: 0,
      });
    }
  }
  return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
}

function packItems(commits: readonly Commit[]): Attributes[] {
  const items: Attributes[] = [];
  let writer = new ByteWriter(1024);
  for (const commit of commits) {
    const packed = packCommit(commit);
    if (writer.length > 0 && writer.length + packed.length > transactionLimits.bundleItemBytesMax) {
      items.push({ c: writer.finish() });
      writer = new ByteWriter(1024);
    }
    writer.unsignedVarint(packed.length).bytes(packed);
  }
  items.push({ c: writer.finish() });
  return items;
}

const DIGITS = 3;

export function bundleKey(ledger: LedgerId, entry: BundleEntry, number: number): ItemKey {
  return {
    pk: ledgerKey(ledger),
    sk: `bundle#${toHex(idOf(entry))}#${String(number).padStart(DIGITS, '0')}`,
  };
}

export function isBundleKey({ sk }: ItemKey): boolean {
  return sk.startsWith('bundle#');
}

/** The id of the entry, as text, whose bundle has an item with this sort key. */
export function bundleIdIn(sk: string): string {
  return sk.slice('bundle#'.length, -DIGITS - 1);
}

/** The commits of one item. */
export function decodeBundleItem({ c }: Attributes): Commit[] {
  assert(c instanceof Uint8Array, 'an item of a bundle has c');
  const commits: Commit[] = [];
  for (const reader = new ByteReader(c); reader.remaining > 0; ) {
    commits.push(unpackCommit(reader.bytes(reader.unsignedVarint())));
  }
  return commits;
}

/** One write for each item; they are applied one by one, before the append, and may be repeated. */
export function planBundle(ledger: LedgerId, { entry, items }: Bundle): Write[] {
  return items.map((attributes, number) => ({ kind: 'put', key: bundleKey(ledger, entry, number), attributes }));
}
