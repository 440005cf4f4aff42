import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { decodeHead, encodeHead, headKey, initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import { planRaise } from '../../../lib/log/retention/raise-starts.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

const SLOTS = topicLimits.partitionsPerLedgerMax;
const perSlot = (arbitrary: fc.Arbitrary<number>) => fc.array(arbitrary, { minLength: SLOTS, maxLength: SLOTS });

/** A head whose slots begin and end anywhere, and starts that are asked for within them. */
const raised = fc
  .tuple(perSlot(fc.nat({ max: 20 })), perSlot(fc.nat({ max: 20 })), perSlot(fc.nat({ max: 40 })))
  .chain(([start, length, to]) => {
    const next = start.map((from, slot) => from + (length[slot] as number));
    const head: LedgerHead = { ...initialHead(), version: 7, start, next };
    const starts = fc
      .uniqueArray(fc.nat({ max: SLOTS - 1 }))
      .map((slots) => new Map(slots.map((slot) => [slot, (to[slot] as number) % ((next[slot] as number) + 1)])));
    return fc.tuple(fc.constant(head), starts);
  });

async function stored(head: LedgerHead): Promise<MetadataStore> {
  const store = openSqliteMetadataStore({ path: ':memory:' });
  await store.write([{ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(head) }]);
  return store;
}

describe('raising log starts', () => {
  it('raises those that are below, lowers none, and touches nothing else but the version', async () => {
    await fc.assert(
      fc.asyncProperty(raised, async ([head, starts]) => {
        const write = planRaise(LEDGER, head, starts);
        const wanted = head.start.map((start, slot) => Math.max(start, starts.get(slot) ?? 0));
        const isRaised = wanted.some((start, slot) => start > (head.start[slot] as number));
        expect(write !== undefined).toBe(isRaised);
        const store = await stored(head);
        if (write !== undefined) await store.write([write]);
        expect(decodeHead((await store.get(headKey(LEDGER), 'strong')) ?? {})).toEqual({
          ...head,
          version: head.version + (isRaised ? 1 : 0),
          start: wanted,
        });
        await store.close();
      }),
      { numRuns: 50 },
    );
  });

  it('is refused where someone has raised one of them meanwhile, and where the ledger is gone', async () => {
    const next = Array<number>(SLOTS).fill(9);
    const head = { ...initialHead(), next };
    const write = planRaise(
      LEDGER,
      head,
      new Map([
        [0, 3],
        [1, 4],
      ]),
    );
    if (write === undefined) throw new Error('there is something to raise');
    const start = head.start.map((_, slot) => (slot === 1 ? 2 : 0));
    const meanwhile = await stored({ ...head, start });
    expect(await meanwhile.write([write])).toMatchObject({ outcome: 'refused', item: { s1: 2 } });
    await meanwhile.close();
    const gone = openSqliteMetadataStore({ path: ':memory:' });
    expect(await gone.write([write])).toMatchObject({ outcome: 'refused', item: undefined });
    await gone.close();
  });
});
