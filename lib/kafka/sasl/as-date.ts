/** For libraries that want a `Date`. A conversion only: the time itself is an argument. */
export function asDate(ms: number): Date {
  return new Date(ms);
}
