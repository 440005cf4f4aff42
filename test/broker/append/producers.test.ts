/** Appends with sequences of producers: through one process, through several, in the head and out of it. */
import { describe, expect, it } from 'vitest';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { toHex } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { producerItemKey } from '../../../lib/log/ledger/producer-item.ts';
import { holdPuts, watch } from '../../support/appending.ts';
import { headOf, lost, makeTopic } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { keyOf, makeTwo, plain, recordsIn, refusal, send, valuesIn } from '../../support/sequenced.ts';

describe('an append with a sequence', () => {
  it('costs one read of the producer at first, then one write as any other', async () => {
    const process = await makeTopic();
    expect(await send(process, { seq: 0 })).toEqual({ baseOffset: 0, duplicate: false });
    process.metadata.forget();
    expect(await send(process, { seq: 1 })).toEqual({ baseOffset: 1, duplicate: false });
    expect(process.metadata.calls).toEqual(['write head']);
  });

  it('is done once, however often it is sent, and the last five are answered with their offsets', async () => {
    const process = await makeTopic();
    for (let seq = 0; seq < 12; seq += 2) await send(process, { seq, count: 2 });
    for (let seq = 2; seq < 12; seq += 2) {
      expect(await send(process, { seq, count: 2 })).toEqual({ baseOffset: seq, duplicate: true });
    }
    const tooOld = await refusal(send(process, { seq: 0, count: 2 }));
    expect(tooOld).toMatchObject({ code: 'DUPLICATE_SEQUENCE_NUMBER', effect: 'none', retriable: false });
    expect(await recordsIn(process)).toBe(12);
  });

  it('finds a duplicate whose commit has left the tail, in this process and in another', async () => {
    const { first, second } = await makeTwo();
    await plain(first);
    expect(await send(first, { seq: 0, count: 3 })).toMatchObject({ baseOffset: 1 });
    for (let i = 0; i < ledgerLimits.sealsRemembered + 3; i++) {
      await plain(first);
      await first.broker.sealer.seal(first.ledger);
    }
    expect(await send(first, { seq: 0, count: 3 })).toEqual({ baseOffset: 1, duplicate: true });
    expect(await send(second, { seq: 0, count: 3 })).toEqual({ baseOffset: 1, duplicate: true });
  });

  it('is per partition', async () => {
    const process = await makeTopic({ partitions: 3 });
    for (const slot of [0, 1, 2]) expect(await send(process, { seq: 0, slot })).toMatchObject({ duplicate: false });
    expect(await send(process, { seq: 0, slot: 1 })).toEqual({ baseOffset: 0, duplicate: true });
    expect(await refusal(send(process, { seq: 60_000, slot: 1 }))).toMatchObject({
      code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      facts: { expectedSequence: 1 },
    });
  });

  it('wraps after 2^31 − 1', async () => {
    const process = await makeTopic();
    const near = 2 ** 31 - 2;
    const begun = send(process, { seq: near, count: 3 });
    await process.clock.until(begun);
    expect(await send(process, { seq: 1 })).toEqual({ baseOffset: 3, duplicate: false });
    expect(await send(process, { seq: near, count: 3 })).toEqual({ baseOffset: 0, duplicate: true });
  });

  it('of a newer epoch fences the older one', async () => {
    const { first, second } = await makeTwo();
    await send(first, { seq: 0 });
    await send(second, { seq: 0, epoch: 3 });
    expect(await refusal(send(first, { seq: 1 }))).toMatchObject({ code: 'INVALID_PRODUCER_EPOCH', effect: 'none' });
    const future = refusal(send(first, { seq: 5, epoch: 4 }));
    await first.clock.until(future);
    expect(await future).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', facts: { expectedSequence: 0 } });
    expect(await send(first, { seq: 1, epoch: 3 })).toMatchObject({ baseOffset: 2 });
  });

  it('and an expected offset is a duplicate before it is a mismatch', async () => {
    const { first, second } = await makeTwo();
    expect(await send(first, { seq: 0, expectedOffset: 0 })).toEqual({ baseOffset: 0, duplicate: false });
    for (const process of [first, second]) {
      expect(await send(process, { seq: 0, expectedOffset: 0 })).toEqual({ baseOffset: 0, duplicate: true });
    }
    expect(await refusal(send(second, { seq: 1, expectedOffset: 0 }))).toMatchObject({ code: 'OFFSET_MISMATCH' });
    expect(await send(first, { seq: 1, expectedOffset: 1 })).toEqual({ baseOffset: 1, duplicate: false });
  });

  it('of a producer that is forgotten begins anywhere', async () => {
    const process = await makeTopic();
    await send(process, { seq: 0 });
    await process.clock.advance(producerLimits.producerIdExpirationMsDefault);
    const anew = send(process, { seq: 500 });
    await process.clock.until(anew);
    expect(await anew).toEqual({ baseOffset: 1, duplicate: false });
    expect(await send(process, { seq: 501 })).toMatchObject({ duplicate: false });
  });
});

