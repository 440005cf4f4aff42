/** The assignors that a member can ask for, and the one of a group whose members ask for several. */
import { byText } from '../partitions.ts';
import type { Assignor } from './assignor.ts';
import { assignRange } from './range.ts';
import { assignSticky } from './sticky.ts';
import { assignUniform } from './uniform.ts';

export const ASSIGNORS = { range: assignRange, uniform: assignUniform, sticky: assignSticky } as const satisfies Record<
  string,
  Assignor
>;
export type AssignorName = keyof typeof ASSIGNORS;

/** What a group has whose members ask for none: moves are what a rebalance costs. */
export const ASSIGNOR_DEFAULT: AssignorName = 'sticky';

export function isAssignorName(name: string): name is AssignorName {
  return Object.hasOwn(ASSIGNORS, name);
}

/** Most votes; members without a wish have none. Of equals the first by name. */
export function electAssignor(wishes: Iterable<AssignorName | undefined>): AssignorName {
  const votes = new Map<AssignorName, number>();
  for (const wish of wishes) if (wish !== undefined) votes.set(wish, (votes.get(wish) ?? 0) + 1);
  const [first] = [...votes].sort(([a, many], [b, few]) => few - many || byText(a, b));
  return first?.[0] ?? ASSIGNOR_DEFAULT;
}
