import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeadCache } from '../../../lib/broker/ledger/head-cache.ts';
import { cacheLimits } from '../../../lib/kernel/limits/caches.ts';
import { encodeHead, initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { headOf, makeTopic } from '../../support/broker.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';
import { idle, ManualClock } from '../../support/manual-clock.ts';

const headAt = (version: number): LedgerHead => ({ ...initialHead(), version });

/** A table with one head, whose reads are answered when the test says so. */
class SlowTable {
  version = 1;
  readonly reads: PromiseWithResolvers<void>[] = [];

  readonly store = {
    get: async () => {
      const gate = Promise.withResolvers<void>();
      this.reads.push(gate);
      await gate.promise;
      return encodeHead(headAt(this.version));
    },
  } as unknown as MetadataStore;

  async answer(read: number): Promise<void> {
    this.reads[read]?.resolve();
    await idle();
  }
}

describe('HeadCache', () => {
  it('reads a head when none is known, and then knows it', async () => {
    const { broker, metadata, ledger } = await makeTopic();
    expect(broker.heads.peek(ledger)).toBeUndefined();
    const head = await broker.heads.known(ledger);
    expect(head).toEqual(await headOf(metadata, ledger));
    metadata.forget();
    expect(await broker.heads.known(ledger)).toBe(head);
    expect(broker.heads.peek(ledger)).toBe(head);
    expect(metadata.calls).toEqual([]);
  });

  it('reads strongly, and forgets a ledger that is not there', async () => {
    const { broker, metadata, ledger } = await makeTopic();
    await broker.heads.known(ledger);
    const other = { ...ledger, index: 9 };
    broker.heads.update(other, headAt(3));
    metadata.forget();
    expect(await broker.heads.strong(other)).toBeUndefined();
    expect(broker.heads.peek(other)).toBeUndefined();
    expect(broker.heads.peek(ledger)).toBeDefined();
    expect(metadata.calls).toEqual(['get head strong']);
  });

  it('keeps the newer of two heads, in whatever order they arrive, and never goes back', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 }), { minLength: 1 }), (versions) => {
        const cache = new HeadCache({ metadata: new SlowTable().store, clock: new ManualClock() });
        const told: number[] = [];
        cache.listen(LEDGER, (head) => void told.push(head?.version ?? -1));
        let newest = -1;
        for (const version of versions) {
          newest = Math.max(newest, version);
          expect(cache.update(LEDGER, headAt(version)).version).toBe(newest);
          expect(cache.peek(LEDGER)?.version).toBe(newest);
        }
        expect(told).toEqual([...new Set(told)].sort((a, b) => a - b)); // each newer one once
        expect(told.at(-1)).toBe(newest);
      }),
    );
  });
});

describe('a recent head', () => {
  const world = () => {
    const [table, clock] = [new SlowTable(), new ManualClock()];
    return { table, clock, cache: new HeadCache({ metadata: table.store, clock }) };
  };

  it('is one that was seen at most ten minutes ago, in whichever way', async () => {
    const { table, clock, cache } = world();
    expect(cache.recent(LEDGER)).toBeUndefined();
    const head = cache.update(LEDGER, headAt(1));
    await clock.advance(cacheLimits.headAgeMsMax);
    expect(cache.recent(LEDGER)).toBe(head);
    await clock.advance(1);
    expect(cache.recent(LEDGER)).toBeUndefined();
    expect(cache.peek(LEDGER)).toBe(head);
    // The same head, seen again.
    cache.update(LEDGER, headAt(1));
    expect(cache.recent(LEDGER)).toBe(head);
    await clock.advance(cacheLimits.headAgeMsMax);
    const read = cache.strong(LEDGER);
    await table.answer(0);
    expect(await read).toBe(head);
    await clock.advance(cacheLimits.headAgeMsMax);
    expect(cache.recent(LEDGER)).toBe(head);
  });

  it('is as old as the beginning of its read', async () => {
    const { table, clock, cache } = world();
    const read = cache.strong(LEDGER);
    await clock.advance(cacheLimits.headAgeMsMax);
    await table.answer(0);
    expect(cache.recent(LEDGER)).toBe(await read);
    await clock.advance(1);
    expect(cache.recent(LEDGER)).toBeUndefined();
  });

  it('is not renewed by an older one', async () => {
    const { clock, cache } = world();
    cache.update(LEDGER, headAt(2));
    await clock.advance(cacheLimits.headAgeMsMax + 1);
    cache.update(LEDGER, headAt(1));
    expect(cache.recent(LEDGER)).toBeUndefined();
  });
});

