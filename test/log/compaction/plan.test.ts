import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CompactibleSegment,
  type CompactionConfig,
  type CompactionSituation,
  planCompaction,
} from '../../../lib/log/compaction/plan.ts';
import { topicConfigValues } from '../../../lib/log/topic/config.ts';

const NOW = 1_000_000;

/** Segments of 100 offsets each, one after the other. */
function segments(...given: Partial<CompactibleSegment>[]): CompactibleSegment[] {
  return given.map((fields, index) => {
    const [base, end] = [index * 100, (index + 1) * 100];
    const model = { base, end, bytes: 1_000, oldestMs: NOW - 5_000, newestMs: NOW - 4_000 };
    return Object.assign(model, fields);
  });
}

function plan(situation: Partial<CompactionSituation>, overrides: Record<string, string> = {}) {
  const config: CompactionConfig = topicConfigValues(overrides);
  return planCompaction(
    { segments: segments({}, {}, {}, {}), logStartOffset: 0, nowMs: NOW, dirtyBytesMax: 1e9, ...situation },
    config,
  );
}

test('takes all of a log that was never compacted', () => {
  expect(plan({})).toEqual({
    kind: 'clean',
    why: 'enough is dirty',
    from: 0,
    to: 400,
    cleanedTo: 0,
    dirtyBytes: 4_000,
    dirtyRatio: 1,
  });
});

test('finds nothing to do without segments, and where all were compacted', () => {
  const nothing = { kind: 'nothing', why: 'nothing is dirty', dirtyBytes: 0, dirtyRatio: 0 };
  expect(plan({ segments: [] })).toEqual(nothing);
  expect(plan({ segments: [], logStartOffset: 40, dirtyFrom: 40 })).toEqual(nothing);
  expect(plan({ dirtyFrom: 400 })).toEqual(nothing);
});

describe('a pass that is under way', () => {
  const pass = { end: 250, cleanedTo: 130 };

  test('is gone on with where it was, however little of the log is dirty by now', () => {
    const overrides = { 'min.cleanable.dirty.ratio': '1' };
    expect(plan({ dirtyFrom: 200, pass }, overrides)).toMatchObject({
      why: 'a pass is under way',
      from: 200,
      to: 250,
      cleanedTo: 130,
    });
    expect(plan({ dirtyFrom: 200, pass, logStartOffset: 210 }, overrides)).toMatchObject({
      from: 210,
      to: 250,
      cleanedTo: 130,
    });
  });

  test('has a range that is shorter where its records have become too young', () => {
    const given = segments({}, {}, { newestMs: NOW - 10 }, {});
    const overrides = { 'min.compaction.lag.ms': '100' };
    expect(plan({ segments: given, pass }, overrides)).toMatchObject({
      why: 'a pass is under way',
      to: 200,
      cleanedTo: 130,
    });
  });

  test('is of another state where it reaches beyond the segments, or the log start beyond it', () => {
    expect(plan({ pass: { end: 500, cleanedTo: 130 } })).toMatchObject({
      why: 'enough is dirty',
      to: 400,
      cleanedTo: 0,
    });
    expect(plan({ dirtyFrom: 500, pass: { end: 250, cleanedTo: 130 } })).toMatchObject({ from: 0, cleanedTo: 0 });
    expect(plan({ pass, logStartOffset: 260 })).toMatchObject({ from: 260, to: 400, cleanedTo: 0 });
  });
});

describe('min.cleanable.dirty.ratio', () => {
  test('wants more than its share of bytes dirty, not as much', () => {
    expect(plan({ dirtyFrom: 200 })).toMatchObject({ kind: 'nothing', why: 'too little is dirty', dirtyRatio: 0.5 });
    const larger = segments({}, {}, {}, { bytes: 1_001 });
    expect(plan({ segments: larger, dirtyFrom: 200 })).toMatchObject({ kind: 'clean', from: 200, to: 400 });
    expect(plan({ dirtyFrom: 399 }, { 'min.cleanable.dirty.ratio': '0' })).toMatchObject({ kind: 'clean' });
    expect(plan({}, { 'min.cleanable.dirty.ratio': '1' })).toMatchObject({ kind: 'nothing' });
  });

  test('counts a segment that was compacted in part in proportion', () => {
    expect(plan({ dirtyFrom: 199 })).toMatchObject({ kind: 'clean', from: 199 });
    expect(plan({ dirtyFrom: 201 })).toMatchObject({ kind: 'nothing' });
  });

  test('does not count what is too young', () => {
    const young = segments({}, {}, {}, { newestMs: NOW });
    const lag = { 'min.compaction.lag.ms': '1000' };
    expect(plan({ segments: young, dirtyFrom: 150 }, lag)).toMatchObject({ kind: 'nothing' });
    expect(plan({ segments: young, dirtyFrom: 149 }, lag)).toMatchObject({ kind: 'clean', to: 300 });
  });
});