describe('the same records sent twice at once', () => {
  it('wait for each other in one process, and are stored once', async () => {
    const process = await makeTopic();
    const both = await Promise.all([send(process, { seq: 0 }), send(process, { seq: 0 })]);
    expect(both).toEqual([
      { baseOffset: 0, duplicate: false },
      { baseOffset: 0, duplicate: true },
    ]);
    expect(process.objects.count('put')).toBe(1);
    expect(await recordsIn(process)).toBe(1);
  });

  it('fail together where the first fails', async () => {
    const process = await makeTopic();
    await send(process, { seq: 0 });
    process.metadata.onWrite = () => Promise.reject(lost());
    process.metadata.onGet = () => Promise.reject(lost());
    const both = [refusal(send(process, { seq: 1 })), refusal(send(process, { seq: 1 }))];
    await process.clock.until(Promise.all(both));
    for (const error of await Promise.all(both)) expect(error).toMatchObject({ effect: 'unknown', retriable: true });
    process.metadata.onWrite = undefined;
    process.metadata.onGet = undefined;
    expect(await send(process, { seq: 1 })).toEqual({ baseOffset: 1, duplicate: false });
  });

  it('are stored once by two processes', async () => {
    const { first, second } = await makeTwo();
    await Promise.all([plain(first), plain(second)]);
    for (let seq = 0; seq < 20; seq++) {
      const both = await Promise.all([send(first, { seq }), send(second, { seq })]);
      expect(both.filter(({ duplicate }) => duplicate)).toHaveLength(1);
      expect(both[0].baseOffset).toBe(both[1].baseOffset);
    }
    expect(await recordsIn(first)).toBe(22);
  });
});

