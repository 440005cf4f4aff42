/** Appends with sequences of producers while answers are lost or late: what is in the ledger in the end. */
import { describe, expect, it } from 'vitest';
import type { MillraceError } from '../../../lib/kernel/errors.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { headOf, lost, makeStores, makeTopic, throttled } from '../../support/broker.ts';
import { makeOther, makeTwo, plain, recordsIn, refusal, type Sent, send, valuesIn } from '../../support/sequenced.ts';

describe('an append with a sequence whose answer was lost', () => {
  it('is not done again by a retry, whichever of its attempts came through', async () => {
    for (const applied of [true, false]) {
      const { first, second } = await makeTwo();
      await send(first, { seq: 0 });
      let late: (() => Promise<unknown>) | undefined;
      let writes = 0;
      first.metadata.onWrite = async (proceed) => {
        if (writes++ > 0) return proceed();
        late = proceed;
        if (applied) await proceed();
        throw lost();
      };
      expect(await send(first, { seq: 1 })).toEqual({ baseOffset: 1, duplicate: false });
      expect(await late?.()).toMatchObject({ outcome: 'refused' });
      expect(await send(second, { seq: 1 })).toEqual({ baseOffset: 1, duplicate: true });
      expect(await recordsIn(first)).toBe(2);
    }
  });

  it('whose retry by another process was there first, leaves the others of its flush written once', async () => {
    const { first, second } = await makeTwo();
    await send(first, { seq: 0 });
    let late: (() => Promise<unknown>) | undefined;
    let writes = 0;
    first.metadata.onWrite = async (proceed) => {
      if (writes++ > 0) return proceed();
      late = proceed;
      await send(second, { seq: 1 });
      throw lost();
    };
    const [mine, other] = await Promise.all([send(first, { seq: 1 }), plain(first)]);
    expect(mine).toEqual({ baseOffset: 1, duplicate: true });
    expect(other).toBe(2);
    expect(await late?.()).toMatchObject({ outcome: 'refused' });
    expect(await recordsIn(first)).toBe(3);
  });

  it('finds itself where the attempt was applied late, between the look and the next attempt', async () => {
    const { first } = await makeTwo();
    await send(first, { seq: 0 });
    let late: (() => Promise<unknown>) | undefined;
    let writes = 0;
    first.metadata.onWrite = async (proceed) => {
      writes++;
      if (writes === 1) {
        late = proceed;
        throw lost();
      }
      if (writes === 2) await late?.();
      return proceed();
    };
    const [mine, other] = await Promise.all([send(first, { seq: 1 }), plain(first)]);
    expect([mine, other]).toEqual([{ baseOffset: 1, duplicate: false }, 2]);
    expect(await recordsIn(first)).toBe(3);
  });
});

describe('a commit of several units that was applied late', () => {
  it('is found as a whole, though a head that the process reads meanwhile shows its producer', async () => {
    const { first } = await makeTwo();
    await send(first, { seq: 0 });
    let late: (() => Promise<unknown>) | undefined;
    let writes = 0;
    first.metadata.onWrite = async (proceed) => {
      writes++;
      if (writes === 1) {
        late = proceed;
        throw lost();
      }
      if (writes > 2) return proceed();
      await late?.();
      await first.broker.heads.strong(first.ledger);
      throw throttled();
    };
    const both = Promise.all([send(first, { seq: 1 }), plain(first)]);
    await first.clock.until(both);
    expect(await both).toEqual([{ baseOffset: 1, duplicate: false }, 2]);
    expect(await recordsIn(first)).toBe(3);
  });
});

describe('a commit that was applied, and whose offsets cannot be read at once', () => {
  it('is found, and what shares it is written once', async () => {
    const { first } = await makeTwo();
    const others = Array.from({ length: producerLimits.producersInHeadMax }, (_, index) => `other ${index}`);
    for (const producer of others) await send(first, { producer, seq: 0 });
    // The head is full: this producer has an item, and a transaction does not return what it made.
    let applied = false;
    let busy = 2;
    first.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      applied ||= writes.length > 1;
      return result;
    };
    first.metadata.onGet = async (proceed, { sk }) => {
      if (applied && sk === 'head' && busy-- > 0) throw throttled();
      return proceed();
    };
    const both = Promise.all([plain(first), send(first, { producer: 'late', seq: 0 }), plain(first)]);
    await first.clock.until(both);
    const from = others.length;
    expect(await both).toEqual([from, { baseOffset: from + 1, duplicate: false }, from + 2]);
    expect(busy).toBeLessThan(0);
    expect(await recordsIn(first)).toBe(from + 3);
  });

  it('is called unknown where they cannot be read in time', async () => {
    const { first } = await makeTwo();
    const others = Array.from({ length: producerLimits.producersInHeadMax }, (_, index) => `other ${index}`);
    for (const producer of others) await send(first, { producer, seq: 0 });
    let applied = false;
    first.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      applied ||= writes.length > 1;
      return result;
    };
    first.metadata.onGet = async (proceed, { sk }) => {
      if (applied && sk === 'head') throw throttled();
      return proceed();
    };
    const outcome = refusal(send(first, { producer: 'late', seq: 0 }));
    await first.clock.until(outcome);
    expect(await outcome).toMatchObject({ effect: 'unknown' });
  });
});

