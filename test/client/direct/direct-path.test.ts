import { describe, expect, it } from 'vitest';
import { DirectPath, type DirectStep } from '../../../lib/client/direct/direct-path.ts';
import { recordsWithin } from '../../../lib/client/direct/planned-batches.ts';
import { MillraceClientError } from '../../../lib/client/errors.ts';
import { noCompression } from '../../../lib/log/record-batch/compression.ts';
import { idle } from '../../support/manual-clock.ts';
import { History, RECORDS_PER_RANGE } from './history.ts';

const NAME = { topic: 'orders', partition: 0 };

function pathOf(history: History, bounds: { inFlightMax?: number; bytesMax?: number } = {}): DirectPath {
  const { planner: plans, ranges } = history;
  return new DirectPath({ plans, ranges, inFlightMax: 4, bytesMax: 16_000_000, ...bounds });
}

/** All offsets until a partition's reading ends, and how it ended. */
async function readAll(path: DirectPath): Promise<{ offsets: number[]; last: DirectStep | undefined }> {
  const offsets: number[] = [];
  for (;;) {
    const step = await path.next();
    if (step?.kind !== 'piece') return { offsets, last: step };
    const { batches, ...span } = step.piece;
    for (const { offset } of recordsWithin(batches, span, noCompression)) offsets.push(offset);
  }
}

const upTo = (first: number, end: number) => Array.from({ length: end - first }, (_, index) => first + index);

function failureOf(retriable: boolean): MillraceClientError {
  return new MillraceClientError('NETWORK_ERROR', 'it failed', { retriable, effect: 'none' });
}

describe('the pieces of a partition', () => {
  it('come in order, whatever order their bytes come in, and to the end', async () => {
    const history = new History(11);
    // Each range waits until a later one has come.
    const waiting: (() => void)[] = [];
    history.onRange = async (range) => {
      if (range % 2 === 0 && range < 10) await new Promise<void>((resolve) => waiting.push(resolve));
      else for (const wake of waiting.splice(0)) setImmediate(wake);
    };
    const path = pathOf(history);
    const track = path.add(NAME, 3);
    const { offsets, last } = await readAll(path);
    expect(offsets).toEqual(upTo(3, history.end));
    expect(last).toMatchObject({ kind: 'near', track: { offset: history.end } });
    expect(track.offset).toBe(history.end);
    expect(history.inFlightMost).toBeGreaterThan(1);
  });

  it('are asked for within the bounds of requests and memory, and ahead of who takes them', async () => {
    const history = new History(12);
    const bytes = history.stored[0]?.length ?? 0;
    const path = pathOf(history, { inFlightMax: 2, bytesMax: 3 * bytes });
    path.add(NAME, 0);
    const first = path.next();
    await idle();
    await first;
    await idle();
    // One in hand, two ahead; the next plan only when the ranges of this one are begun.
    expect(history.read).toEqual([0, 1, 2]);
    expect(history.plans).toHaveLength(1);
    await path.next();
    await idle();
    expect(history.read).toEqual([0, 1, 2, 3]);
    expect(history.plans).toHaveLength(2);
    expect(history.inFlightMost).toBe(2);
  });

  it('of sixteen partitions are asked for within the same bounds', async () => {
    const RANGES = 12;
    const histories = new Map<string, History>();
    for (let partition = 0; partition < 16; partition++) histories.set(`topic-${partition}`, new History(RANGES));
    const bytes = histories.get('topic-0')?.stored[0]?.length ?? 0;
    // As merged history has them: a range is a quarter of the memory, and a plan has more than all of it.
    const bytesMax = 4 * bytes;
    let held = 0;
    let most = 0;
    const path = new DirectPath({
      plans: async (from, signal) => {
        const history = histories.get(from.topic) as History;
        history.rangesPerPlan = RANGES;
        const plan = await history.planner(from, signal);
        for (const segment of plan.segments) if (segment.source === 'url') segment.headers = { topic: from.topic };
        return plan;
      },
      ranges: async (range, signal) => {
        held += range.bytes;
        most = Math.max(most, held);
        return (histories.get(range.headers['topic'] as string) as History).ranges(range, signal);
      },
      inFlightMax: 16,
      bytesMax,
    });
    const offsets = new Map<string, number[]>();
    for (const topic of histories.keys()) {
      path.add({ topic, partition: 0 }, 0);
      offsets.set(topic, []);
    }
    let inHand = 0;
    for (let step = await path.next(); step !== undefined; step = await path.next()) {
      held -= inHand;
      inHand = 0;
      if (step.kind !== 'piece') continue;
      inHand = bytes;
      const { batches, ...span } = step.piece;
      for (const { offset } of recordsWithin(batches, span, noCompression)) {
        offsets.get(step.track.name.topic)?.push(offset);
      }
      await idle();
    }
    for (const read of offsets.values()) expect(read).toEqual(upTo(0, RANGES * RECORDS_PER_RANGE));
    // The piece that was handed out before is counted here until the next one is.
    expect(most).toBeLessThanOrEqual(bytesMax + bytes);
    expect(most).toBeGreaterThanOrEqual(bytesMax);
  });

  it('of two partitions take turns of a plan each', async () => {
    const history = new History(8);
    const path = pathOf(history);
    path.add(NAME, 0);
    path.add({ topic: 'others', partition: 1 }, 0);
    const topics: string[] = [];
    for (let piece = 0; piece < 16; piece++) {
      const step = await path.next();
      topics.push(step?.track.name.topic ?? '');
    }
    const turns = ['orders', 'others', 'orders', 'others'];
    expect(topics).toEqual(turns.flatMap((topic) => [topic, topic, topic, topic]));
  });
});

