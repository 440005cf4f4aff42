import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';

/** Fails with the first that differs: assert's own comparison of long lists takes minutes to say what does. */
export function assertSame(actual: readonly unknown[], expected: readonly unknown[]): void {
  const length = Math.max(actual.length, expected.length);
  for (let index = 0; index < length; index++) {
    if (isDeepStrictEqual(actual[index], expected[index])) continue;
    const what = `${index} of ${expected.length} (there are ${actual.length})`;
    assert.fail(`${what} is ${JSON.stringify(actual[index])} instead of ${JSON.stringify(expected[index])}`);
  }
}
