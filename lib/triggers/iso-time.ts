/** Times as text for events and invocation records. A conversion only: the time itself is an argument. */

/** As in `2019-11-14T00:38:06.021Z`. */
export function isoMilliseconds(ms: number): string {
  return new Date(ms).toISOString();
}

/** As in `2020-07-30T17:00:00Z`, of a time that is a whole second. */
export function isoSeconds(ms: number): string {
  return isoMilliseconds(ms).replace(/\.000Z$/, 'Z');
}
