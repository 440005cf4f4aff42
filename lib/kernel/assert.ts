/** Thrown for bugs only: never caught to go on, never retried. What a caller can cause is a `MillraceError`. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what must hold here whatever the input; a failure is a bug in Millrace. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionError(what);
}

/** For the default branch of an exhaustive switch: the compiler proves that no case is left. */
export function unreachable(value: never): never {
  throw new AssertionError(`unexpected variant ${JSON.stringify(value)}`);
}