describe('producers that retry through any process, under faults', () => {
  it.each(Array.from({ length: 25 }, (_, seed) => seed + 1))(
    'have every record once and in order: seed %i',
    async (seed) => {
      const random = seededRandom(seed);
      const chance = (probability: number) => random.fraction() < probability;
      const stores = makeStores();
      const first = await makeTopic({ stores, partitions: 2 });
      const processes = [first, makeOther(stores, first), makeOther(stores, first)];
      const late: (() => Promise<unknown>)[] = [];
      let faults = true;
      for (const { metadata } of processes) {
        metadata.onWrite = async (proceed) => {
          if (!faults || chance(0.7)) return proceed();
          if (chance(0.3)) throw throttled();
          if (chance(0.5)) await proceed();
          else late.push(proceed);
          throw lost();
        };
      }
      const sendUntilAnswered = async (sent: Sent) => {
        for (;;) {
          const process = processes[Math.floor(random.fraction() * processes.length)] as typeof first;
          const outcome = await send(process, sent).catch((error: MillraceError) => error);
          if (!(outcome instanceof Error)) return outcome;
          expect(outcome.retriable, outcome.message).toBe(true);
        }
      };
      // Records without sequences go into the same commits, and must not suffer from who is refused beside them.
      const plainOnes = new Map<string, Promise<'written' | MillraceError>>();
      const sendPlain = (value: string, slot: number) => {
        const process = processes[Math.floor(random.fraction() * processes.length)] as typeof first;
        const outcome = plain(process, slot, value).then(
          () => 'written' as const,
          (error: MillraceError) => error,
        );
        plainOnes.set(value, outcome);
      };
      const producers = Array.from({ length: producerLimits.producersInHeadMax + 8 }, (_, i) => `p${i}`);
      const work = producers.map(async (producer, index) => {
        const slot = index % 2;
        for (let seq = 0; seq < 6; seq++) {
          // Some go twice at once, through two processes perhaps.
          const copies = Array.from({ length: chance(0.3) ? 2 : 1 }, () => sendUntilAnswered({ producer, seq, slot }));
          if (chance(0.3)) sendPlain(`plain-${producer}-${seq}`, slot);
          const sent = await Promise.all(copies);
          expect(new Set(sent.map(({ baseOffset }) => baseOffset)).size).toBe(1);
          if (chance(0.2)) await late.splice(Math.floor(random.fraction() * late.length), 1)[0]?.();
          if (chance(0.1)) await first.broker.sealer.seal(first.ledger);
          if (chance(0.1)) await first.clock.sleep(producerLimits.producerIdleInHeadMs);
        }
      });
      await first.clock.until(Promise.all(work), 30 * 60_000);
      await Promise.all(work);
      await first.clock.until(Promise.all(plainOnes.values()), 30 * 60_000);
      faults = false;
      for (const attempt of late) await attempt();
      for (const slot of [0, 1]) {
        const values = await valuesIn(first, slot);
        for (const producer of producers.filter((_, index) => index % 2 === slot)) {
          expect(values.filter((value) => value.startsWith(`${producer} `))).toEqual(
            Array.from({ length: 6 }, (_, seq) => `${producer} 0 ${slot} ${seq}`),
          );
        }
      }
      const all = [...(await valuesIn(first, 0)), ...(await valuesIn(first, 1))];
      for (const [value, promise] of plainOnes) {
        const outcome = await promise;
        const times = all.filter((one) => one === value).length;
        const unanswered = outcome !== 'written' && outcome.effect === 'unknown';
        expect(unanswered ? [0, 1] : [outcome === 'written' ? 1 : 0]).toContain(times);
      }
      const head = await headOf(first.metadata, first.ledger);
      expect(head.producers.size).toBeLessThanOrEqual(producerLimits.producersInHeadMax);
    },
  );
});
