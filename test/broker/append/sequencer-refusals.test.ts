/** Sequencing where the head refuses: for every reason, what the writer does about it and what it promises. */
import { describe, expect, it } from 'vitest';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { planSweepFence } from '../../../lib/log/ledger/append.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { headOf, lost, objectNames, throttled } from '../../support/broker.ts';
import {
  append,
  change,
  failure,
  makeWorld,
  offsets,
  type Proceed,
  script,
  sealBy,
  type World,
} from '../../support/sequencing-world.ts';

const K = ledgerLimits.sealsRemembered;

describe('a refusal', () => {
  it('for an old view of the seals is followed by an attempt with the new one, without a read', async () => {
    const world = await makeWorld();
    await sealBy(world, K + 2);
    const { appends } = script(world);
    expect(await append(world.writer, world.ledger)).toBe(1 + K + 2);
    expect(appends()).toBe(2);
    expect(world.writer.metadata.count('get')).toBe(0);
  });

  it('for another leader is followed by an attempt for that one', async () => {
    const world = await makeWorld();
    await change(world, { add: { v: 1, e: 1, i: 2 } });
    const { appends } = script(world);
    expect(await append(world.writer, world.ledger)).toBe(1);
    expect(appends()).toBe(2);
  });

  it('for a full tail is followed by a seal', async () => {
    const world = await makeWorld();
    world.other.metadata.onWrite = (proceed, [write]) =>
      write?.key.sk.startsWith('page#') ? Promise.reject(throttled()) : proceed(); // it cannot seal
    for (let i = 1; i < ledgerLimits.tailEntriesMax; i++) await append(world.other, world.ledger);
    const appended = append(world.writer, world.ledger);
    await world.writer.clock.until(appended);
    expect(await appended).toBe(ledgerLimits.tailEntriesMax);
    expect(await headOf(world.stores.metadata, world.ledger)).toMatchObject({ sealed: 1 });
    expect(await offsets(world)).toHaveLength(ledgerLimits.tailEntriesMax + 1);
    expect(world.other.logged.length).toBeGreaterThan(0); // and said so
  });

  it('for a full tail that stays full ends with unknown effect, since a late copy could pass after a seal', async () => {
    const world = await makeWorld();
    const noSeals = (proceed: Proceed, [write]: readonly { key: { sk: string } }[]) =>
      write?.key.sk.startsWith('page#') ? Promise.reject(throttled()) : proceed();
    world.other.metadata.onWrite = noSeals;
    world.writer.metadata.onWrite = noSeals;
    for (let i = 1; i < ledgerLimits.tailEntriesMax; i++) await append(world.other, world.ledger);
    const { error } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'unknown' });
  });

  it('because the topic is deleted ends the append', async () => {
    const world = await makeWorld();
    await world.stores.metadata.write([{ kind: 'delete', key: headKey(world.ledger) }]);
    const { error } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' });
    expect(world.writer.broker.heads.peek(world.ledger)).toBeUndefined();
  });

  it('because the topic is deleted does not hide that an earlier attempt may have been applied', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await proceed();
      world.writer.metadata.onGet = () => Promise.reject(throttled()); // it cannot look
      await world.stores.metadata.write([{ kind: 'delete', key: headKey(world.ledger) }]);
      throw lost();
    });
    const { error } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'unknown' });
  });
});

describe('an expected offset that is not the next', () => {
  it('has no effect, and none later where the partition is beyond it', async () => {
    const world = await makeWorld();
    const { error } = await failure(world, append(world.writer, world.ledger, 0));
    expect(error).toMatchObject({ code: 'OFFSET_MISMATCH', effect: 'none', facts: { nextOffset: 1 } });
  });

  it('may yet take effect where an attempt is on its way and the partition comes to that offset', async () => {
    const world = await makeWorld();
    let late: Proceed = () => Promise.reject(new Error('there was no attempt'));
    script(world, (proceed) => {
      late = proceed;
      return Promise.reject(lost());
    });
    const { error } = await failure(world, append(world.writer, world.ledger, 2));
    expect(error).toMatchObject({ code: 'OFFSET_MISMATCH', effect: 'unknown', facts: { nextOffset: 1 } });
    await append(world.other, world.ledger);
    expect((await late()).outcome).toBe('applied');
  });

  it('never can where an attempt is on its way and the partition is beyond it', async () => {
    const world = await makeWorld();
    let late: Proceed = () => Promise.reject(new Error('there was no attempt'));
    script(world, async (proceed) => {
      late = proceed;
      await append(world.other, world.ledger);
      throw lost();
    });
    const { error } = await failure(world, append(world.writer, world.ledger, 1));
    expect(error).toMatchObject({ code: 'OFFSET_MISMATCH', effect: 'none', facts: { nextOffset: 2 } });
    expect((await late()).outcome).toBe('refused');
  });
});

describe('a writer whose object was given up by the sweeper', () => {
  const fence = (world: World) => {
    const { clock } = world.writer;
    return world.stores.metadata.write([planSweepFence(world.ledger, clock.now() + 1_000)]);
  };

  it('uploads anew under a name that the fence lets pass', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await fence(world);
      return proceed();
    });
    expect(await append(world.writer, world.ledger)).toBe(1);
    expect(await offsets(world)).toHaveLength(2);
    const head = await headOf(world.stores.metadata, world.ledger);
    expect(head.tail.at(-1)?.object.birthMs).toBeGreaterThan(head.swept);
    expect(await objectNames(world.stores)).toHaveLength(3);
  });

  it('does not where an earlier attempt turns out to have been applied', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await proceed();
      let reads = 0;
      world.writer.metadata.onGet = (read) => (reads++ < 1 ? Promise.reject(throttled()) : read());
      await sealBy(world, K + 2);
      await fence(world);
      throw lost();
    });
    const appended = append(world.writer, world.ledger);
    await world.writer.clock.until(appended);
    expect(await appended).toBe(1);
    expect(await offsets(world)).toHaveLength(2 + K + 2);
    expect(world.writer.objects.count('put')).toBe(2);
  });

  it('looks for nothing where no attempt can have been applied, however many pages there are since', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await sealBy(world, K + 20);
      await fence(world);
      return proceed();
    });
    expect(await append(world.writer, world.ledger)).toBe(1 + K + 20);
    expect(world.writer.metadata.count('get page#')).toBe(0);
  });

  it('stops looking when its callers have stopped waiting', async () => {
    const world = await makeWorld();
    script(world, async () => {
      await sealBy(world, 60);
      world.writer.metadata.onGet = async (read, key) => {
        if (key.sk.startsWith('page#')) await world.writer.clock.sleep(1_000);
        return read();
      };
      throw lost();
    });
    const { error, tookMs } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'unknown' });
    expect(tookMs).toBeLessThanOrEqual(produceLimits.produceDeadlineMs + 3_000);
  });

  it('tries again where the second upload fails', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await fence(world);
      return proceed();
    });
    let puts = 0;
    world.writer.objects.onPut = (put) => {
      puts++;
      return puts > 1 && puts < 8 ? Promise.reject(lost()) : put();
    };
    const appended = append(world.writer, world.ledger);
    await world.writer.clock.until(appended);
    expect(await appended).toBe(1);
    expect(await offsets(world)).toHaveLength(2);
  });

  it('hears so where the topic is deleted meanwhile', async () => {
    const world = await makeWorld();
    script(world, async (proceed) => {
      await fence(world);
      const result = await proceed();
      await world.stores.metadata.write([{ kind: 'delete', key: headKey(world.ledger) }]);
      return result;
    });
    const { error } = await failure(world, append(world.writer, world.ledger));
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' });
  });
});
