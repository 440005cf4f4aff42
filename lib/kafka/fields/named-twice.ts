/** What a request names more than once is refused, each name once, and the rest is done, as in Kafka. */
export function namedTwice<T>(all: readonly T[], nameOf: (one: T) => string): { once: T[]; twice: T[] } {
  const seen = new Map<string, { first: T; times: number }>();
  for (const one of all) {
    const name = nameOf(one);
    const known = seen.get(name);
    if (known === undefined) seen.set(name, { first: one, times: 1 });
    else known.times += 1;
  }
  const groups = [...seen.values()];
  return {
    once: groups.filter(({ times }) => times === 1).map(({ first }) => first),
    twice: groups.filter(({ times }) => times > 1).map(({ first }) => first),
  };
}
