/** Node's oldest major version that has what Millrace uses; the same as `engines` in package.json. */
const MAJOR_MIN = 24;

/** What to tell someone whose Node is too old; `undefined` where it is not. */
export function nodeTooOld(version: string): string | undefined {
  const major = Number.parseInt(version, 10);
  if (major >= MAJOR_MIN) return undefined;
  return `Node ${version} is too old: Millrace needs Node ${MAJOR_MIN} or newer`;
}
