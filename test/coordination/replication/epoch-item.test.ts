import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEpoch,
  EPOCHS_END,
  EPOCHS_START,
  encodeEpoch,
  endOfEpoch,
  epochKey,
  type LeaderEpoch,
} from '../../../lib/coordination/replication/epoch-item.ts';

const offset = fc.integer({ min: 0, max: 2 ** 45 });
const slots = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 16, maxLength: 16 });
const range = fc.tuple(offset, offset).map(([from, length]) => ({ from, to: from + length }));
const epochs: fc.Arbitrary<LeaderEpoch> = fc.record(
  {
    epoch: fc.integer({ min: 1, max: 10 ** 9 }),
    leader: fc.integer({ min: 0, max: 7 }),
    starts: slots(offset),
    lost: slots(range),
  },
  { requiredKeys: ['epoch', 'leader', 'starts'] },
);

const HEAD = { pk: 'ledger#t#0', sk: 'head' };
const from = (epoch: number, start: number): LeaderEpoch => ({
  epoch,
  leader: 0,
  starts: Array<number>(16).fill(start),
});

describe('the item of an epoch', () => {
  test('comes back as it was put', () => {
    fc.assert(
      fc.property(epochs, (epoch) => {
        expect(decodeEpoch(epoch.epoch, encodeEpoch(epoch))).toEqual(epoch);
      }),
    );
  });

  test('lies beside the head, in the order of epochs, and apart from pages', () => {
    expect(epochKey(HEAD, 12)).toEqual({ pk: 'ledger#t#0', sk: 'epoch#000000000012' });
    expect(EPOCHS_START <= epochKey(HEAD, 1).sk && epochKey(HEAD, 10 ** 11).sk < EPOCHS_END).toBe(true);
    expect(EPOCHS_END < 'head').toBe(true);
  });

  test('of epoch 0 there is none', () => {
    expect(() => epochKey(HEAD, 0)).toThrow('epoch 0');
  });
});

describe('an epoch ends', () => {
  test('at the end of the log while it is the last', () => {
    expect(endOfEpoch(2, [from(1, 5), from(2, 9)], 0, 20)).toBe(20);
  });

  test('where the next began', () => {
    expect(endOfEpoch(0, [from(1, 5), from(2, 9)], 3, 20)).toBe(5);
    expect(endOfEpoch(1, [from(1, 5), from(2, 9)], 3, 20)).toBe(9);
  });

  test('where a later one cut deeper', () => {
    expect(endOfEpoch(0, [from(1, 9), from(2, 5)], 0, 20)).toBe(5);
  });
});
