import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packProducer } from '../../../lib/coordination/producers/producer-state.ts';
import type { KeptBatch } from '../../../lib/coordination/producers/sequences.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { idOf } from '../../../lib/log/ledger/commit.ts';
import {
  decodeHead,
  encodeHead,
  headKey,
  initialHead,
  type LedgerHead,
  recordsOf,
  tailStart,
} from '../../../lib/log/ledger/head.ts';
import { encodePage, pageKey } from '../../../lib/log/ledger/page.ts';
import { decodeAttributes, encodeAttributes } from '../../../lib/storage/metadata/item-codec.ts';
import { itemBytes } from '../../../lib/storage/metadata/item-size.ts';
import { head, LEDGER } from '../../support/ledger-arbitraries.ts';

describe('heads', () => {
  it('survive their item and its bytes in a store', () => {
    fc.assert(
      fc.property(head, (any) => {
        expect(decodeHead(encodeHead(any))).toEqual(any);
        expect(decodeHead(decodeAttributes(encodeAttributes(encodeHead(any))))).toEqual(any);
      }),
    );
  });

  it('begin with nothing, and have no attribute for a slot at 0', () => {
    const attributes = encodeHead(initialHead());
    expect(Object.keys(attributes).sort()).toEqual(['b', 'c', 'e', 'i', 'r', 't', 'v', 'w', 'x']);
    expect(decodeHead(attributes)).toEqual(initialHead());
    expect(headKey(LEDGER)).toEqual({ pk: `ledger#${LEDGER.topicId}#0`, sk: 'head' });
  });

  it.each([
    ['e', undefined, 'ledger attribute e is a number'],
    ['v', 'seven', 'ledger attribute v is a number'],
    ['t', undefined, 'ledger attribute t is a list'],
    ['t', ['text'], 'the list holds bytes'],
    ['r', [1], 'the list holds bytes'],
    ['c', ['one'], 'head.c holds numbers'],
    ['n3', 'three', 'ledger attribute n3 is a number'],
    ['m', '12', 'ledger attribute m is a number'],
    ['d', '12', 'ledger attribute d is a number'],
  ])('are not read where %s is %j', (name, value, reason) => {
    const attributes = { ...encodeHead(initialHead()), [name]: value };
    expect(() => decodeHead(attributes as ReturnType<typeof encodeHead>)).toThrow(reason);
  });

  it('know where the tail begins: the next offset without the records of the tail', () => {
    const tail = [realCommit(0, 2, 3_000), realCommit(1, 1, 1_000)];
    const any = { ...initialHead(), next: Array<number>(16).fill(50), tail };
    expect([0, 1, 2].map((slot) => tailStart(any, slot))).toEqual([46, 47, 50]);
    expect(recordsOf(tail[0] as Commit, 1)).toBe(3);
    expect(recordsOf(tail[1] as Commit, 1)).toBe(0);
  });
});

/** A commit of the size that real ones have: this many runs, each of `bytes`. */
function realCommit(index: number, runs: number, bytes: number): Commit {
  const random = seededRandom(index);
  const birthMs = 1_790_000_000_000 + index;
  return {
    tier: 'segments',
    object: { birthMs, random: random.bytes(8) },
    part: 0,
    position: 0,
    runs: Array.from({ length: runs }, (_, slot) => ({
      slot,
      bytes,
      records: Math.ceil(bytes / 1_024),
      maxTimestamp: birthMs - 250,
      crc32c: Math.floor(random.fraction() * 2 ** 32),
    })),
  };
}

/** A head in use for long: large offsets, a tail of this length, ids of as many commits a seal. */
function realHead(tailLength: number, runs: number, bytes = 65_536): LedgerHead {
  const commits = Array.from({ length: tailLength * (ledgerLimits.sealsRemembered + 1) }, (_, i) =>
    realCommit(i, runs, bytes),
  );
  return {
    ...initialHead(),
    version: 123_456_789,
    next: Array<number>(16).fill(0).fill(987_654_321, 0, runs),
    tail: commits.slice(-tailLength),
    recent: commits.map(idOf),
    recentSealed: Array<number>(ledgerLimits.sealsRemembered).fill(tailLength),
    sealed: 15_432_098,
    merged: 15_432_000,
    retired: 15_431_000,
    swept: 1_790_000_000_000,
    bytes: 12_345_678_901_234,
  };
}

