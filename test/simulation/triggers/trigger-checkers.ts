/** What must hold of triggers in every history. Each checker returns the sentences that say how it does not. */
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import type { Violation } from '../checkers.ts';
import { EPOCH_MS } from '../scheduler.ts';
import {
  type BasedGivenUp,
  type BasedRun,
  committedAt,
  laneOfRecord,
  mustPass,
  type Story,
  storiesOf,
  targetAt,
  versionsOf,
} from './delivery-story.ts';
import { checkDisabled } from './disabled-checker.ts';
import type { Run, TriggerHistory } from './trigger-history.ts';
import { checkWindows } from './window-checker.ts';

export function checkTriggers(history: TriggerHistory): Violation[] {
  const stories = storiesOf(history);
  return Object.entries(triggerCheckers).flatMap(([checker, run]) =>
    stories.flatMap((story) => run(story).map((what) => ({ checker, what: `${story.name}: ${what}` }))),
  );
}

const triggerCheckers: Record<string, (story: Story) => string[]> = {
  'two invocations never run at once for one partition, or one key': (story) => {
    // Beyond what clocks may differ by they may; what they bring about is for the others to judge.
    if (story.history.clocksAreWrong) return [];
    return [...Map.groupBy(story.runs, ({ run }) => run.target)].flatMap(([target, runs]) => {
      const isParallel = versionsOf(story, target).some(({ parallelizationFactor }) => parallelizationFactor > 1);
      return overlaps(runs.map(({ run }) => run)).flatMap(([a, b]) =>
        isParallel && !shareKey(a, b) ? [] : [`${textOf(b)} began while ${textOf(a)} was running`],
      );
    });
  },

  'a trigger has no more invocations at once than lanes': (story) =>
    story.history.clocksAreWrong
      ? []
      : [...Map.groupBy(story.runs, ({ run }) => run.target)].flatMap(([target, runs]) => {
          const most = Math.max(0, ...versionsOf(story, target).map((one) => one.parallelizationFactor));
          const together = runs.map(
            ({ run }) => runs.filter(({ run: other }) => isRunningAt(other, run.startedMs)).length,
          );
          return Math.max(0, ...together) > most ? [`${Math.max(...together)} ran at once, of ${most} lanes`] : [];
        }),

  'an invocation was counted on the lease before it began': (story) =>
    story.runs.flatMap(({ run, basis }) => {
      if (basis === undefined) return [`${textOf(run)} began under nobody's lease`];
      const [first] = run.records;
      const lanes = basis.lease?.lanes ?? [];
      const lane = lanes[first === undefined ? 0 : laneOfRecord(first, lanes.length)];
      return (lane?.unheard ?? 0) > 0 ? [] : [`${textOf(run)} was not counted`];
    }),

  'records are delivered in order, from where delivery stands': (story) =>
    story.runs.flatMap((one) => disorder(story, one)),

  'what is committed was delivered, or given up': (story) =>
    story.eras.flatMap(({ base, commits, settled }) => {
      let before = base;
      return commits.flatMap(({ offset, moment }) => {
        const from = before;
        before = Math.max(before, offset);
        if (offset < from) return [`${offset} was committed after ${from}`];
        const missing = story.final.records.find(
          (record) =>
            record.offset >= from &&
            record.offset < offset &&
            mustPass(story, record.key, moment) &&
            (settled.get(record.offset) ?? Number.POSITIVE_INFINITY) > moment,
        );
        return missing === undefined
          ? []
          : [`${offset} was committed at ${moment}, and ${missing.offset} was not delivered`];
      });
    }),

  'a batch is tried no more often than it may be': (story) => {
    const tried = Map.groupBy(story.runs, ({ run, basis }) => {
      const isHalved = versionsOf(story, run.target).some(({ bisectBatchOnError }) => bisectBatchOnError);
      const batch = run.window?.isFinal === true ? `window ${run.window.startMs}` : (run.records[0]?.offset ?? '');
      return `${run.target} ${basis?.lineage} ${batch}${isHalved ? ` to ${run.records.at(-1)?.offset}` : ''}`;
    });
    return [...tried.values()].flatMap((runs) => {
      const [{ run }] = runs as [BasedRun];
      const retries = versionsOf(story, run.target).map(({ retryAttempts }) => retryAttempts);
      const most = Math.max(...retries) + 1 + triggerLimits.triggerUnheardAttemptsMax;
      return retries.includes(-1) || runs.length <= most
        ? []
        : [`${textOf(run)} was tried ${runs.length} times, of ${most}`];
    });
  },

  'what is given up has been tried often enough, or is too old': (story) =>
    story.givenUp.flatMap((one) =>
      one.given.condition === 'RetriesExhausted' ? untried(story, one) : young(story, one),
    ),

  'a trigger that is disabled or gone invokes nothing': checkDisabled,

  'each record is in one aggregate of its window': checkWindows,

  'in the end everything is delivered': ({ final, history }) => [
    ...(final.isDue && (final.committed ?? 0) !== final.end ? [`${final.committed} of ${final.end} is committed`] : []),
    ...(final.isDue && final.hasOpenWindow ? ['a window has not ended'] : []),
    ...history.unfinished,
  ],
};

