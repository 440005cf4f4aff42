/** Rounds of two sides in turn: who goes first in one round goes second in the next. */
import type { PartContext } from '../part.ts';
import type { Side } from './sides.ts';

export interface Turns<Result> {
  sides: readonly [Side, Side];
  /** One round of one side; round 0 only warms the side up. */
  run: (side: Side, round: number) => Promise<Result>;
  describe: (result: Result) => string;
}

/** The results of each side in their order, without the warm-up. */
export async function takeTurns<Result>(
  context: PartContext,
  { sides, run, describe }: Turns<Result>,
): Promise<[Result[], Result[]]> {
  const { rounds } = context;
  const results: [Result[], Result[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    for (const at of order) {
      const result = await run(sides[at], round);
      if (round > 0) results[at].push(result);
      context.progress(
        `${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}, ${sides[at].name}: ${describe(result)}`,
      );
    }
  }
  return results;
}