/** Each with five batches of a hundred records in one partition, the newest of which is still said by its commit. */
function withProducers(any: LedgerHead, count: number): LedgerHead {
  const kept = (index: number): KeptBatch => ({
    records: 100,
    place:
      index < 4
        ? { at: 'offset', offset: 987_000_000 + index * 100 }
        : { at: 'commit', id: new Uint8Array(9), seen: any.sealed, before: 300 },
  });
  const batches = Array.from({ length: 5 }, (_, index) => kept(index));
  const slots = new Map([[0, { epoch: 0, firstSequence: 1_000_000, batches }]]);
  const packed = packProducer({ lastMs: 1_790_000_000_000, slots });
  const keys = Array.from({ length: count }, (_, i) => String(i).padStart(12, '_'));
  return { ...any, producers: new Map(keys.map((key) => [key, packed])) };
}

const headBytes = (head: LedgerHead) => itemBytes(headKey(LEDGER), encodeHead(head));

describe('sizes', () => {
  const sizes: Record<string, number> = {};

  it('a head stays small: about 1 KiB while seals keep up', () => {
    const { tailEntriesSeal } = ledgerLimits;
    sizes['fresh head'] = headBytes(initialHead());
    sizes['head, 1 partition, tail of 4'] = headBytes({ ...realHead(8, 1, 1_024), tail: realHead(4, 1, 1_024).tail });
    sizes['head, 1 partition, tail of 8'] = headBytes(realHead(tailEntriesSeal, 1, 1_024));
    sizes['head, 16 partitions, tail of 4'] = headBytes({ ...realHead(8, 16), tail: realHead(4, 16).tail });
    sizes['head, 16 partitions, tail of 8'] = headBytes(realHead(tailEntriesSeal, 16));
    sizes['head, 1 partition, tail of 8, 16 producers'] = headBytes(withProducers(realHead(8, 1, 1_024), 16));
    sizes['head, 16 partitions, tail of 8, 32 producers'] = headBytes(withProducers(realHead(8, 16), 32));
    expect(sizes['head, 1 partition, tail of 8']).toBeLessThan(1_024);
    expect(sizes['head, 1 partition, tail of 8, 16 producers']).toBeLessThan(2 * 1_024);
    expect(sizes['head, 16 partitions, tail of 8']).toBeLessThan(3 * 1_024);
  });

  it('a head is bounded: 64 tail entries of 16 runs, and ids of as many in every remembered seal', () => {
    const full = headBytes(realHead(ledgerLimits.tailEntriesMax, 16));
    sizes['fullest head in practice'] = full;
    expect(full).toBeLessThan(24 * 1_024);
    const worst = headBytes(worstHead());
    sizes['largest head there can be'] = worst;
    expect(worst).toBeLessThan(storageLimits.itemBytesMax / 8);
  });

  it('a page of the fullest tail is far below the limit of an item', () => {
    const { tail } = worstHead();
    const largest = Array<number>(16).fill(Number.MAX_SAFE_INTEGER - 1);
    const ordinary = realHead(8, 16).tail;
    const pageBytes = (commits: readonly Commit[]) =>
      itemBytes(
        pageKey(LEDGER, 10 ** 12 - 1),
        encodePage({ sequence: 10 ** 12 - 1, epoch: 2 ** 31, bases: largest, maxTimestamps: largest, commits }),
      );
    sizes['page, 16 partitions, 8 commits'] = pageBytes(ordinary);
    sizes['largest page there can be'] = pageBytes(tail);
    expect(pageBytes(tail)).toBeLessThan(storageLimits.itemBytesMax / 8);
  });

  it('prints them', () => {
    const lines = Object.entries(sizes).map(
      ([what, bytes]) => `  ${what.padEnd(46)} ${String(bytes).padStart(6)} bytes`,
    );
    console.log(`Items, by DynamoDB's measure:\n${lines.join('\n')}`);
    expect(lines).toHaveLength(11);
  });
});

/** Every number as long as it can be. */
function worstHead(): LedgerHead {
  const huge = realHead(ledgerLimits.tailEntriesMax, 16);
  const most = Number.MAX_SAFE_INTEGER;
  const largest = Array<number>(16).fill(most);
  const tail: Commit[] = [];
  for (const { runs, ...commit } of huge.tail) {
    const worst = (slot: number) => ({
      slot,
      bytes: most,
      records: most,
      maxTimestamp: topicLimits.timestampMsMax,
      crc32c: 1,
    });
    tail.push({ ...commit, position: most, runs: runs.map(({ slot }) => worst(slot)) });
  }
  return { ...huge, version: most, next: largest, start: largest, bytes: most, tail };
}