function overlaps(runs: readonly Run[]): [Run, Run][] {
  const sorted = [...runs].sort((a, b) => a.startedMs - b.startedMs);
  return sorted.flatMap((b, index) =>
    sorted.slice(0, index).flatMap((a): [Run, Run][] => (a.endedMs > b.startedMs ? [[a, b]] : [])),
  );
}

function isRunningAt({ startedMs, endedMs }: Run, ms: number): boolean {
  return startedMs <= ms && endedMs > ms;
}

function shareKey(a: Run, b: Run): boolean {
  return a.records.some((x) =>
    b.records.some((y) => (x.key === null || y.key === null ? x.offset === y.offset : x.key === y.key)),
  );
}

function disorder(story: Story, { run, basis, era }: BasedRun): string[] {
  const lanes = basis?.lease?.lanes ?? [];
  const [first] = run.records;
  const last = run.records.at(-1)?.offset;
  if (first === undefined || last === undefined || basis === undefined || lanes.length === 0) return [];
  const lane = laneOfRecord(first, lanes.length);
  const what = textOf(run);
  if (run.records.some((record, index) => index > 0 && record.offset <= (run.records[index - 1]?.offset ?? 0))) {
    return [`${what} are not in order`];
  }
  if (run.records.some((record) => laneOfRecord(record, lanes.length) !== lane))
    return [`${what} are of several lanes`];
  const { next } = lanes[lane] as { next: number };
  if (first.offset < next) return [`${what} were delivered after ${next}`];
  const given = new Set(run.records.map(({ offset }) => offset));
  const left = story.final.records.find(
    ({ offset, key }) =>
      offset >= committedAt(era, basis.moment) &&
      offset <= last &&
      laneOfRecord({ key, offset }, lanes.length) === lane &&
      !given.has(offset) &&
      mustPass(story, key, run.issued) &&
      (era.settled.get(offset) ?? Number.POSITIVE_INFINITY) > run.issued,
  );
  return left === undefined ? [] : [`${what} were delivered before ${left.offset}`];
}

function untried(story: Story, { given, basis }: BasedGivenUp): string[] {
  const what = `${given.offsets.join(' ') || 'the end of a window'}, given up at ${given.issued},`;
  const target = targetAt(story, given.issued);
  const versions = versionsOf(story, target, given.issued);
  const lanes = basis?.lease?.lanes ?? [];
  const [first] = given.offsets;
  const key = story.final.records.find(({ offset }) => offset === first)?.key ?? null;
  const lane = lanes[first === undefined ? 0 : laneOfRecord({ key, offset: first }, lanes.length)];
  const unheard = lane?.unheard ?? 0;
  const failures = story.runs.filter(
    ({ run, basis: then }) =>
      then?.lineage === basis?.lineage &&
      run.issued < given.issued &&
      (first === undefined ? run.window?.isFinal === true : run.records.some(({ offset }) => offset === first)) &&
      run.meaning.kind !== 'succeeded',
  ).length;
  const least = Math.min(...versions.map(({ retryAttempts }) => retryAttempts).filter((retries) => retries >= 0)) + 1;
  if (failures < least && unheard <= triggerLimits.triggerUnheardAttemptsMax) {
    return [`${what} failed ${failures} times, and may ${least - 1} times more than once`];
  }
  const isHalved = versions.every(({ bisectBatchOnError }) => bisectBatchOnError);
  return isHalved && given.offsets.length > 1 && unheard === 0 ? [`${what} might have been halved`] : [];
}

function young(story: Story, { given }: BasedGivenUp): string[] {
  if (story.history.clocksAreWrong) return [];
  const versions = versionsOf(story, targetAt(story, given.issued), given.issued);
  const ages = versions.map(({ maxRecordAgeMs }) => maxRecordAgeMs).filter((age) => age >= 0);
  const latestMs = EPOCH_MS + given.issuedMs + triggerLimits.triggerClockSkewMsMax / 2;
  return story.final.records.flatMap(({ offset, timestamp }) =>
    given.offsets.includes(offset) && latestMs - timestamp <= Math.min(...ages)
      ? [`${offset} was given up for its age, which was ${latestMs - timestamp} ms at most`]
      : [],
  );
}

function textOf({ records, window, issued }: Run): string {
  const [first, last] = [records[0]?.offset, records.at(-1)?.offset];
  const what = first === undefined ? `the end of window ${window?.startMs}` : `${first}..${last}`;
  return `${what} (at ${issued})`;
}
