/**
 * Tumbling windows: what functions carry on is committed with the offset, so that under whatever faults each record is
 * in exactly one aggregate. What was before a partition was set back is left out, and partitions whose trigger was made
 * anew.
 */
import { EPOCH_MS } from '../scheduler.ts';
import { mustPass, type Story } from './delivery-story.ts';
import type { Run } from './trigger-history.ts';

export function checkWindows(story: Story): string[] {
  const runs = story.runs.filter(({ run }) => run.window !== undefined);
  if (runs.length === 0) return [];
  const era = story.eras.at(-1);
  const own = runs.filter((one) => one.era === era).map(({ run }) => run);
  const isOne = new Set(story.triggers.flatMap(({ record }) => record?.trigger.target ?? [])).size === 1;
  return [...strangeStates(own), ...(story.final.isDue && isOne ? wrongAggregates(story, own) : [])];
}

/** What is passed is what some invocation of the same window returned, or nothing. */
function strangeStates(runs: readonly Run[]): string[] {
  return runs.flatMap((run) => {
    const { window } = run;
    const passed = JSON.stringify(window?.passed ?? {});
    if (window === undefined || passed === '{}') return [];
    const isKnown = runs.some(
      (other) =>
        other.window?.startMs === window.startMs &&
        other.ended < run.issued &&
        other.meaning.kind !== 'failed' &&
        JSON.stringify(other.window.returned) === passed,
    );
    return isKnown ? [] : [`the state ${passed} was passed at ${run.issued}, which nobody returned`];
  });
}

function wrongAggregates(story: Story, runs: readonly Run[]): string[] {
  const era = story.eras.at(-1);
  const aggregates = new Map<number, readonly string[]>();
  for (const { window } of runs)
    if (window?.isFinal === true) aggregates.set(window.startMs, window.passed.values ?? []);
  const times = new Map<string, number[]>();
  for (const [startMs, values] of aggregates) {
    for (const value of values) times.set(value, [...(times.get(value) ?? []), startMs]);
  }
  const lost = lostWith(story, runs);
  const given = new Set(story.givenUp.flatMap((one) => (one.era === era ? one.given.offsets : [])));
  const base = era?.base ?? 0;
  const spanMs = story.triggers.find(({ record }) => record !== undefined)?.record?.trigger.tumblingWindowMs ?? 0;
  let newestMs = Number.NEGATIVE_INFINITY;
  return story.final.records.flatMap(({ offset, value, key, timestamp }) => {
    newestMs = Math.max(newestMs, timestamp);
    const windows = times.get(value) ?? [];
    const what = `the record ${offset}, ${timestamp - EPOCH_MS} ms,`;
    if (windows.length > 1) return [`${what} is in ${windows.length} aggregates`];
    const [startMs] = windows;
    // A late record goes to the window that is open: of a record before it, or after one that time has ended.
    const isOpen = startMs === undefined || startMs <= newestMs || aggregates.has(startMs - spanMs);
    if (!isOpen) return [`${what} is in the window of ${startMs - EPOCH_MS} ms`];
    const isWanted = offset >= base && !given.has(offset) && mustPass(story, key, Number.POSITIVE_INFINITY);
    return isWanted && windows.length === 0 && !lost.has(value) ? [`${what} is in no aggregate`] : [];
  });
}

/** The values of windows whose end was given up before the function was ever told of it. */
function lostWith({ givenUp }: Story, runs: readonly Run[]): Set<string> {
  if (givenUp.every(({ given }) => given.offsets.length > 0)) return new Set();
  const ended = new Set(runs.flatMap(({ window }) => (window?.isFinal === true ? [window.startMs] : [])));
  return new Set(
    runs.flatMap(({ window }) =>
      window === undefined || ended.has(window.startMs) ? [] : (window.returned?.values ?? []),
    ),
  );
}
