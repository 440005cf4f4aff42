import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { initialHead } from '../../../lib/log/ledger/head.ts';
import { runsInPage, runsInTail } from '../../../lib/log/ledger/locate.ts';
import { pagePiece, segmentPiece, tailPiece } from '../../../lib/log/retention/piece.ts';
import { plainCommit } from '../../support/ledger-arbitraries.ts';

const SLOTS = topicLimits.partitionsPerLedgerMax;
const newest = fc.constantFrom(-1, 5, 1_700_000_000_000);

/** Sums that stay safe integers, and times of which some are none. */
const commits = fc.array(
  fc.tuple(plainCommit, newest).map(([commit, maxTimestamp]): Commit => {
    const runs = commit.runs.map(({ slot, bytes, records, crc32c }) => {
      return { slot, bytes: bytes % 1_000, records: 1 + (records % 5), maxTimestamp, crc32c };
    });
    return Object.assign(commit, { runs });
  }),
  { maxLength: 4 },
);

describe('a piece', () => {
  it('of a page, and of the tail, is all that they have of the slot', () => {
    fc.assert(
      fc.property(commits, fc.nat({ max: SLOTS - 1 }), (list, slot) => {
        const bases = Array<number>(SLOTS).fill(100);
        const page = { sequence: 0, epoch: 0, bases, maxTimestamps: Array<number>(SLOTS).fill(-1), commits: list };
        const next = bases.map((base, index) =>
          list.reduce((end, { runs }) => end + (runs.find((run) => run.slot === index)?.records ?? 0), base),
        );
        const head = { ...initialHead(), tail: list, next };
        const runs = runsInPage(page, slot);
        const expected = {
          base: runs[0]?.baseOffset,
          end: runs.at(-1)?.endOffset,
          bytes: runs.reduce((sum, { bytes }) => sum + bytes, 0),
          newestMs: runs.reduce(
            (most, { maxTimestamp, commit }) => Math.max(most, maxTimestamp < 0 ? commit.object.birthMs : maxTimestamp),
            0,
          ),
        };
        expect(runsInTail(head, slot)).toHaveLength(runs.length);
        expect(pagePiece(page, slot)).toEqual(runs.length === 0 ? undefined : expected);
        expect(tailPiece(head, slot)).toEqual(runs.length === 0 ? undefined : expected);
      }),
    );
  });

  it('of a segment without times is as old as its object', () => {
    const object = { birthMs: 9, random: new Uint8Array(8) };
    const segment = { partition: 0, base: 1, end: 4, object, bytes: 5, footerBytes: 6, records: 3, level: 0 };
    expect(segmentPiece(segment)).toEqual({ base: 1, end: 4, bytes: 5, newestMs: 9 });
    expect(segmentPiece({ ...segment, newestMs: 7, oldestMs: 7 }).newestMs).toBe(7);
  });
});
