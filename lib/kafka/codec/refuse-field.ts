/** What a message cannot say in the version that it is written in. Whoever made it has a bug. */
import { assert } from '../../kernel/assert.ts';

export function refuseIf(isSet: boolean, field: string, version: number): void {
  assert(!isSet, `version ${version} has ${field}`);
}

export function refuseNull<T>(value: T, allowed: boolean, field: string, version: number): T {
  assert(allowed || value !== null, `${field} is not null in version ${version}`);
  return value;
}
