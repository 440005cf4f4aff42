/**
 * Names of stored objects: `<tier>/<hour>/<id>`.
 *
 * The tier says where the bytes live, so that a name alone is enough to read them; the hour of birth (hours since the
 * epoch) lets the sweeper list what was born in a span of time from stores that list in no order.
 */
import { type ObjectId, objectIdText, parseObjectId } from '../../kernel/ids.ts';

/**
 * `inline`: an item in the table. `segments`: an object in the bucket, of many partitions. `merged`: one in the bucket,
 * of a single partition (lib/log/merged).
 */
export type Tier = 'inline' | 'segments' | 'merged';

/** Where a commit's object can be. */
export type CommitTier = Exclude<Tier, 'merged'>;

export const HOUR_MS = 3_600_000;

/** Hours since the epoch at a time in milliseconds. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / HOUR_MS);
}

export function objectName(tier: Tier, id: ObjectId): string {
  return `${hourPrefix(tier, id.birthMs)}${objectIdText(id)}`;
}

/** What the names of all objects born in the hour of `timeMs` begin with. */
export function hourPrefix(tier: Tier, timeMs: number): string {
  return `${tier}/${hourOf(timeMs)}/`;
}

export function parseObjectName(name: string): { tier: Tier; id: ObjectId } | undefined {
  const [tier, hour, idText, ...rest] = name.split('/');
  if ((tier !== 'inline' && tier !== 'segments' && tier !== 'merged') || idText === undefined || rest.length > 0)
    return undefined;
  const id = parseObjectId(idText);
  return id !== undefined && String(hourOf(id.birthMs)) === hour ? { tier, id } : undefined;
}
