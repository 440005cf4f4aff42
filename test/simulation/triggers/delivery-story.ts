/** What happened to one partition of one trigger's group, put together for the checkers. */
import { laneOf } from '../../../lib/coordination/triggers/lanes.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import {
  type CommitStep,
  type FinalPartition,
  type GivenUp,
  type LeaseStep,
  type Run,
  stepAt,
  type TriggerHistory,
  type TriggerStep,
} from './trigger-history.ts';
import { passesFilters } from './trigger-settings.ts';

/** From one resetting of the committed offset to the next: in it nothing is taken back. */
export interface Era {
  from: number;
  /** Where delivery was to begin. */
  base: number;
  /** By offset: from which moment on the record was done with, by whatever became of it. */
  settled: Map<number, number>;
  commits: CommitStep[];
}

export interface BasedRun {
  run: Run;
  /** What the dispatcher had written when it began; absent: it held nothing. */
  basis: LeaseStep | undefined;
  era: Era;
}

export interface BasedGivenUp {
  given: GivenUp;
  basis: LeaseStep | undefined;
  era: Era;
}

export interface Story {
  name: string;
  final: FinalPartition;
  history: TriggerHistory;
  eras: Era[];
  runs: BasedRun[];
  givenUp: BasedGivenUp[];
  triggers: readonly TriggerStep[];
}

/** Of all partitions that are there at the end; who has read one that is gone can be told nothing about it. */
export function storiesOf(history: TriggerHistory): Story[] {
  const known = new Set(history.finals.flatMap(({ place, records }) => records.map((one) => recordName(place, one))));
  const runs = Map.groupBy(
    history.runs.filter(({ place, records }) => records.every((record) => known.has(recordName(place, record)))),
    ({ group, place }) => `${group} ${place}`,
  );
  return history.finals.map((final) => storyOf(history, final, runs.get(`${final.group} ${final.place}`) ?? []));
}

function recordName(place: string, { offset, value }: { offset: number; value: string }): string {
  return `${place} ${offset} ${value}`;
}

function storyOf(history: TriggerHistory, final: FinalPartition, runs: readonly Run[]): Story {
  const name = `${final.group}/${final.partition}`;
  const leases = history.leases.get(name);
  const eras = erasOf(history.commits.get(name) ?? []);
  const eraOf = (moment: number) => eras.findLast(({ from }) => from <= moment) as Era;
  const based = (one: { by: string; issued: number }) => {
    // A fence is not of the holder's making.
    const isOwn = ({ moment, isFence, lease }: LeaseStep) =>
      moment <= one.issued && !isFence && history.holders.get(lease?.holder ?? '') === one.by;
    const basis = leases?.findLast(isOwn);
    return { basis, era: eraOf(basis?.moment ?? one.issued) };
  };
  const story: Story = {
    name: `${final.group} ${final.place}`,
    final,
    history,
    eras,
    runs: runs.map((run) => ({ run, ...based(run) })),
    givenUp: history.givenUp
      .filter(({ group, partition }) => group === final.group && partition === final.partition)
      .map((given) => {
        const { basis, era } = based(given);
        return { given, basis, era };
      }),
    triggers: history.triggers.get(final.group) ?? [],
  };
  for (const { run, era } of story.runs) for (const offset of succeeded(run)) settle(era, offset, run.ended);
  for (const { given, era } of story.givenUp) for (const offset of given.offsets) settle(era, offset, given.received);
  return story;
}

function erasOf(commits: readonly CommitStep[]): Era[] {
  const eras: Era[] = [{ from: Number.NEGATIVE_INFINITY, base: 0, settled: new Map(), commits: [] }];
  for (const commit of commits) {
    const { moment, offset, isDelivery } = commit;
    if (!isDelivery) eras.push({ from: moment, base: offset, settled: new Map(), commits: [] });
    else (eras.at(-1) as Era).commits.push(commit);
  }
  return eras;
}

function settle({ settled }: Era, offset: number, moment: number): void {
  settled.set(offset, Math.min(settled.get(offset) ?? Number.POSITIVE_INFINITY, moment));
}

/** The offsets of an invocation that are done. */
function succeeded({ meaning, records }: Run): number[] {
  const offsets = records.map(({ offset }) => offset);
  if (meaning.kind === 'succeeded') return offsets;
  return meaning.kind === 'partial' ? offsets.filter((offset) => offset < meaning.firstFailed) : [];
}

/** Whether the record passes all filters that there have been until then; of others nobody knows who meant what. */
export function mustPass({ triggers }: Story, key: string | null, moment: number): boolean {
  return triggers.every((step) => step.moment > moment || passesFilters(step.record?.trigger.filters ?? [], key));
}

/** The trigger of a function, in all versions that were made of it until then. */
export function versionsOf({ triggers }: Story, target: string, moment = Number.POSITIVE_INFINITY) {
  return triggers.flatMap((step) =>
    step.moment <= moment && step.record?.trigger.target === target ? [step.record.trigger] : [],
  );
}

/** The function that the group's trigger had then. */
export function targetAt({ triggers }: Story, moment: number): string {
  return triggers.findLast((step) => step.moment <= moment && step.record !== undefined)?.record?.trigger.target ?? '';
}

export function committedAt(era: Era, moment: number): number {
  return stepAt(era.commits, moment)?.offset ?? era.base;
}

export function laneOfRecord({ key, offset }: { key: string | null; offset: number }, lanes: number): number {
  return laneOf({ key: key === null ? null : utf8(key), offset }, lanes);
}
