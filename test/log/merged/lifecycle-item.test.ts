import { describe, expect, it } from 'vitest';
import { compactionChanges, decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { packMarks } from '../../../lib/log/merged/marks.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

describe('the lifecycle item', () => {
  it('is beside the head', () => {
    expect(lifecycleKey(LEDGER)).toEqual({ pk: `ledger#${LEDGER.topicId}#0`, sk: 'lifecycle' });
  });

  it('that is not there is one of a ledger that nothing was done to', () => {
    const nothing = { version: 0, swept: 0, marks: [], deleted: 0, compacted: new Map() };
    expect(decodeLifecycle(undefined)).toEqual(nothing);
    expect(decodeLifecycle({})).toEqual(nothing);
  });

  it('is read back', () => {
    const marks = [{ pages: 5, atMs: 1_790_000_000_000 }];
    const compacted = new Map([
      [0, { dirtyFrom: 1_000, atMs: 1_790_000_000_001 }],
      [3, { dirtyFrom: 0, atMs: 1_790_000_000_003, pass: { end: 900, cleanedTo: 0 } }],
      [15, { dirtyFrom: 0, atMs: 1_790_000_000_002 }],
    ]);
    const attributes = {
      v: 7,
      w: 1_789_000_000_000,
      k: packMarks(marks),
      r: 3,
      h: 'a',
      u: 9,
      ...compactionChanges(compacted).set,
    };
    expect(decodeLifecycle(attributes)).toEqual({
      version: 7,
      swept: 1_789_000_000_000,
      marks,
      deleted: 3,
      lease: { holder: 'a', untilMs: 9 },
      compacted,
    });
  });

  it.each([
    ['v', '7', 'lifecycle attribute v is a number'],
    ['f3', 'x', 'lifecycle attribute f3 is a number'],
    ['h', 7, 'lifecycle attribute h is text'],
    ['k', 'x', 'lifecycle attribute k is bytes'],
  ])('is not read where %s is %j', (name, value, reason) => {
    expect(() => decodeLifecycle({ [name]: value })).toThrow(reason);
  });

  it('forgets a pass that has come to its end', () => {
    expect(compactionChanges(new Map([[4, { dirtyFrom: 9, atMs: 1 }]]))).toEqual({
      set: { c4: 9, f4: 1 },
      remove: ['e4', 'p4'],
    });
  });

  it('has no progress for a slot that no ledger has', () => {
    expect(() => compactionChanges(new Map([[16, { dirtyFrom: 1, atMs: 1 }]]))).toThrow('slot 16');
  });
});
