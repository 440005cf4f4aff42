import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newGroupState } from '../../../lib/coordination/groups/group-item.ts';
import { isLookDue, isRenewalDue, judge, judgeMembers, suspected } from '../../../lib/coordination/groups/liveness.ts';
import { touched } from '../../../lib/coordination/groups/member-item.ts';
import { memberOf, partitions, targetOf, withdrawalOf } from '../../support/group-items.ts';

const member = memberOf('m', { seenMs: 100_000, sessionTimeoutMs: 9_000 });

describe('a member', () => {
  test.each([
    ['alive', 100_000],
    ['alive', 105_999],
    ['suspect', 106_000],
    ['suspect', 200_000],
    ['alive', 97_001],
    ['suspect', 90_000],
  ] as const)('is %s at %i', (verdict, nowMs) => {
    expect(judge(member, nowMs)).toBe(verdict);
  });

  test('is gone when the session is over and the mark has stood for a third of it', () => {
    const marked = suspected(member, 107_000);
    expect(judge(marked, 109_999)).toBe('alive');
    expect(judge(marked, 110_000)).toBe('gone');
    expect(judge(suspected(member, 106_000), 109_000)).toBe('gone');
    expect(judge(suspected(member, 103_000), 108_999)).toBe('alive');
  });

  test('is marked anew where the mark is of a clock that is ahead', () => {
    expect(judge(suspected(member, 500_000), 106_000)).toBe('suspect');
  });

  test('that heartbeats every quarter of its session outlives a judge whose clock is wrong by any constant amount', () => {
    const wrong = fc.integer({ min: -1_000_000, max: 1_000_000 });
    const right = fc.integer({ min: -700, max: 700 });
    fc.assert(
      fc.property(wrong, right, fc.array(fc.boolean(), { minLength: 90, maxLength: 90 }), (ahead, nearly, turns) => {
        let current = member;
        for (const [index, isWrong] of turns.entries()) {
          const nowMs = 100_000 + index * 750;
          if (index % 3 === 0 && isRenewalDue(current, nowMs)) current = touched(current, nowMs);
          const theirs = nowMs + (isWrong ? ahead : nearly);
          const verdict = judge(current, theirs);
          expect(verdict).not.toBe('gone');
          if (verdict === 'suspect') current = suspected(current, theirs);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('is overdue when it has not followed a withdrawal within its rebalance timeout', () => {
    const slow = { ...member, rebalanceTimeoutMs: 5_000 };
    const target = targetOf(2, {}, [{ ...withdrawalOf('m', 2, partitions(1)), sinceMs: 96_000 }]);
    const gone = (at: number, who = slow) => judgeMembers(new Map([[who.seat, who]]), { target, nowMs: at }).gone;
    expect(gone(100_999)).toEqual([]);
    expect(gone(101_000)).toEqual([slow]);
    expect(gone(101_000, { ...slow, followed: 2 })).toEqual([]);
  });
});

test('a group is looked over when its time has come, or is too far ahead to be right', () => {
  const state = { ...newGroupState('y', 'consumer', 0), lookMs: 10_000 };
  expect([9_999, 10_000, 1].map((nowMs) => isLookDue(state, nowMs, 5_000))).toEqual([false, true, false]);
  expect(isLookDue({ ...state, lookMs: 10_001 }, 0, 5_000)).toBe(true);
});
