/** What is done for each of the things that a request names, of which there may be tens of thousands. */
import { kafkaLimits } from '../kernel/limits/kafka.ts';
import { chunked, mapBounded } from '../kernel/map-bounded.ts';
import type { Call } from './api.ts';

/** Some at a time, in their order, and with breaks in which other connections' requests are answered. */
export function mapInTurns<T, R>(
  { gateway: { turns } }: Call,
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  return mapBounded(items, kafkaLimits.kafkaPartitionsInFlightMax, work, turns);
}

/**
 * The same where all of them are handed on together: some are, with a break, and then the next ones. None are handed on
 * as well.
 */
export async function handOnInTurns<T, R>(
  { gateway: { turns } }: Call,
  items: readonly T[],
  work: (some: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  if (items.length <= kafkaLimits.kafkaHandedOnMax) return [...(await work(items))];
  const results: R[] = [];
  for (const some of chunked(items, kafkaLimits.kafkaHandedOnMax)) {
    await turns.ownTurn();
    results.push(...(await work(some)));
  }
  return results;
}
