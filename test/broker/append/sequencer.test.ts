/** Sequencing while answers are lost, late or refused for a while: what the writer concludes. */
import { describe, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { AssertionError } from '../../../lib/kernel/assert.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { batchOf, lost, makeTopic, settled, throttled } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { append, failure, makeWorld, offsets, type Proceed, script, sealBy } from '../../support/sequencing-world.ts';

const K = ledgerLimits.sealsRemembered;

describe('an append whose answer was lost', () => {
  it('is found in the tail where it had been applied', async () => {
    const world = await makeWorld();
    const { appends } = script(world, async (proceed) => {
      await proceed();
      await append(world.other, world.ledger);
      throw lost();
    });
    expect(await append(world.writer, world.ledger)).toBe(1);
    expect(appends()).toBe(1);
    expect(await offsets(world)).toHaveLength(3);
  });

  it('is found in a page where it had been applied and the head has forgotten it', async () => {
    const world = await makeWorld();
    const { appends } = script(world, async (proceed) => {
      await proceed();
      await sealBy(world, K + 3);
      throw lost();
    });
    expect(await append(world.writer, world.ledger)).toBe(1);
    expect(appends()).toBe(1);
    expect(await offsets(world)).toHaveLength(2 + K + 3);
  });

  it('is made again where it had not been applied', async () => {
    const world = await makeWorld();
    const { appends } = script(world, async () => {
      await sealBy(world, K + 3);
      throw lost();
    });
    expect(await append(world.writer, world.ledger)).toBe(1 + K + 3);
    expect(appends()).toBe(2);
    expect(await offsets(world)).toHaveLength(2 + K + 3);
  });

  it('is looked for again where looking failed', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await proceed();
      let reads = 0;
      world.writer.metadata.onGet = (read) => (reads++ < 2 ? Promise.reject(throttled()) : read());
      throw lost();
    });
    const appended = append(world.writer, world.ledger);
    await world.writer.clock.until(appended);
    expect(await appended).toBe(1);
    expect(await offsets(world)).toHaveLength(2);
  });
});

describe('an attempt that comes late', () => {
  it.each([
    ['at once', 0],
    ['after K seals, when the head still remembers', K],
    ['after more seals than the head remembers', K + 3],
  ])('is refused after the second attempt was applied: %s', async (_, seals) => {
    const world = await makeWorld();
    let late: Proceed = () => Promise.reject(new Error('there was no attempt'));
    script(world, (proceed) => {
      late = proceed;
      return Promise.reject(lost());
    });
    expect(await append(world.writer, world.ledger)).toBe(1);
    await sealBy(world, seals);
    expect((await late()).outcome).toBe('refused');
    expect(await offsets(world)).toHaveLength(2 + seals);
  });

  it.each([
    ['is remembered', 0],
    ['has left the head', K + 2],
  ])('is found by the second attempt where it came first and %s', async (_, seals) => {
    const world = await makeWorld();
    let late: Proceed = () => Promise.reject(new Error('there was no attempt'));
    script(
      world,
      (proceed) => {
        late = proceed;
        return Promise.reject(lost());
      },
      async (proceed) => {
        expect((await late()).outcome).toBe('applied');
        await sealBy(world, seals);
        const result = await proceed();
        expect(result.outcome).toBe('refused');
        return result;
      },
    );
    expect(await append(world.writer, world.ledger)).toBe(1);
    expect(await offsets(world)).toHaveLength(2 + seals);
  });

  it('does nothing where the network delivered the same attempt twice', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await proceed();
      return proceed();
    });
    expect(await append(world.writer, world.ledger)).toBe(1);
    expect(await offsets(world)).toHaveLength(2);
  });
});

describe('a commit that is known to be in the ledger', () => {
  it('is never said to have no effect, though its offsets cannot be read in time', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await proceed();
      await sealBy(world, 1);
      world.writer.metadata.onGet = () => Promise.reject(throttled());
      return proceed(); // delivered twice, and only the second answer arrives
    });
    const { error } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'unknown' });
    expect(await offsets(world)).toHaveLength(3);
  });
});

