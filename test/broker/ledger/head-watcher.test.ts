import { describe, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { waitingLimits } from '../../../lib/kernel/limits/waiting.ts';
import { headKey, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import {
  batchOf,
  makeBroker,
  makeStores,
  makeTopic,
  type Process,
  type Stores,
  throttled,
} from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';

interface World {
  stores: Stores;
  reader: Process;
  /** Another process, whose appends the reader does not see by itself. */
  other: Process;
  ledger: LedgerId;
}

async function makeWorld(partitions = 1): Promise<World> {
  const stores = makeStores();
  const { ledger, ...reader } = await makeTopic({ stores, partitions, config: { 'ledger.partitions': 1 } });
  return { stores, reader, other: makeBroker({ stores }), ledger };
}

function append({ broker }: Process, ledger: LedgerId): Promise<number> {
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  return broker.appender.append({ ledger, slot: 0, run: runOf([batchOf('v')]), deadlineMs });
}

const beyond = (offset: number) => (head: LedgerHead) => (head.next[0] as number) > offset;

interface Wait {
  head?: LedgerHead | undefined;
  ended: boolean;
}

function wait({ reader, ledger }: World, timeoutMs: number, signal?: AbortSignal, offset = 0): Wait {
  const state: Wait = { ended: false };
  void reader.broker.watcher.wait(ledger, beyond(offset), { timeoutMs, signal }).then((head) => {
    state.head = head;
    state.ended = true;
  });
  return state;
}

describe('a wait', () => {
  it('is over at once, after one strong read, where there is enough', async () => {
    const world = await makeWorld();
    await append(world.other, world.ledger);
    const waiting = wait(world, 10_000);
    await idle();
    expect(waiting.head?.next[0]).toBe(1);
    expect(world.reader.metadata.calls).toEqual(['get head strong']);
    expect(world.reader.clock.sleeping).toBe(0);
  });

  it('ends with an append of the same process, at once', async () => {
    const world = await makeWorld();
    const waiting = wait(world, 10_000);
    await idle();
    expect(waiting.ended).toBe(false);
    await append(world.reader, world.ledger);
    await idle();
    expect(waiting.head?.next[0]).toBe(1);
    expect(world.reader.clock.sleeping).toBe(0); // no timer is left
  });

  it('sees an append that falls between its registering and its first read', async () => {
    const world = await makeWorld();
    await world.reader.broker.heads.strong(world.ledger);
    let waiting: Wait | undefined;
    world.reader.metadata.onGet = async (proceed) => {
      const item = await proceed(); // read before the append, answered after it
      await append(world.reader, world.ledger);
      return item;
    };
    waiting = wait(world, 10_000);
    await idle();
    expect(waiting.head?.next[0]).toBe(1);
  });

  it('goes on over heads that are not enough', async () => {
    const world = await makeWorld();
    const waiting = wait(world, 10_000, undefined, 2);
    await idle();
    for (let i = 0; i < 2; i++) await append(world.reader, world.ledger);
    await idle();
    expect(waiting.ended).toBe(false);
    await append(world.reader, world.ledger);
    await idle();
    expect(waiting.head?.next[0]).toBe(3);
  });

  it('ends with the append of someone else, seen by reading', async () => {
    const world = await makeWorld();
    const waiting = wait(world, 10_000);
    await idle();
    await append(world.other, world.ledger);
    await world.reader.clock.advance(waitingLimits.headPollMsMin - 1);
    expect(waiting.ended).toBe(false);
    await world.reader.clock.advance(1);
    expect(waiting.head?.next[0]).toBe(1);
    expect(world.reader.clock.sleeping).toBe(0);
  });

  it('ends after its time with what was read last', async () => {
    const world = await makeWorld();
    const waiting = wait(world, 700, undefined, 1);
    await world.reader.clock.advance(300);
    await append(world.other, world.ledger);
    await world.reader.clock.advance(399);
    expect(waiting.ended).toBe(false);
    await world.reader.clock.advance(1);
    expect(waiting).toMatchObject({ ended: true, head: { version: 1 } });
    expect(world.reader.clock.sleeping).toBe(0);
  });

  it('ends when it is aborted, also before it began', async () => {
    const world = await makeWorld();
    const stop = new AbortController();
    const waiting = wait(world, 10_000, stop.signal);
    await idle();
    stop.abort();
    await idle();
    expect(waiting).toMatchObject({ ended: true, head: { version: 0 } });
    const late = wait(world, 10_000, stop.signal);
    await idle();
    expect(late).toMatchObject({ ended: true, head: { version: 0 } });
    expect(world.reader.clock.sleeping).toBe(0);
  });

  it('says at once where there is no such ledger', async () => {
    const world = await makeWorld();
    const waiting = wait({ ...world, ledger: { ...world.ledger, index: 5 } }, 10_000);
    await idle();
    expect(waiting).toEqual({ ended: true, head: undefined });
  });

  it.each(['by this process', 'by another'])('ends when the ledger is deleted %s', async (by) => {
    const world = await makeWorld();
    const waiting = wait(world, 10_000);
    await idle();
    await world.stores.metadata.write([{ kind: 'delete', key: headKey(world.ledger) }]);
    if (by === 'by this process') world.reader.broker.heads.drop(world.ledger);
    else await world.reader.clock.advance(waitingLimits.headPollMsMin);
    await idle();
    expect(waiting).toEqual({ ended: true, head: undefined });
    expect(world.reader.clock.sleeping).toBe(0);
  });

  it('fails where its own read does, and leaves nothing behind', async () => {
    const world = await makeWorld();
    world.reader.metadata.onGet = () => Promise.reject(throttled());
    const { watcher } = world.reader.broker;
    await expect(watcher.wait(world.ledger, beyond(0), { timeoutMs: 10_000 })).rejects.toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
    });
    expect(world.reader.clock.sleeping).toBe(0);
  });
});

