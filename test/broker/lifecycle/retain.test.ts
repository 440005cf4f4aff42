import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retainLedger } from '../../../lib/broker/lifecycle/retain.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { newObjectId } from '../../../lib/kernel/ids.ts';
import type { Attributes } from '../../../lib/kernel/items.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { headKey, tailStart } from '../../../lib/log/ledger/head.ts';
import { decodePage, type Page, pageEnd, pageKey } from '../../../lib/log/ledger/page.ts';
import { encodeSegmentItem, segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { type LogPiece, pagePiece, tailPiece } from '../../../lib/log/retention/piece.ts';
import type { TopicConfigInput } from '../../../lib/log/topic/config.ts';
import { headOf, makeTopic, type Process, record, settled } from '../../support/broker.ts';
import { readingWorld } from '../../support/reading-world.ts';

const BASE = Date.UTC(2026, 0, 1);
const SECOND = 1_000;

type World = Process & { ledger: LedgerId };

/** Records one by one, with times in seconds from the beginning. */
async function produce({ broker }: World, partition: number, ...seconds: number[]) {
  for (const second of seconds) {
    const batches = encodeBatch([record('x', { timestamp: BASE + second * SECOND })]);
    await produceBatches(broker, { topic: 't', partition, batches, acks: 'all' });
    await settled(broker);
  }
}

/** Timestamps are as old as a test wants them: the clock stands at the beginning, and the topic takes any. */
const world = (config: TopicConfigInput, partitions = 2): Promise<World> =>
  makeTopic({ partitions, config: { 'message.timestamp.after.max.ms': 10 ** 12, ...config } });

async function retain({ broker, ledger }: World, nowSecond: number) {
  const at = { ...broker, clock: { ...broker.clock, now: () => BASE + nowSecond * SECOND } };
  return retainLedger(at, await broker.topics.getFresh('t'), ledger);
}

async function pagesOf({ metadata, ledger }: World): Promise<Page[]> {
  const { sealed } = await headOf(metadata, ledger);
  const pages: Page[] = [];
  for (let sequence = 0; sequence < sealed; sequence++) {
    pages.push(decodePage(sequence, (await metadata.get(pageKey(ledger, sequence), 'strong')) as Attributes));
  }
  return pages;
}

/** All that the ledger has of the slot, as retention is to see it. */
async function piecesOf(of: World, slot: number): Promise<LogPiece[]> {
  const pages = (await pagesOf(of)).map((page) => pagePiece(page, slot));
  return [...pages, tailPiece(await headOf(of.metadata, of.ledger), slot)].filter((piece) => piece !== undefined);
}

const upTo = (count: number) => Array.from({ length: count }, (_, second) => second);

describe('retention of a ledger', () => {
  it('moves the log start over whole pages that are too old, and no further', async () => {
    const of = await world({ 'retention.ms': 10 * SECOND });
    await produce(of, 0, ...upTo(30));
    const pages = await pagesOf(of);
    expect(pages.length).toBeGreaterThan(2);
    // Just before the last record of the second page is too old, and just after.
    const end = pageEnd(pages[1] as Page, 0);
    expect(await retain(of, end - 1 + 10)).toEqual([{ partition: 0, from: 0, to: pageEnd(pages[0] as Page, 0) }]);
    expect(await retain(of, end + 10)).toEqual([{ partition: 0, from: pageEnd(pages[0] as Page, 0), to: end }]);
    expect(await retain(of, end + 10)).toEqual([]);
    expect((await headOf(of.metadata, of.ledger)).start[0]).toBe(end);
  });

  it('lets the tail go when all of it is too old, so that nothing is left', async () => {
    const of = await world({ 'retention.ms': 10 * SECOND });
    await produce(of, 0, ...upTo(12));
    const head = await headOf(of.metadata, of.ledger);
    expect(tailStart(head, 0)).toBeLessThan(12);
    await retain(of, 11 + 10);
    expect((await headOf(of.metadata, of.ledger)).start[0]).toBe(tailStart(head, 0));
    expect(await retain(of, 11 + 11)).toEqual([{ partition: 0, from: tailStart(head, 0), to: 12 }]);
    expect(await retain(of, 1_000)).toEqual([]);
    await produce(of, 0, 2_000);
    expect(await retain(of, 2_000)).toEqual([]);
  });

  it('keeps the newest pieces that hold as many bytes as are to be kept', async () => {
    const whole = await world({});
    await produce(whole, 0, ...upTo(30));
    const pieces = await piecesOf(whole, 0);
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    const kept = (pieces.at(-1)?.bytes ?? 0) + (pieces.at(-2)?.bytes ?? 0);
    for (const [retentionBytes, start] of [
      [bytes, 0],
      [bytes - 1, 0],
      [bytes - (pieces[0]?.bytes ?? 0), pieces[0]?.end],
      [kept + 1, pieces.at(-3)?.base],
      [kept, pieces.at(-2)?.base],
      [1, pieces.at(-1)?.base],
      [0, 30],
    ] as const) {
      const of = await world({ 'retention.ms': -1, 'retention.bytes': retentionBytes });
      await produce(of, 0, ...upTo(30));
      await retain(of, 0);
      expect((await headOf(of.metadata, of.ledger)).start[0], `${retentionBytes}`).toBe(start);
    }
  });

  it('holds each partition to its own records, with one write', async () => {
    const of = await world({ 'retention.ms': 10 * SECOND }, 4);
    // The first is held up by a record of the future in its first page; the third begins late; the fourth is empty.
    await produce(of, 0, 1_000_000);
    await produce(of, 1, ...upTo(20));
    await produce(of, 0, ...upTo(20));
    await produce(of, 2, ...upTo(20));
    of.metadata.forget();
    const moved = await retain(of, 500);
    expect(moved).toEqual([
      { partition: 1, from: 0, to: 20 },
      { partition: 2, from: 0, to: 20 },
    ]);
    expect(of.metadata.count('write')).toBe(1);
  });

  it('goes through segments first, where pages are merged', async () => {
    const of = await world({ 'retention.ms': 10 * SECOND, 'retention.bytes': 10_000 });
    await produce(of, 0, ...upTo(40));
    const pages = await pagesOf(of);
    const merged = 3;
    const end = pages[merged]?.bases[0] ?? 0;
    const random = seededRandom(5);
    const segment = async (base: number, to: number, bytes: number) => {
      const [newestMs, oldestMs] = [BASE + (to - 1) * SECOND, BASE + base * SECOND];
      const object = newObjectId(BASE, random);
      const item = { partition: 0, base, end: to, object, bytes, footerBytes: 9, records: to - base, level: 0 };
      const attributes = encodeSegmentItem({ ...item, newestMs, oldestMs });
      await of.metadata.write([{ kind: 'put', key: segmentKey(of.ledger.topicId, item), attributes }]);
    };
    await segment(0, 5, 100);
    await segment(5, 9, 9_000);
    await segment(9, end, 8_000);
    await of.metadata.write([
      { kind: 'update', key: headKey(of.ledger), changes: { set: { m: merged, b: 50_000 }, add: { v: 1 } } },
    ]);
    // By size: the pages hold little, with the third segment still not enough, with the second it is.
    expect(await retain(of, 0)).toEqual([{ partition: 0, from: 0, to: 5 }]);
    expect(await retain(of, 8 + 10)).toEqual([]);
    expect(await retain(of, 8 + 11)).toEqual([{ partition: 0, from: 5, to: 9 }]);
    // On through the last segment into the pages.
    const next = pages[merged + 1]?.bases[0] ?? 0;
    expect(await retain(of, next + 10)).toEqual([{ partition: 0, from: 9, to: next }]);
    expect(await retain(of, 1_000)).toEqual([{ partition: 0, from: next, to: 40 }]);
  });

  it('does what the pieces say, whatever the log and wherever it begins', async () => {
    const records = fc.array(
      fc.record({ partition: fc.nat({ max: 1 }), second: fc.nat({ max: 30 }) }),
      { minLength: 1, maxLength: 40 }, // some pages
    );
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.nat(),
        fc.nat({ max: 20 }),
        fc.integer({ min: -1, max: 3_000 }),
        async (list, at, seconds, bytes) => {
          const of = await world({ 'retention.ms': seconds * SECOND, 'retention.bytes': bytes });
          for (const { partition, second } of list) await produce(of, partition, second);
          const before = await headOf(of.metadata, of.ledger);
          const start = at % ((before.next[0] as number) + 1);
          if (start > 0) {
            await of.metadata.write([
              { kind: 'update', key: headKey(of.ledger), changes: { set: { s0: start }, add: { v: 1 } } },
            ]);
          }
          await retain(of, 25);
          const after = await headOf(of.metadata, of.ledger);
          for (const slot of [0, 1]) {
            const from = slot === 0 ? start : 0;
            const pieces = await piecesOf(of, slot);
            const alive = pieces.filter(({ end }) => end > from);
            const old = alive.findIndex(({ newestMs }) => 25 * SECOND - (newestMs - BASE) <= seconds * SECOND);
            const byAge = old === -1 ? (alive.at(-1)?.end ?? from) : Math.max(from, alive[old]?.base ?? from);
            let kept = 0;
            let bySize = before.next[slot] as number;
            for (const piece of pieces.toReversed()) {
              if (kept >= bytes) break;
              kept += piece.bytes;
              bySize = piece.base;
            }
            const expected = Math.max(from, byAge, bytes < 0 || kept < bytes ? 0 : bySize);
            expect(after.start[slot]).toBe(expected);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('waits for what not all replicas in sync have', async () => {
    const configs: TopicConfigInput[] = [{ 'retention.ms': 0 }, { 'retention.ms': -1, 'retention.bytes': 0 }];
    for (const config of configs) {
      const of = await readingWorld();
      await alterTopic(of.broker, 't', { config });
      await of.append({ values: ['a'] });
      await of.append({ values: ['b'], holders: 0b001 });
      expect(await retain(of, 10 ** 6)).toEqual([]);
      await of.raise(1, 2);
      await of.raise(2, 2);
      expect(await retain(of, 10 ** 6)).toEqual([{ partition: 0, from: 0, to: 2 }]);
    }
  });

  it('moves nothing of topics that keep all, and nothing of a ledger that is gone', async () => {
    const of = await world({ 'cleanup.policy': 'compact', 'retention.ms': 0 });
    const batches = encodeBatch([record('x', { key: new Uint8Array(1), timestamp: BASE })]);
    await produceBatches(of.broker, { topic: 't', partition: 0, batches, acks: 'all' });
    expect(await retain(of, 10 ** 6)).toEqual([]);
    const gone = await world({ 'retention.ms': 0 });
    const topic = await gone.broker.topics.getFresh('t');
    expect(await retainLedger(gone.broker, topic, { ...gone.ledger, index: 7 })).toEqual([]);
  });
});