describe('a busy store', () => {
  it('is asked again after pauses', async () => {
    const world = await makeWorld();
    const { appends } = script(world, ...Array.from({ length: 5 }, () => () => Promise.reject(throttled())));
    const appended = append(world.writer, world.ledger);
    expect(await world.writer.clock.until(appended)).toBeGreaterThan(0);
    expect(await appended).toBe(1);
    expect(appends()).toBe(6);
    expect(world.writer.metadata.count('get')).toBe(0); // nothing happened, so there is nothing to look for
  });

  it('that stays busy until the deadline is a retriable fault without effect', async () => {
    const world = await makeWorld();
    const { appends } = script(world, ...Array.from({ length: 1_000 }, () => () => Promise.reject(throttled())));
    const { error, tookMs } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'none', retriable: true });
    expect(error.facts.retryAfterMs).toBeGreaterThan(0);
    expect(tookMs).toBeLessThanOrEqual(produceLimits.produceDeadlineMs + storageLimits.storageRetryPauseMsMax);
    expect(appends()).toBeLessThanOrEqual(produceLimits.sequenceAttemptsMax);
    expect(await offsets(world)).toHaveLength(1);
  });

  it("that never answers is a retriable fault with unknown effect; the ledger's next append waits for that", async () => {
    const world = await makeWorld();
    const seconds = async () => {
      await world.writer.clock.sleep(5_000);
      throw lost();
    };
    script(world, ...Array.from({ length: 1_000 }, () => seconds));
    const failing = append(world.writer, world.ledger);
    await idle();
    const following = append(world.writer, world.ledger).catch((error: MillraceError) => error);
    const { error, tookMs } = await failure(world, failing);
    expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'unknown', retriable: true });
    expect(tookMs).toBeGreaterThanOrEqual(produceLimits.produceDeadlineMs);
    expect(tookMs).toBeLessThanOrEqual(produceLimits.produceDeadlineMs + 6_000);
    // It was never tried: its own deadline had passed while it was held.
    expect(await following).toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'none' });
    world.writer.metadata.onWrite = undefined;
    expect(await append(world.writer, world.ledger)).toBe(1);
  });

  it('that fails for good ends the append, and says what is known of the attempts before', async () => {
    const world = await makeWorld();
    const denied = () => Promise.reject(new MillraceError('POLICY_VIOLATION', 'access denied'));
    script(world, denied);
    expect((await failure(world, append(world.writer, world.ledger))).error).toMatchObject({ effect: 'none' });
    script(world, () => Promise.reject(lost()), denied);
    const { error } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'POLICY_VIOLATION', effect: 'unknown' });
  });

  it('that has a bug is not retried', async () => {
    const world = await makeWorld();
    const { appends } = script(world, () => Promise.reject(new AssertionError('a bug')));
    const { error } = await failure(world, append(world.writer, world.ledger));
    expect(error).toBeInstanceOf(AssertionError);
    expect(appends()).toBe(1);
  });
});

describe('answers', () => {
  it('give each unit of a commit its own offset, in the order of the appends', async () => {
    const { ledger, ...process } = await makeTopic({ partitions: 2 });
    const deadlineMs = process.clock.monotonic() + produceLimits.produceDeadlineMs;
    const one = (slot: number, ...values: string[]) =>
      process.broker.appender.append({ ledger, slot, run: runOf([batchOf(...values)]), deadlineMs });
    const first = one(0, 'a');
    const others = [one(0, 'b', 'c'), one(1, 'd'), one(0, 'e'), one(1, 'f', 'g', 'h'), one(1, 'i')];
    expect(await first).toBe(0);
    expect(await Promise.all(others)).toEqual([1, 0, 3, 1, 4]);
    await settled(process.broker);
  });
});