describe('polling', () => {
  it('is shared by all who wait for a ledger, and slows down while nothing is new', async () => {
    const world = await makeWorld();
    const waits = Array.from({ length: 200 }, () => wait(world, 20_000));
    await idle();
    const { metadata, clock } = world.reader;
    expect(metadata.count('get')).toBe(2); // the crowd's own
    metadata.forget();
    const at: number[] = [];
    const start = clock.now();
    metadata.onGet = (proceed) => {
      at.push(clock.now() - start);
      return proceed();
    };
    await clock.advance(5_000);
    // 100 ms, then half as long again each time, up to a second.
    expect(at.slice(0, 5)).toEqual([100, 250, 475, 812, 1318]);
    const pauses = at.slice(1).map((ms, index) => ms - (at[index] as number));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(waitingLimits.headPollMsMax + 1);
    expect(at.length).toBeLessThanOrEqual(10);
    expect(waits.some(({ ended }) => ended)).toBe(false);
    await append(world.other, world.ledger);
    await clock.advance(waitingLimits.headPollMsMax);
    expect(waits.every(({ ended }) => ended)).toBe(true);
    expect(clock.sleeping).toBe(0);
  });

  it('is quick again after something was new', async () => {
    const world = await makeWorld();
    wait(world, 60_000, undefined, 1);
    const { metadata, clock } = world.reader;
    await clock.advance(10_000);
    const at: number[] = [];
    metadata.onGet = (proceed) => {
      at.push(clock.now());
      return proceed();
    };
    await append(world.other, world.ledger);
    await clock.advance(2_000);
    const pauses = at.slice(1).map((ms, index) => ms - (at[index] as number));
    expect(pauses.slice(0, 3)).toEqual([100, 150, 225]);
  });

  it('goes on for the others when one stops waiting, and ends with the last', async () => {
    const world = await makeWorld();
    const stops = [new AbortController(), new AbortController()] as const;
    const [one, two] = [wait(world, 60_000, stops[0].signal), wait(world, 60_000, stops[1].signal)];
    const { metadata, clock } = world.reader;
    await clock.advance(1_000);
    stops[0].abort();
    await idle();
    metadata.forget();
    await clock.advance(3_000);
    expect([one.ended, two.ended]).toEqual([true, false]);
    expect(metadata.count('get')).toBeGreaterThan(0);
    stops[1].abort();
    await idle();
    expect(clock.sleeping).toBe(0);
    metadata.forget();
    await clock.advance(3_000);
    expect(metadata.calls).toEqual([]);
  });

  it('is of each ledger by itself', async () => {
    const world = await makeWorld(2);
    const other = { ...world.ledger, index: 1 };
    const [one, two] = [wait(world, 60_000), wait({ ...world, ledger: other }, 60_000)];
    await idle();
    await append(world.other, other);
    await world.reader.clock.advance(waitingLimits.headPollMsMin);
    expect([one.ended, two.ended]).toEqual([false, true]);
    await append(world.other, world.ledger);
    await world.reader.clock.advance(waitingLimits.headPollMsMax);
    expect(one.ended).toBe(true);
  });

  it('survives reads that fail', async () => {
    const world = await makeWorld();
    const waiting = wait(world, 60_000);
    await idle();
    let failures = 0;
    world.reader.metadata.onGet = (proceed) => (failures++ < 3 ? Promise.reject(throttled()) : proceed());
    await append(world.other, world.ledger);
    await world.reader.clock.advance(5_000);
    expect(waiting.ended).toBe(true);
    expect(failures).toBeGreaterThan(3);
  });
});
