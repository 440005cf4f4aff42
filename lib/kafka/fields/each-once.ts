/**
 * What a request names more than once is answered once: to answer each time could make of a few bytes any number of
 * them.
 */
export function eachOnce<T>(all: readonly T[], nameOf: (one: T, at: number) => string): T[] {
  return [...new Map(all.map((one, at) => [nameOf(one, at), one])).values()];
}