describe('a range that fails', () => {
  it('is read once more by a new plan, and nothing twice', async () => {
    const history = new History(8);
    let failed = false;
    history.onRange = async (range) => {
      if (range !== 2 || failed) return;
      failed = true;
      throw failureOf(true);
    };
    const path = pathOf(history);
    path.add(NAME, 0);
    expect((await readAll(path)).offsets).toEqual(upTo(0, history.end));
    expect(history.plans.map(({ offset }) => offset)).toContain(2 * RECORDS_PER_RANGE);
  });

  it('twice ends the reading there', async () => {
    const history = new History(8);
    history.onRange = (range) => (range === 2 ? Promise.reject(failureOf(true)) : Promise.resolve());
    const path = pathOf(history);
    path.add(NAME, 0);
    const { offsets, last } = await readAll(path);
    expect(offsets).toEqual(upTo(0, 2 * RECORDS_PER_RANGE));
    expect(last).toMatchObject({ kind: 'failed', track: { offset: 2 * RECORDS_PER_RANGE } });
    expect(history.read.filter((range) => range === 2)).toHaveLength(2);
    expect(await path.next()).toBeUndefined();
  });
});

describe('a plan', () => {
  it('that is refused ends the reading at once', async () => {
    const history = new History(8);
    history.onPlan = () => failureOf(false);
    const path = pathOf(history);
    path.add(NAME, 5);
    expect(await path.next()).toMatchObject({ kind: 'failed', track: { offset: 5 } });
    expect(history.plans).toHaveLength(1);
  });

  it('of too little ends it, and so does one of small pieces', async () => {
    for (const history of [new History(1), new History(40, 30_000)]) {
      history.rangesPerPlan = 40;
      const path = pathOf(history);
      path.add(NAME, 0);
      expect(await path.next()).toMatchObject({ kind: 'near', track: { offset: 0 } });
      expect(history.read).toEqual([]);
    }
  });

  it('is used up to a range that is larger than the memory for ranges', async () => {
    const history = new History(6, 2_000_000);
    const path = pathOf(history, { bytesMax: 3_000_000 });
    history.stored[4] = new Uint8Array(3_000_001);
    path.add(NAME, 0);
    const { offsets, last } = await readAll(path);
    expect(offsets).toEqual(upTo(0, 4 * RECORDS_PER_RANGE));
    expect(last).toMatchObject({ kind: 'near' });
  });
});

it('forgets what it has read ahead of a partition that is removed, and its memory serves others', async () => {
  const history = new History(8);
  const path = pathOf(history, { bytesMax: 2 * (history.stored[0]?.length ?? 0) });
  const gone = path.add(NAME, 0);
  await path.next();
  await idle();
  path.remove(gone);
  path.add({ topic: 'others', partition: 0 }, 0);
  const { offsets, last } = await readAll(path);
  expect(offsets).toEqual(upTo(0, history.end));
  expect(last?.track.name.topic).toBe('others');
});
