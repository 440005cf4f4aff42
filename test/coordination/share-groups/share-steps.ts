/**
 * Random steps of a share group's members over runs of records, with each record by itself beside them; compared after
 * each step.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import * as fc from 'fast-check';
import { ACKNOWLEDGE_TYPES, acknowledge } from '../../../lib/coordination/share-groups/acknowledge.ts';
import {
  type AcquiredRecords,
  acquire,
  nextToRead,
  type ReadBatch,
} from '../../../lib/coordination/share-groups/acquire.ts';
import {
  countInFlight,
  endOffset,
  type SharePartition,
  withoutLocksOf,
  withoutOverdueLocks,
  withStartAt,
} from '../../../lib/coordination/share-groups/share-partition.ts';
import {
  decodeSharePartition,
  encodeSharePartition,
} from '../../../lib/coordination/share-groups/share-partition-item.ts';
import { NaiveSharePartition, recordsOf } from './naive-share-partition.ts';

export const LIMITS = { deliveriesMax: 4, inFlightMax: 30 };
export const LOCK_MS = 100;

/** A log whose batches have so many offsets each, of which compaction may have removed whole batches. */
export interface Log {
  batches: ReadBatch[];
}

function readFrom({ batches }: Log, offset: number, count: number): ReadBatch[] {
  return batches.filter(({ lastOffset }) => lastOffset >= offset).slice(0, count);
}

type Step =
  | { step: 'acquire'; member: string; maxRecords: number; batches: number; batchSize: number; strict: boolean }
  | { step: 'acknowledge'; member: string; share: number; types: number[]; skip: number }
  | { step: 'blind'; member: string; first: number; length: number; type: number }
  | { step: 'wait'; ms: number }
  | { step: 'leave'; member: string }
  | { step: 'trim'; by: number };

const member = fc.constantFrom('a', 'b', 'c');
export const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant('acquire' as const),
      member,
      maxRecords: fc.integer({ min: 1, max: 12 }),
      batches: fc.integer({ min: 1, max: 4 }),
      batchSize: fc.integer({ min: 1, max: 6 }),
      strict: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant('acknowledge' as const),
      member,
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      types: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 20 }),
      skip: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      step: fc.constant('blind' as const),
      member,
      first: fc.nat({ max: 60 }),
      length: fc.integer({ min: 1, max: 5 }),
      type: fc.nat({ max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 150 }) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('leave' as const), member }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('trim' as const), by: fc.nat({ max: 4 }) }) },
);

export const logArbitrary = fc
  .array(fc.record({ length: fc.integer({ min: 1, max: 6 }), there: fc.integer({ min: 0, max: 5 }) }), {
    minLength: 4,
    maxLength: 30,
  })
  .map((parts): Log => {
    let offset = 0;
    const batches: ReadBatch[] = [];
    for (const { length, there } of parts) {
      if (there > 0) batches.push({ firstOffset: offset, lastOffset: offset + length - 1 });
      offset += length;
    }
    return { batches };
  });

/** Runs and single records side by side, compared after each step. */
export class Both {
  state: SharePartition = { startOffset: 0, runs: [] };
  readonly naive = new NaiveSharePartition(0, LIMITS.deliveriesMax);
  nowMs = 1_000;
  readonly log: Log;
  readonly held = new Map<string, Set<number>>();

  constructor(log: Log) {
    this.log = log;
  }

  run(step: Step): void {
    this.unlock();
    switch (step.step) {
      case 'acquire':
        this.acquire(step);
        break;
      case 'acknowledge':
        this.acknowledgeHeld(step);
        break;
      case 'blind': {
        const { first, length, type } = step;
        this.acknowledge(step.member, [{ firstOffset: first, lastOffset: first + length - 1, types: [typeOf(type)] }]);
        break;
      }
      case 'wait':
        this.nowMs += step.ms;
        this.unlock();
        break;
      case 'leave':
        this.state = withoutLocksOf(this.state, step.member, LIMITS.deliveriesMax);
        this.naive.releaseOf(step.member);
        break;
      case 'trim': {
        const to = Math.min(this.state.startOffset + step.by, endOffset(this.state));
        this.state = withStartAt(this.state, to);
        for (const offset of this.naive.records.keys()) if (offset < to) this.naive.records.delete(offset);
        this.naive.start = Math.max(this.naive.start, to);
        this.naive.advance();
        break;
      }
    }
    this.compare();
  }

  private unlock(): void {
    this.state = withoutOverdueLocks(this.state, {
      nowMs: this.nowMs,
      deliveriesMax: LIMITS.deliveriesMax,
      lockMsMax: LOCK_MS,
    });
    this.naive.unlock(this.nowMs);
  }