describe('min.compaction.lag.ms', () => {
  test('ends the range before the first segment that has a younger record', () => {
    const mixed = segments({}, { newestMs: NOW - 999 }, {}, {});
    expect(plan({ segments: mixed }, { 'min.compaction.lag.ms': '1000' })).toMatchObject({ to: 100 });
    expect(plan({ segments: mixed }, { 'min.compaction.lag.ms': '999' })).toMatchObject({ to: 400 });
  });

  test('is stronger than every demand', () => {
    const overrides = { 'min.compaction.lag.ms': '4500', 'max.compaction.lag.ms': '4500' };
    expect(plan({}, overrides)).toMatchObject({
      kind: 'nothing',
      why: 'what is dirty is too young',
      dirtyBytes: 4_000,
    });
  });

  test('of 0 keeps nothing back, even what claims to be of tomorrow', () => {
    expect(plan({ segments: segments({ newestMs: NOW * 2 }) })).toMatchObject({ kind: 'clean', to: 100 });
  });
});

describe('max.compaction.lag.ms', () => {
  const lag = { 'max.compaction.lag.ms': '5000' };
  const old = { oldestMs: NOW - 5_001 };

  test('demands a compaction of the least that is dirty, once a dirty record is older', () => {
    const dirty = { segments: segments({}, {}, {}, old), dirtyFrom: 399 };
    expect(plan(dirty, lag)).toMatchObject({ kind: 'clean', why: 'a dirty record is too old', from: 399, to: 400 });
    expect(plan({ dirtyFrom: 399 }, lag)).toMatchObject({ kind: 'nothing' });
  });

  test('does not mind what was compacted, nor records without a time', () => {
    const compacted = segments(old, old, old, { oldestMs: -1 });
    expect(plan({ segments: compacted, dirtyFrom: 300 }, lag)).toMatchObject({ kind: 'nothing' });
  });
});

test('leaves out what is below the log start, and begins there where it has gone past the last pass', () => {
  expect(plan({ logStartOffset: 250, dirtyFrom: 120 })).toMatchObject({ from: 250, to: 400 });
  // Of the two segments that are left one is dirty: half, which is not more than half.
  expect(plan({ logStartOffset: 200, dirtyFrom: 300 })).toMatchObject({ kind: 'nothing' });
});

test('begins anew where the last pass ended beyond all segments', () => {
  expect(plan({ dirtyFrom: 401 })).toMatchObject({ kind: 'clean', from: 0, to: 400 });
});

test('takes on no more dirty bytes than one pass may, but a segment at least', () => {
  expect(plan({ dirtyBytesMax: 2_500 })).toMatchObject({ from: 0, to: 200 });
  expect(plan({ dirtyBytesMax: 1 })).toMatchObject({ from: 0, to: 100 });
  expect(plan({ dirtyBytesMax: 1_500, dirtyFrom: 50 })).toMatchObject({ from: 50, to: 200 });
});

test('a range begins at the first dirty offset, is never empty, and ends where a segment does', () => {
  const situation = fc.record({
    sizes: fc.array(fc.record({ bytes: fc.integer({ min: 61, max: 1e6 }), age: fc.nat(10_000) }), { maxLength: 8 }),
    logStartOffset: fc.nat(850),
    dirtyFrom: fc.option(fc.nat(850), { nil: undefined }),
    dirtyBytesMax: fc.nat(2e6),
    minLag: fc.nat(10_000),
  });
  fc.assert(
    fc.property(situation, ({ sizes, minLag, ...given }) => {
      const all = segments(...sizes.map(({ bytes, age }) => ({ bytes, newestMs: NOW - age })));
      const planned = plan({ segments: all, ...given }, { 'min.compaction.lag.ms': String(minLag) });
      fc.pre(planned.kind === 'clean');
      expect(planned.from).toBeGreaterThanOrEqual(given.logStartOffset);
      expect(planned.to).toBeGreaterThan(planned.from);
      expect(all.map(({ end }) => end)).toContain(planned.to);
      const taken = all.filter(({ base, end }) => end > planned.from && base < planned.to);
      const tooYoung = taken.filter(({ newestMs = 0 }) => minLag > 0 && newestMs > NOW - minLag);
      expect(tooYoung).toEqual([]);
    }),
  );
});
