/**
 * The sweeper: deletes objects that no ledger has and none can get any more.
 *
 * An object without a commit is what a crash between upload and sequencing leaves. How it is told from one that is yet
 * to be committed: lifecycle/orphans.ts, and lifecycle/merged-orphans.ts for what merging leaves.
 *
 * May run at any time, overlap with itself and stop anywhere. The oldest objects come first, so that where it was told
 * to stop is a time: everything before it was looked at.
 */
import type { ReplicaId } from '../../coordination/replication/replica-state.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import { chunked } from '../../kernel/map-bounded.ts';
import { HOUR_MS, hourOf, hourPrefix, parseObjectName, type Tier } from '../../log/segment/object-name.ts';
import type { Broker } from '../broker.ts';
import { type SweptObject, type SweptObjects, sweepObjects } from './sweep-objects.ts';
import { SweepSources } from './sweep-sources.ts';

export interface SweepRequest {
  /** Objects born from here (ms since the epoch) … */
  fromMs: number;
  /** … to here are looked at; never any that are younger than `orphanAgeMs`. */
  toMs: number;
  /** How old an object must be to count as given up by its writer. Default one hour. */
  orphanAgeMs?: number;
  /** Only what this replica has. */
  replica?: ReplicaId;
  /** Stops before the next objects. */
  signal?: AbortSignal;
}

export interface SweepReport extends SweptObjects {
  /** Where it was told to stop: the birth from which objects were not looked at. */
  stoppedAtMs?: number;
  /** Of replicas that could not be reached: the birth of the oldest object that must be looked for there again. */
  behind?: ReadonlyMap<ReplicaId, number>;
}

const TIERS: readonly Tier[] = ['inline', 'segments', 'merged'];

export async function sweep(broker: Broker, request: SweepRequest): Promise<SweepReport> {
  const cutoffMs = Math.min(request.toMs, broker.clock.now() - (request.orphanAgeMs ?? sweeperLimits.orphanAgeMs));
  const report: SweepReport = { examined: 0, deleted: 0, unreadable: 0 };
  const sources = new SweepSources(broker, request.replica);
  for (let hour = hourOf(request.fromMs); hour * HOUR_MS <= cutoffMs && report.stoppedAtMs === undefined; hour++) {
    await sweepHour(
      broker,
      { ...request, fromMs: Math.max(hour * HOUR_MS, request.fromMs), toMs: cutoffMs },
      sources,
      report,
    );
  }
  return sources.behind.size === 0 ? report : { ...report, behind: sources.behind };
}

async function sweepHour(
  broker: Broker,
  { fromMs, toMs, signal }: SweepRequest,
  sources: SweepSources,
  report: SweepReport,
): Promise<void> {
  for (let nextMs: number | undefined = fromMs; nextMs !== undefined; ) {
    if (signal?.aborted === true) {
      report.stoppedAtMs = nextMs;
      return;
    }
    const { objects, restFromMs } = await oldestOf(sources, { fromMs: nextMs, toMs });
    await examineAll(broker, { objects, sources, signal }, report);
    nextMs = report.stoppedAtMs === undefined ? restFromMs : undefined;
  }
}

/**
 * The oldest objects of the hour that `fromMs` is in, from there on: so many as can be remembered, since stores list in
 * no order. `restFromMs`: where those begin that are left.
 */
async function oldestOf(
  sources: SweepSources,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Promise<{ objects: SweptObject[]; restFromMs?: number }> {
  let objects: SweptObject[] = [];
  let restFromMs: number | undefined;
  for (const tier of TIERS) {
    for await (const name of sources.names(tier, hourPrefix(tier, fromMs), fromMs)) {
      const birthMs = parseObjectName(name)?.id.birthMs;
      if (birthMs === undefined || birthMs < fromMs || birthMs > toMs) continue;
      if (restFromMs !== undefined && birthMs >= restFromMs) continue;
      objects.push({ name, tier, birthMs });
      if (objects.length <= sweeperLimits.sweepNamesRemembered) continue;
      const restMs = middleBirth(objects);
      if (restMs === undefined) continue;
      restFromMs = restMs;
      objects = objects.filter((object) => object.birthMs < restMs);
    }
  }
  objects.sort((a, b) => a.birthMs - b.birthMs);
  return restFromMs === undefined ? { objects } : { objects, restFromMs };
}

/** `undefined` where half of them were born in the same, first millisecond. */
function middleBirth(objects: readonly SweptObject[]): number | undefined {
  const births = objects.map(({ birthMs }) => birthMs).sort((a, b) => a - b);
  const middle = births[Math.floor(births.length / 2)] as number;
  return middle === births[0] ? undefined : middle;
}

async function examineAll(
  broker: Broker,
  {
    objects,
    sources,
    signal,
  }: { objects: readonly SweptObject[]; sources: SweepSources; signal: AbortSignal | undefined },
  report: SweepReport,
): Promise<void> {
  for (const some of chunked(objects, retiringLimits.orphansJudgedTogether)) {
    if (signal?.aborted === true) {
      report.stoppedAtMs = some[0]?.birthMs;
      return;
    }
    await sweepObjects(broker, { objects: some, sources, report });
  }
}
