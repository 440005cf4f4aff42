import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { highWatermark } from '../../../lib/broker/ledger/replicated.ts';
import { readOrder, visibleInTail } from '../../../lib/broker/read/visible.ts';
import { encodeReplication, initialReplication } from '../../../lib/coordination/replication/replica-state.ts';
import { type Commit, packCommit, unpackCommit } from '../../../lib/log/ledger/commit.ts';
import { initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';

interface Appended {
  holders: number;
  inline: boolean;
  slot: number;
  records: number;
}

const appended = fc.record({
  holders: fc.integer({ min: 0, max: 7 }).map((mask) => mask | 1), // the leader holds everything
  inline: fc.boolean(),
  slot: fc.integer({ min: 0, max: 1 }),
  records: fc.integer({ min: 1, max: 5 }),
});

function headOf(tail: readonly Appended[], replication = initialReplication([0, 1, 2])): LedgerHead {
  const next = Array<number>(16).fill(0);
  const commits = tail.map(({ holders, inline, slot, records }, index): Commit => {
    next[slot] = (next[slot] as number) + records;
    return {
      tier: inline ? 'inline' : 'segments',
      object: { birthMs: 1, random: new Uint8Array(8).fill(index) },
      part: 0,
      position: 0,
      runs: [{ slot, bytes: 10, records, maxTimestamp: 1, crc32c: 0 }],
      replicated: { holders, epoch: index },
    };
  });
  return {
    ...initialHead(encodeReplication(replication)),
    next,
    tail: commits.map((one) => unpackCommit(packCommit(one))),
  };
}

describe('visibleInTail', () => {
  it('is what all in sync hold without a gap, up to the high watermark', () => {
    fc.assert(
      fc.property(
        fc.array(appended, { maxLength: 12 }),
        fc.constantFrom(0b001, 0b011, 0b101, 0b111),
        (tail, inSync) => {
          const initial = initialReplication([0, 1, 2]);
          const head = headOf(tail, { ...initial, state: { ...initial.state, inSync } });
          const gap = tail.findIndex(({ holders, inline }) => !inline && (holders & inSync) !== inSync);
          const covered = gap < 0 ? tail : tail.slice(0, gap);
          for (const slot of [0, 1]) {
            const runs = visibleInTail(head, slot);
            const wanted = covered.filter((one) => one.slot === slot);
            expect(runs.map(({ baseOffset, endOffset }) => endOffset - baseOffset)).toEqual(
              wanted.map(({ records }) => records),
            );
            expect(runs.at(-1)?.endOffset ?? 0).toBe(highWatermark(head, slot));
          }
        },
      ),
    );
  });

  it('is all of the tail where there is a single replica', () => {
    const { replication: _, ...head } = headOf([{ holders: 1, inline: false, slot: 0, records: 2 }]);
    expect(visibleInTail(head, 0)).toHaveLength(1);
  });
});

describe('readOrder', () => {
  it('has those in sync first, and the rack of the reader', () => {
    const initial = initialReplication([0, 1, 2]);
    const head = headOf([], { ...initial, state: { ...initial.state, inSync: 0b101 } });
    expect(readOrder(head, 'b')).toEqual({ first: 0b101, rack: 'b' });
    expect(readOrder(head, undefined)).toEqual({ first: 0b101, rack: undefined });
  });

  it('is none where there is a single replica', () => {
    expect(readOrder(initialHead(), 'b')).toBeUndefined();
  });
});
