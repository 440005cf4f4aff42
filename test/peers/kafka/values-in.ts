/**
 * What a peer has read, as `inventMessage` notes what was written: all values as texts, bytes in base64, ids in
 * base64url.
 */

const DASHED_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function valuesIn(value: unknown, without?: RegExp): string[] {
  if (value === null || value === undefined) return [];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('base64')];
  if (typeof value === 'string' && DASHED_ID.test(value))
    return [Buffer.from(value.replaceAll('-', ''), 'hex').toString('base64url')];
  if (Array.isArray(value)) return value.flatMap((each) => valuesIn(each, without));
  if (typeof value === 'object') {
    return Object.entries(value).flatMap(([name, inner]) => (without?.test(name) ? [] : valuesIn(inner, without)));
  }
  // oxlint-disable-next-line typescript/no-base-to-string -- objects are above
  return [String(value)];
}
