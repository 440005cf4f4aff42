/** Which of the protocols that members offer a group uses. */

import type { ClassicMember } from '../member-item.ts';
import { byText } from '../partitions.ts';

/** Those that all members offer. A member that was only given an id so far offers nothing yet. */
export function candidateProtocols(members: readonly ClassicMember[]): ReadonlySet<string> {
  const offering = members.filter(({ joining }) => joining > 0);
  const [first, ...others] = offering.map(({ protocols }) => new Set(protocols.map(({ name }) => name)));
  return new Set([...(first ?? [])].filter((name) => others.every((offered) => offered.has(name))));
}

/** Each member votes for the candidate that it likes best. Of equals the first by name. */
export function selectProtocol(members: readonly ClassicMember[]): string | undefined {
  const candidates = candidateProtocols(members);
  const votes = new Map<string, number>();
  for (const { protocols } of members) {
    const vote = protocols.find(({ name }) => candidates.has(name))?.name;
    if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
  }
  const [first] = [...votes].sort(([a, many], [b, few]) => few - many || byText(a, b));
  return first?.[0];
}