describe('strong reads', () => {
  it('are shared only by those who asked before the read began', async () => {
    const table = new SlowTable();
    const cache = new HeadCache({ metadata: table.store, clock: new ManualClock() });
    const first = cache.strong(LEDGER);
    const during = [cache.strong(LEDGER), cache.strong(LEDGER)];
    expect(table.reads).toHaveLength(1);
    await table.answer(0);
    expect((await first)?.version).toBe(1);
    expect(table.reads).toHaveLength(2);
    table.version = 2; // before the second read is answered, after it was asked for
    const later = cache.strong(LEDGER);
    await table.answer(1);
    expect((await Promise.all(during)).map((head) => head?.version)).toEqual([2, 2]);
    expect(table.reads).toHaveLength(3);
    await table.answer(2);
    expect((await later)?.version).toBe(2);
    const alone = cache.strong(LEDGER);
    expect(table.reads).toHaveLength(4);
    await table.answer(3);
    await alone;
  });

  it('show everything that was written before they were asked for, whatever the timing', async () => {
    const action = fc.constantFrom('ask', 'write', 'answer', 'pause');
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const table = new SlowTable();
        const cache = new HeadCache({ metadata: table.store, clock: new ManualClock() });
        const asked: Promise<[number, LedgerHead | undefined]>[] = [];
        let answered = 0;
        for (const what of actions) {
          const { version } = table;
          if (what === 'ask') {
            asked.push(cache.strong(LEDGER).then((head) => [version, head]));
          } else if (what === 'write') {
            table.version++;
          } else if (what === 'answer' && answered < table.reads.length) {
            table.reads[answered++]?.resolve();
          } else {
            await idle();
          }
        }
        // A crowd costs at most one read beside the one under way, so this ends.
        await idle();
        while (answered < table.reads.length) await table.answer(answered++);
        const answers = await Promise.all(asked);
        expect(answers.filter(([version, head]) => (head?.version ?? 0) < version)).toEqual([]);
        expect(table.reads.length).toBeLessThanOrEqual(asked.length);
      }),
    );
  });

  it('cost a crowd two', async () => {
    const table = new SlowTable();
    const cache = new HeadCache({ metadata: table.store, clock: new ManualClock() });
    const crowd = Array.from({ length: 100 }, () => cache.strong(LEDGER));
    await table.answer(0);
    await table.answer(1);
    await Promise.all(crowd);
    expect(table.reads).toHaveLength(2);
  });

  it('fail for those who share them, and nobody else', async () => {
    const table = new SlowTable();
    const cache = new HeadCache({ metadata: table.store, clock: new ManualClock() });
    const first = cache.strong(LEDGER).catch((error: unknown) => error);
    const second = cache.strong(LEDGER);
    table.reads[0]?.reject(new Error('no answer'));
    await idle();
    expect(await first).toEqual(new Error('no answer'));
    await table.answer(1);
    expect((await second)?.version).toBe(1);
  });
});

describe('listeners', () => {
  it('hear of newer heads until they stop, each on its own', () => {
    const cache = new HeadCache({ metadata: new SlowTable().store, clock: new ManualClock() });
    const heard: string[] = [];
    const stopA = cache.listen(LEDGER, (head) => void heard.push(`a${head?.version}`));
    const stopB = cache.listen(LEDGER, (head) => void heard.push(`b${head?.version}`));
    cache.update(LEDGER, headAt(1));
    cache.update({ ...LEDGER, index: 1 }, headAt(2));
    stopA();
    stopA();
    cache.update(LEDGER, headAt(3));
    stopB();
    cache.update(LEDGER, headAt(4));
    expect(heard).toEqual(['a1', 'b1', 'b3']);
  });

  it('hear that a ledger is gone', () => {
    const cache = new HeadCache({ metadata: new SlowTable().store, clock: new ManualClock() });
    const heard: unknown[] = [];
    cache.listen(LEDGER, (head) => void heard.push(head));
    cache.drop(LEDGER);
    expect(heard).toEqual([undefined]);
  });
});