describe('records that overtake those before them', () => {
  it('wait for them in one process, without a pause', async () => {
    const process = await makeTopic();
    await send(process, { seq: 0 });
    const sent = [3, 2, 1].map((seq) => send(process, { seq }));
    expect((await Promise.all(sent)).map(({ baseOffset }) => baseOffset)).toEqual([3, 2, 1]);
  });

  it('wait for them in another process', async () => {
    const { first, second } = await makeTwo();
    await send(first, { seq: 0 });
    const later = watch(send(second, { seq: 2 }));
    await first.clock.advance(250);
    expect(later.outcome).toBe('pending');
    await send(first, { seq: 1 });
    await first.clock.advance(producerLimits.sequenceGapPollMs);
    expect(later.outcome).toEqual({ baseOffset: 2, duplicate: false });
  });

  it('need not wait where another process has written those before, though this one has not seen it', async () => {
    const { first, second } = await makeTwo();
    for (let seq = 0; seq < 10; seq++) {
      const sent = await send(seq % 2 === 0 ? first : second, { seq });
      expect(sent).toEqual({ baseOffset: seq, duplicate: false });
    }
    expect(first.clock.sleeping).toBe(0);
  });

  it('wait for them also at the beginning, when nobody knows the producer', async () => {
    const process = await makeTopic();
    const sent = [10, 0].map((seq) => send(process, { seq, count: 10 }));
    expect((await Promise.all(sent)).map(({ baseOffset }) => baseOffset)).toEqual([10, 0]);
  });

  it('are refused when those do not come, and at once when too many are missing', async () => {
    const process = await makeTopic();
    await send(process, { seq: 0 });
    const refused = { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', effect: 'none', facts: { expectedSequence: 1 } };
    const gap = refusal(send(process, { seq: 2 }));
    expect(await process.clock.until(gap)).toBe(producerLimits.sequenceGapWaitMs);
    expect(await gap).toMatchObject(refused);
    expect(await refusal(send(process, { seq: producerLimits.sequenceGapMax + 2 }))).toMatchObject(refused);
    expect(await recordsIn(process)).toBe(1);
  });

  it('in front of those before them do not make these too old, where the producer is not known here', async () => {
    const { first, second } = await makeTwo();
    await send(first, { seq: 0 });
    await first.clock.advance(producerLimits.producerIdleInHeadMs);
    const puts = holdPuts(first);
    const before = plain(first);
    await idle();
    const ahead = refusal(send(first, { seq: 2 }));
    await first.clock.advance(producerLimits.sequenceGapWaitMs);
    // It leaves the head, and this process, which knew that it had no item, sees no more than that.
    for (let i = 0; i < producerLimits.producersInHeadMax; i++) await send(second, { producer: `p${i}`, seq: 0 });
    await first.broker.heads.strong(first.ledger);
    const next = send(first, { seq: 1 });
    await idle();
    first.objects.onPut = undefined;
    await puts.release(0);
    await before;
    expect(await next).toMatchObject({ duplicate: false });
    expect(await ahead).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
  });

  it('are refused where those before them failed', async () => {
    const process = await makeTopic();
    await send(process, { seq: 0 });
    let puts = 0;
    process.objects.onPut = (proceed) => {
      if (puts++ > 0) return proceed();
      throw new MillraceError('POLICY_VIOLATION', 'access denied');
    };
    const first = refusal(send(process, { seq: 1 }));
    await idle();
    const second = refusal(send(process, { seq: 2 }));
    expect(await first).toMatchObject({ code: 'POLICY_VIOLATION' });
    await process.clock.until(second);
    expect(await second).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', facts: { expectedSequence: 1 } });
  });
});

describe('a refused producer', () => {
  /** A flush of `first` in which the producers named here are refused or known, because `second` was there before. */
  async function mixedFlush() {
    const { stores, first, second } = await makeTwo(2);
    await send(first, { producer: 'twice', seq: 0 });
    await send(first, { producer: 'fenced', seq: 0 });
    await send(second, { producer: 'twice', seq: 1, count: 2 });
    await send(second, { producer: 'fenced', seq: 0, epoch: 1 });
    first.metadata.forget();
    const objects = first.objects.count('put');
    const outcomes = await Promise.allSettled([
      plain(first),
      send(first, { producer: 'twice', seq: 1, count: 2 }),
      send(first, { producer: 'a', seq: 0, count: 3 }),
      send(first, { producer: 'fenced', seq: 1 }),
      send(first, { producer: 'b', seq: 0, slot: 1 }),
      plain(first, 1),
    ]);
    return { stores, first, outcomes, puts: first.objects.count('put') - objects };
  }

  it('is answered by itself, and the others of its flush are sequenced with the same object', async () => {
    const { first, outcomes, puts } = await mixedFlush();
    const values = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason));
    expect(values).toEqual([
      5,
      { baseOffset: 2, duplicate: true },
      { baseOffset: 6, duplicate: false },
      expect.objectContaining({ code: 'INVALID_PRODUCER_EPOCH', effect: 'none' }),
      { baseOffset: 0, duplicate: false },
      1,
    ]);
    expect(puts).toBe(1);
    expect(await recordsIn(first)).toBe(9);
    expect(await recordsIn(first, 1)).toBe(2);
    const { tail } = await headOf(first.metadata, first.ledger);
    expect(new Set(tail.map(({ object, part }) => `${toHex(object.random)} ${part}`)).size).toBe(tail.length);
    // Neither of those two can say that it has the object for itself.
    expect(tail.map(({ alone }) => alone)).toEqual([true, true, true, true, undefined, undefined, undefined]);
  });

  it('leaves commits whose bytes are their own', async () => {
    const { first } = await mixedFlush();
    expect(await valuesIn(first)).toEqual([
      'twice 0 0 0',
      'fenced 0 0 0',
      'twice 0 0 1',
      'twice 0 0 2',
      'fenced 1 0 0',
      'plain',
      'a 0 0 0',
      'a 0 0 1',
      'a 0 0 2',
    ]);
    expect(await valuesIn(first, 1)).toEqual(['b 0 1 0', 'plain']);
  });

  it('leaves an object that the sweeper keeps, though its footer does not name these commits', async () => {
    const { first } = await mixedFlush();
    const nowMs = first.clock.now();
    await first.clock.advance(2 * sweeperLimits.orphanAgeMs);
    const report = await sweep(first.broker, { fromMs: nowMs - 1_000, toMs: first.clock.now() });
    expect(report).toMatchObject({ deleted: 0 });
    expect(report.examined).toBeGreaterThan(3);
  });
});

