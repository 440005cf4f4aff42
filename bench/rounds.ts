/** Comparing two servers under the same load: rounds of one and the other in turn, A B A B. */
import type { LoadRequest, LoadResult } from './load/job.ts';
import type { PartContext } from './part.ts';
import { generateLoad, type Server } from './processes/child.ts';
import { touchFileMemory } from './processes/file-memory.ts';
import { median, pairedRatio } from './statistics.ts';

export interface Load {
  connections: number;
  requests: LoadRequest[];
  /** See `LoadJob`. */
  recordsSequenced?: number;
  warmUpMs: number;
  measuredMs: number;
  answersMax: number;
  /** What a round writes to files; memory for it is made ready before (see processes/file-memory.ts). */
  fileBytes?: number;
  /** Runs after each round, unmeasured. */
  cleanUp?(): void;
}

export interface Side {
  name: string;
  server: Server;
  load: Load;
}

/** What a round comes to, in the unit of the comparison: requests or bytes a second. */
export type Rate = (result: LoadResult) => number;

export interface Comparison {
  ratio: number;
  measured: LoadResult[];
  baseline: LoadResult[];
  /**
   * Server CPU time an answer, of the baseline over that of the measured side: what is left of the ratio without
   * waiting.
   */
  cpuRatio: number;
}

export async function compare(
  context: PartContext,
  { measured, baseline, rate }: { measured: Side; baseline: Side; rate: Rate },
): Promise<Comparison> {
  const results: [LoadResult[], LoadResult[]] = [[], []];
  for (let round = 1; round <= context.rounds; round++) {
    for (const [index, side] of [measured, baseline].entries()) {
      const result = await runRound(context, side);
      (results[index] as LoadResult[]).push(result);
      context.progress(`round ${round} of ${context.rounds}, ${side.name}: ${describe(result)}`);
    }
  }
  const [ofMeasured, ofBaseline] = results;
  return {
    ratio: pairedRatio(ofMeasured.map(rate), ofBaseline.map(rate)),
    cpuRatio: pairedRatio(ofBaseline.map(cpuPerAnswer), ofMeasured.map(cpuPerAnswer)),
    measured: ofMeasured,
    baseline: ofBaseline,
  };
}

async function runRound({ directory }: PartContext, { server, load }: Side): Promise<LoadResult> {
  const { connections, requests, recordsSequenced, warmUpMs, measuredMs, answersMax, fileBytes = 0 } = load;
  touchFileMemory(directory, fileBytes);
  const { port, pid: serverPid } = server;
  const job = { port, serverPid, connections, requests, recordsSequenced, warmUpMs, measuredMs, answersMax };
  try {
    return await generateLoad(job);
  } finally {
    load.cleanUp?.();
  }
}

export const answersPerSecond: Rate = ({ answers, seconds }) => answers / seconds;
export const bytesSentPerSecond: Rate = ({ bytesSent, seconds }) => bytesSent / seconds;
export const bytesReceivedPerSecond: Rate = ({ bytesReceived, seconds }) => bytesReceived / seconds;

export function medianRate(results: readonly LoadResult[], rate: Rate): number {
  return median(results.map(rate));
}

function cpuPerAnswer({ serverCpuSeconds, answers }: LoadResult): number {
  return serverCpuSeconds / answers;
}

function describe(result: LoadResult): string {
  const megabytes = Math.max(bytesSentPerSecond(result), bytesReceivedPerSecond(result)) / 1e6;
  const cpuMs = (cpuPerAnswer(result) * 1e3).toFixed(2);
  const busy = Math.round((result.serverCpuSeconds / result.seconds) * 100);
  return `${answersPerSecond(result).toFixed(0)} requests/s, ${megabytes.toFixed(0)} MB/s, server ${cpuMs} ms CPU a request (${busy} %)`;
}

/** The rows of a comparison's table: both sides' medians. */
export function comparisonRows(name: string, { measured, baseline, ratio, cpuRatio }: Comparison): string[][] {
  const row = (side: string, results: LoadResult[]) => [
    `${name}: ${side}`,
    medianRate(results, answersPerSecond).toFixed(0),
    (Math.max(medianRate(results, bytesSentPerSecond), medianRate(results, bytesReceivedPerSecond)) / 1e6).toFixed(0),
    median(results.map(cpuPerAnswer).map((seconds) => seconds * 1e3)).toFixed(2),
    median(results.map(({ latencyMsMedian }) => latencyMsMedian)).toFixed(1),
    median(results.map(({ latencyMs99 }) => latencyMs99)).toFixed(1),
  ];
  return [
    row('Millrace', measured),
    row('baseline', baseline),
    [`${name}: ratio of medians of pairs`, ratio.toFixed(2), '', `${cpuRatio.toFixed(2)} (inverse)`, '', ''],
  ];
}

export const COMPARISON_COLUMNS = ['', 'requests/s', 'MB/s', 'server CPU ms', 'median ms', '99 % ms'] as const;