  private acquire({ member, maxRecords, batches: count, batchSize, strict }: Step & { step: 'acquire' }): void {
    const from = nextToRead(this.state, LIMITS);
    const firstAvailable = [...this.naive.records].find(([, { state }]) => state === 'available')?.[0];
    const inFlight = [...this.naive.records.values()].filter(
      ({ state }) => state === 'available' || state === 'acquired',
    );
    equal(from, firstAvailable ?? (inFlight.length < LIMITS.inFlightMax ? this.naive.end : undefined));
    if (from === undefined) return;
    const batches = readFrom(this.log, from, count);
    if (batches.length === 0) return;
    const lock = { memberId: member, untilMs: this.nowMs + LOCK_MS };
    const { next, acquired } = acquire(this.state, {
      lock,
      readFrom: from,
      batches,
      maxRecords,
      batchSize,
      strict,
      limits: LIMITS,
    });
    this.naive.archive(from, batches[0]?.firstOffset ?? from);
    const offsets = acquired.flatMap(offsetsOf);
    deepEqual(
      offsets,
      [...new Set(offsets)].sort((a, b) => a - b),
    );
    for (const records of acquired) {
      for (const offset of offsetsOf(records)) {
        equal(this.naive.take(offset, records.deliveries, lock), undefined);
        ok(offset >= (batches[0]?.firstOffset ?? 0));
        ok(offset <= (batches.at(-1)?.lastOffset ?? 0));
      }
    }
    if (strict) ok(offsets.length <= maxRecords);
    // No more than asked for, but for what a record batch has beyond; what compaction took between batches does not
    // count.
    const there = offsets.filter((offset) =>
      batches.some((batch) => batch.firstOffset <= offset && offset <= batch.lastOffset),
    );
    ok(there.length < maxRecords + 6 * Math.max(1, acquired.length));
    this.naive.advance();
    this.state = next;
    ok(countInFlight(next) < LIMITS.inFlightMax + 6 * 5);
    this.held.set(member, new Set([...(this.held.get(member) ?? []), ...offsets]));
  }

  private acknowledgeHeld({ member, share, types, skip }: Step & { step: 'acknowledge' }): void {
    const held = [...(this.held.get(member) ?? [])].sort((a, b) => a - b);
    const chosen = held
      .slice(0, Math.ceil(held.length * share))
      .filter((_, at) => skip === 0 || at % (skip + 1) !== skip);
    const batches: { firstOffset: number; lastOffset: number; types: ReturnType<typeof typeOf>[] }[] = [];
    for (const [at, offset] of chosen.entries()) {
      const type = typeOf(types[at % types.length] ?? 1);
      const before = batches.at(-1);
      if (before?.lastOffset === offset - 1) {
        before.lastOffset = offset;
        before.types.push(type);
      } else batches.push({ firstOffset: offset, lastOffset: offset, types: [type] });
    }
    if (batches.length > 0 && this.acknowledge(member, batches)) {
      for (const offset of chosen) this.held.get(member)?.delete(offset);
    } else this.held.delete(member);
  }

  private acknowledge(
    memberId: string,
    batches: { firstOffset: number; lastOffset: number; types: ReturnType<typeof typeOf>[] }[],
  ): boolean {
    const renewedUntilMs = this.nowMs + LOCK_MS;
    const done = acknowledge(this.state, { memberId, batches, renewedUntilMs, deliveriesMax: LIMITS.deliveriesMax });
    equal(done.outcome === 'acknowledged', this.naive.acknowledge(memberId, batches, renewedUntilMs));
    if (done.outcome === 'acknowledged') this.state = done.next;
    return done.outcome === 'acknowledged';
  }

  private compare(): void {
    const { state, naive } = this;
    equal(state.startOffset, naive.start);
    equal(endOffset(state), naive.end);
    deepEqual(
      recordsOf(state),
      [...naive.records].sort(([a], [b]) => a - b),
    );
    const stored = { nonce: 'n', version: 7, writeId: 'w', topic: 't', partition: state };
    deepEqual(decodeSharePartition(encodeSharePartition(stored)), stored);
  }
}

function typeOf(number: number) {
  return ACKNOWLEDGE_TYPES[number] as (typeof ACKNOWLEDGE_TYPES)[number];
}

function offsetsOf({ firstOffset, lastOffset }: AcquiredRecords): number[] {
  return Array.from({ length: lastOffset - firstOffset + 1 }, (_, at) => firstOffset + at);
}