describe('many producers on one ledger', () => {
  it('stay correct by the thousand, with a head that is bounded', async () => {
    const { first, second } = await makeTwo();
    const producers = Array.from({ length: 2_000 }, (_, i) => `p${i}`);
    for (const seq of [0, 1]) {
      const sent = await Promise.all(producers.map((producer) => send(first, { producer, seq })));
      expect(sent.every(({ duplicate }) => !duplicate)).toBe(true);
      const head = await headOf(first.metadata, first.ledger);
      expect(head.producers.size).toBe(producerLimits.producersInHeadMax);
      const packed = Array.from(head.producers, ([key, bytes]) => key.length + 1 + bytes.length);
      expect(packed.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(producerLimits.producerBytesInHeadMax);
      await first.clock.advance(producerLimits.producerIdleInHeadMs);
    }
    const again = await Promise.all(producers.map((producer) => send(second, { producer, seq: 1 })));
    expect(again.every(({ duplicate }) => duplicate)).toBe(true);
    const gaps = producers.map((producer) => refusal(send(second, { producer, seq: 70_000 })));
    for (const error of await Promise.all(gaps)) {
      expect(error).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', facts: { expectedSequence: 2 } });
    }
    expect(await recordsIn(first)).toBe(4_000);
  });

  it('have one home each: the head or an item', async () => {
    const { first } = await makeTwo();
    const producers = Array.from({ length: 80 }, (_, i) => `p${i}`);
    for (let round = 0; round < 4; round++) {
      for (const producer of producers) await send(first, { producer, seq: round });
      await first.clock.advance(producerLimits.producerIdleInHeadMs);
    }
    const head = await headOf(first.metadata, first.ledger);
    for (const producer of producers) {
      const item = await first.metadata.get(producerItemKey(first.ledger, keyOf(producer)), 'strong');
      expect(head.producers.has(keyOf(producer))).toBe(item === undefined);
    }
    expect(head.producers.size).toBe(producerLimits.producersInHeadMax);
  });

  it('that are not in the head append with two items, without a read before it', async () => {
    const process = await makeTopic();
    for (let i = 0; i < producerLimits.producersInHeadMax; i++) await send(process, { producer: `p${i}`, seq: 0 });
    await send(process, { producer: 'late', seq: 0 });
    process.metadata.forget();
    await send(process, { producer: 'late', seq: 1 });
    expect(process.metadata.calls.filter((call) => call.startsWith('write'))).toHaveLength(1);
    expect(process.metadata.calls.some((call) => call.startsWith('get producer#'))).toBe(false);
  });
});
