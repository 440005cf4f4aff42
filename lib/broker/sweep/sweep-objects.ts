/**
 * Which of the objects that a sweep has come to nothing refers to and nothing ever will, and their deletion. They are
 * judged together (lifecycle/orphans.ts, lifecycle/merged-orphans.ts): a ledger is looked at once for all of them that
 * it may have, however many these are. What cannot be judged does not keep the others from it.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import type { Tier } from '../../log/segment/object-name.ts';
import type { Broker } from '../broker.ts';
import { readMergedObject } from '../lifecycle/merged-object.ts';
import { type MergedPart, mergedOrphansAmong } from '../lifecycle/merged-orphans.ts';
import type { ObjectParts } from '../lifecycle/object-parts.ts';
import { footerOf, orphansAmong } from '../lifecycle/orphans.ts';
import type { SweepSources } from './sweep-sources.ts';

export interface SweptObject {
  name: string;
  tier: Tier;
  birthMs: number;
}

/** What became of objects that a sweep has come to. */
export interface SweptObjects {
  examined: number;
  deleted: number;
  /** Objects whose footer cannot be understood. They are left alone and logged. */
  unreadable: number;
  /** The birth of the oldest object that could not be judged, because storage failed; absent where all were. */
  postponedFromMs?: number;
}

/** What of an object's footer judging needs, and the object. */
type Read<T> = T & { swept: SweptObject };

/** At most `retiringLimits.orphansJudgedTogether`, of any tiers. Answers the names of those that it has deleted. */
export async function sweepObjects(
  broker: Broker,
  { objects, sources, report }: { objects: readonly SweptObject[]; sources: SweepSources; report: SweptObjects },
): Promise<Set<string>> {
  const deleted = new Set<string>();
  const judge = new Judge(broker, report);
  report.examined += objects.length;
  const orphans = [
    ...(await judge.flushed(objects.filter(({ tier }) => tier !== 'merged'))),
    ...(await judge.merged(objects.filter(({ tier }) => tier === 'merged'))),
  ];
  for (const [tier, ofTier] of Map.groupBy(orphans, ({ tier }) => tier)) {
    for (const some of chunked(ofTier, storageLimits.deleteObjectsMax)) {
      const names = some.map(({ name }) => name);
      try {
        if (await sources.delete(names, tier, oldestOf(some))) for (const name of names) deleted.add(name);
      } catch (error) {
        judge.postpone(some, error);
      }
    }
  }
  report.deleted += deleted.size;
  return deleted;
}

class Judge {
  private readonly broker: Broker;
  private readonly report: SweptObjects;

  constructor(broker: Broker, report: SweptObjects) {
    this.broker = broker;
    this.report = report;
  }

  /** The orphans among objects of flushes. */
  async flushed(objects: readonly SweptObject[]): Promise<SweptObject[]> {
    const read = await this.footers(objects, async ({ name }): Promise<ObjectParts | undefined> => {
      const footer = await footerOf(this.broker, name);
      return footer && { object: footer.object, parts: footer.parts.map(({ ledger, seen }) => ({ ledger, seen })) };
    });
    return this.orphansAmong(read);
  }

  /** Where a ledger of one of them cannot be looked at, each is judged by itself. */
  private async orphansAmong(read: readonly Read<ObjectParts>[]): Promise<SweptObject[]> {
    try {
      return (await orphansAmong(this.broker, read)).map(({ swept }) => swept);
    } catch (error) {
      if (read.length > 1 && error instanceof MillraceError) {
        const each = await mapBounded(read, sweeperLimits.sweepExaminationsInFlightMax, (one) =>
          this.orphansAmong([one]),
        );
        return each.flat();
      }
      this.postpone(
        read.map(({ swept }) => swept),
        error,
      );
      return [];
    }
  }

  /** The orphans among merged objects. */
  async merged(objects: readonly SweptObject[]): Promise<SweptObject[]> {
    const read = await this.footers(objects, async ({ name }): Promise<MergedPart | undefined> => {
      const footer = (await readMergedObject(this.broker, name))?.footer;
      if (footer === undefined) return undefined;
      const { object, topic, topicId, partition, base, end } = footer;
      return { object, topic, topicId, partition, base, end };
    });
    const { orphans, undecided } = await mergedOrphansAmong(this.broker, read);
    for (const { objects: some, error } of undecided) {
      this.postpone(
        some.map(({ swept }) => swept),
        error,
      );
    }
    return orphans.map(({ swept }) => swept);
  }

  /** Throws what is no fault of storage. */
  postpone(objects: readonly SweptObject[], error: unknown): void {
    if (!(error instanceof MillraceError)) throw error;
    const { report } = this;
    report.postponedFromMs = Math.min(report.postponedFromMs ?? Number.POSITIVE_INFINITY, oldestOf(objects));
    const facts = { objects: objects.length, name: objects[0]?.name, error };
    this.broker.log.warn('Objects could not be judged; a later sweep looks again', facts);
  }

  /** Not of those that are gone. What cannot be understood never will be. */
  private async footers<T extends object>(
    objects: readonly SweptObject[],
    read: (object: SweptObject) => Promise<T | undefined>,
  ): Promise<Read<T>[]> {
    const found = await mapBounded(objects, sweeperLimits.sweepExaminationsInFlightMax, async (swept) => {
      try {
        const footer = await read(swept);
        return footer && Object.assign(footer, { swept });
      } catch (error) {
        if (!(error instanceof MillraceError) || error.retriable) {
          this.postpone([swept], error);
        } else {
          this.report.unreadable++;
          this.broker.log.error('An object cannot be read; it is left alone', { name: swept.name, error });
        }
        return undefined;
      }
    });
    return found.filter((one) => one !== undefined);
  }
}

function oldestOf(objects: readonly SweptObject[]): number {
  return objects.reduce((oldest, { birthMs }) => Math.min(oldest, birthMs), Number.POSITIVE_INFINITY);
}
