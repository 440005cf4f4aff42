/** Invocations whose answers are lost may run until their time is over: nothing of the same keys begins beside them. */
import { describe, expect, it } from 'vitest';
import { resetOffsets } from '../../lib/broker/groups/reset-offsets.ts';
import { laneOf, newLane } from '../../lib/coordination/triggers/lanes.ts';
import { planLeaseFence } from '../../lib/coordination/triggers/lease-fence.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { triggerLimits } from '../../lib/kernel/limits/triggers.ts';
import { DispatchWorld, type Seen } from '../support/dispatch-world.ts';

const TIMEOUT_MS = 60_000;
const noAnswer = { outcome: 'unknown' as const, error: { kind: 'Reset', message: 'no answer' } };

describe('an invocation whose answer was lost', () => {
  it('is waited for where its trigger has other lanes since', async () => {
    const { world, lost } = await withLostAnswer();
    world.stored = { trigger: { ...world.trigger, parallelizationFactor: 1 }, version: 2 };
    expect(await nextAfter(world, lost)).toBeGreaterThanOrEqual(lost.startedMs + TIMEOUT_MS);
  });

  it('is waited for where the group was reset since', async () => {
    const { world, lost } = await withLostAnswer();
    await reset(world);
    expect(await nextAfter(world, lost)).toBeGreaterThanOrEqual(lost.startedMs + TIMEOUT_MS);
  });

  it('is waited for where the trigger was replayed since', async () => {
    const { world, lost } = await withLostAnswer();
    await reset(world);
    const id = { group: 'g', topicId: world.topicId, partition: 0 };
    await world.stores.metadata.write([planLeaseFence(id, true)]);
    expect(await nextAfter(world, lost)).toBeGreaterThanOrEqual(lost.startedMs + TIMEOUT_MS);
  });

  it('is over before its batch is tried again or given up, and leaves no time on the lease', async () => {
    const onFailure = { kind: 'sqs' as const, arn: 'arn:aws:sqs:x' };
    const world = await DispatchWorld.make({ trigger: { timeoutMs: TIMEOUT_MS, retryAttempts: 0, onFailure } });
    await world.produce(['lost']);
    world.handler = () => noAnswer;
    await sweepUntil(world, 1);
    expect(world.seen).toHaveLength(1 + triggerLimits.triggerUnheardAttemptsMax);
    const [failed] = world.given;
    const times = [...world.seen.map(({ startedMs }) => startedMs), failed?.failedMs ?? 0];
    const gaps = times.slice(1).map((timeMs, index) => timeMs - (times[index] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(TIMEOUT_MS);
    const lease = await world.lease();
    expect([lease?.nextMs, lease?.runsUntilMs]).toEqual([undefined, undefined]);
    expect(lease?.lanes).toEqual([newLane(1)]);
  });
});

/** One lane has delivered the first record and the third; the answer for the second, in the other, was lost. */
async function withLostAnswer(): Promise<{ world: DispatchWorld; lost: Seen }> {
  const world = await DispatchWorld.make({ trigger: { parallelizationFactor: 2, timeoutMs: TIMEOUT_MS } });
  await world.produce(['before'], { key: keyOf(1) });
  await world.produce(['lost'], { key: keyOf(0) });
  await world.produce(['after'], { key: keyOf(1) });
  world.handler = ({ values }) => (values.includes('lost') ? noAnswer : undefined);
  expect((await world.dispatch()).partitions).toMatchObject([{ end: 'not-due' }]);
  expect(new Set(world.seen.map(({ values }) => values.join()))).toEqual(new Set(['before,after', 'lost']));
  expect(await world.committed()).toBe(1);
  // Free, and due at any time: one lane has nothing to wait for.
  const lease = await world.lease();
  expect([lease?.holder, lease?.nextMs]).toEqual([undefined, undefined]);
  world.handler = () => undefined;
  return { world, lost: world.seen.find(({ values }) => values.includes('lost')) as Seen };
}

/** Dispatches until all is committed; when the next invocation began that has the record of the one that was lost. */
async function nextAfter(world: DispatchWorld, lost: Seen): Promise<number | undefined> {
  await sweepUntil(world, 3);
  return world.seen.find((seen) => seen !== lost && seen.values.includes('lost'))?.startedMs;
}

async function reset(world: DispatchWorld): Promise<void> {
  const resets = [{ topic: 't', partition: 0, to: { to: 'offset' as const, offset: 0 } }];
  await resetOffsets(world.process.broker, { group: 'g', resets });
}

/** Dispatches every ten seconds until so much is committed. */
async function sweepUntil(world: DispatchWorld, committed: number): Promise<void> {
  for (let sweep = 0; sweep < 50; sweep++) {
    await world.dispatch();
    if ((await world.committed()) === committed) return;
    await world.clock.advance(10_000);
  }
  throw new Error(`only ${await world.committed()} is committed`);
}

/** A key whose records are in that lane of two. */
function keyOf(lane: number): Uint8Array {
  const keys = Array.from({ length: 16 }, (_, n) => utf8(`k${n}`));
  return keys.find((key) => laneOf({ key, offset: 0 }, 2) === lane) as Uint8Array;
}
