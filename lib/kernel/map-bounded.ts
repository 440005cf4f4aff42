import type { Turns } from './turns.ts';

/**
 * Calls `work` for every item, at most `inFlightMax` at a time, and returns the results in the items' order. After a
 * failure no further call begins; those under way are awaited, so that nothing goes on behind the caller's back, and
 * the first failure is thrown. With `turns` there are breaks in it, where there are more items: promises alone let
 * nobody else have a turn, and work that waits for nothing would be done to its end.
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  inFlightMax: number,
  work: (item: T, index: number) => Promise<R>,
  turns?: Turns,
): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        failures.push(error);
      }
      const turn = next < items.length ? turns?.ownTurn() : undefined;
      if (turn !== undefined) await turn;
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}

/** The items in runs of at most `length`, in order. */
export function chunked<T>(items: readonly T[], length: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += length) chunks.push(items.slice(at, at + length));
  return chunks;
}
