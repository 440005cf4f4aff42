import { describe, expect, it } from 'vitest';
import type { Call } from '../../lib/kafka/api.ts';
import { handOnInTurns } from '../../lib/kafka/map-in-turns.ts';
import { kafkaLimits } from '../../lib/kernel/limits/kafka.ts';
import { ShortTurns } from '../support/short-turns.ts';

const { kafkaHandedOnMax: MAX } = kafkaLimits;

describe('what is handed on as a whole', () => {
  const handOn = async (length: number) => {
    const turns = new ShortTurns();
    const call = { gateway: { turns } } as unknown as Call;
    const lengths: number[] = [];
    const items = Array.from({ length }, (_, at) => at);
    const results = await handOnInTurns(call, items, async (some) => {
      lengths.push(some.length);
      return some.map((item) => -item);
    });
    expect(results).toEqual(items.map((item) => -item));
    return { lengths, breaks: turns.breaks };
  };

  it('is handed on at once where it is little, or nothing', async () => {
    expect(await handOn(MAX)).toEqual({ lengths: [MAX], breaks: 0 });
    expect(await handOn(0)).toEqual({ lengths: [0], breaks: 0 });
  });

  it('is handed on in parts of that size with breaks between them, and answered in its order', async () => {
    const { lengths, breaks } = await handOn(5 * MAX + 1);
    expect(lengths).toEqual([MAX, MAX, MAX, MAX, MAX, 1]);
    expect(breaks).toBeGreaterThan(2);
  });
});
