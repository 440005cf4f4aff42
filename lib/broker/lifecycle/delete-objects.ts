/**
 * Deletes objects that one ledger needs no longer: its pages are retired, or its topic is deleted. An object that the
 * ledger has for itself goes at once. Of another the footer says which ledgers may need it; the last one that is done
 * with it deletes it.
 *
 * May be repeated and overlap with itself: an object that is not there is none to delete.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { ObjectId } from '../../kernel/ids.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import { objectName, type Tier } from '../../log/segment/object-name.ts';
import type { Broker } from '../broker.ts';
import { SweepSources } from '../sweep/sweep-sources.ts';
import type { ObjectParts } from './object-parts.ts';
import { footerOf, orphansAmong } from './orphans.ts';

export interface StoredObject {
  tier: Tier;
  object: ObjectId;
}

/**
 * Those of these commits, of any order and number; entries for bundles have none. Answers how many were deleted. Where
 * it fails, some may be left, and it is to be repeated.
 */
export async function deleteObjects(broker: Broker, commits: readonly Commit[]): Promise<number> {
  const candidates = new Map<string, StoredObject & { alone: boolean }>();
  for (const commit of commits) {
    if (isBundle(commit)) continue;
    const { tier, object } = commit;
    const name = objectName(tier, object);
    // Where commits differ, the careful one is right.
    const alone = commit.alone === true && candidates.get(name)?.alone !== false;
    candidates.set(name, { tier, object, alone });
  }
  const { alone: doomed = [], shared = [] } = Object.groupBy(candidates.values(), ({ alone }) =>
    alone ? 'alone' : 'shared',
  );
  let deleted = await deleteStored(broker, doomed);
  for (const some of chunked(shared, retiringLimits.orphansJudgedTogether)) {
    const unneeded = await unneededAmong(broker, some);
    deleted += await deleteStored(broker, unneeded);
    for (const { tier, object } of unneeded) broker.parts.forget(objectName(tier, object));
  }
  return deleted;
}

/**
 * Objects that nobody can need, from everywhere. Throws a retriable fault where a replica cannot be reached: then it
 * has them still.
 */
export async function deleteStored(broker: Broker, objects: readonly StoredObject[]): Promise<number> {
  for (const [tier, ofTier] of Map.groupBy(objects, ({ tier }) => tier)) {
    for (const some of chunked(ofTier, storageLimits.deleteObjectsMax)) {
      const names = some.map(({ object }) => objectName(tier, object));
      const birthMs = Math.min(...some.map(({ object }) => object.birthMs));
      // One that is not reached is asked again next time.
      if (await new SweepSources(broker).delete(names, tier, birthMs)) continue;
      throw new MillraceError(
        'KAFKA_STORAGE_ERROR',
        'A replica does not delete what nobody needs any more; try again.',
      );
    }
  }
  return objects.length;
}

async function unneededAmong(broker: Broker, candidates: readonly StoredObject[]): Promise<StoredObject[]> {
  const found = await mapBounded(candidates, sweeperLimits.sweepExaminationsInFlightMax, async (stored) => {
    const parts = await partsOf(broker, objectName(stored.tier, stored.object));
    return parts && { ...parts, stored };
  });
  const known = found.filter((parts) => parts !== undefined);
  return (await orphansAmong(broker, known)).map(({ stored }) => stored);
}

/** `undefined` where it is gone. One that cannot be understood is left alone, as the sweeper does. */
async function partsOf(broker: Broker, name: string): Promise<ObjectParts | undefined> {
  try {
    return await broker.parts.find(name, () => footerOf(broker, name));
  } catch (error) {
    if (!(error instanceof MillraceError) || error.retriable) throw error;
    broker.log.error('An object cannot be read; it is left alone', { name, error });
    return undefined;
  }
}
