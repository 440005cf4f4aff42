/**
 * Rings of triggers by the topics where what fails goes: a record that none of their functions takes would go round in
 * one for ever, and grow by a header's worth each time.
 */
import type { Trigger } from './trigger.ts';
import { topicMatcher } from './trigger-topics.ts';

export type FailureRoute = Pick<Trigger, 'name' | 'topics' | 'onFailure'>;

/**
 * The triggers that what fails of `trigger` passes before it is back, `trigger` first; `undefined`: it does not come
 * back.
 */
export function failureLoop(trigger: FailureRoute, others: readonly FailureRoute[]): string[] | undefined {
  const isOwn = topicMatcher(trigger.topics);
  const routes = others
    .filter(({ name }) => name !== trigger.name)
    .map((route) => ({ name: route.name, means: topicMatcher(route.topics), to: topicOfFailure(route) }));
  const seen = new Set<string>();
  const paths = [{ to: topicOfFailure(trigger), names: [trigger.name] }];
  for (const { to, names } of paths) {
    if (to === undefined) continue;
    if (isOwn(to)) return names;
    for (const route of routes) {
      if (seen.has(route.name) || !route.means(to)) continue;
      seen.add(route.name);
      paths.push({ to: route.to, names: [...names, route.name] });
    }
  }
  return undefined;
}

function topicOfFailure({ onFailure }: FailureRoute): string | undefined {
  return onFailure?.kind === 'topic' ? onFailure.topic : undefined;
}
