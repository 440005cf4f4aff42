/** What the comparisons of throughput report. */
import { type Bound, type Figure, type Report, show } from '../figure.ts';
import { median, pairedRatio } from '../statistics.ts';
import type { Side } from './sides.ts';
import type { Throughput } from './tools.ts';

export interface Compared {
  title: string;
  sides: readonly [Side, Side];
  results: readonly [Throughput[], Throughput[]];
  bound: Bound;
}

/** The first side against the second. */
export function throughputReport({ title, sides, results, bound }: Compared): Report {
  const [measured, baseline] = results;
  const of = (pick: (result: Throughput) => number) =>
    [median(measured.map(pick)), median(baseline.map(pick))] as const;
  const figures: Figure[] = [
    { name: title, value: pairedRatio(measured.map(rate), baseline.map(rate)), show: show.ratio, bound },
    {
      name: `${title}: CPU time of the process for a MB`,
      value: pairedRatio(measured.map(cpu), baseline.map(cpu)),
      show: show.ratio,
    },
  ];
  const rows = [
    ['MB/s', ...of(rate).map((value) => (value / 1e6).toFixed(1))],
    ['CPU ms a MB', ...of(cpu).map((value) => value.toFixed(2))],
    ...(measured[0]?.latencyMs50 === undefined
      ? []
      : [
          ['ms until acknowledged, median', ...of(({ latencyMs50 = 0 }) => latencyMs50).map(String)],
          ['ms until acknowledged, 99 %', ...of(({ latencyMs99 = 0 }) => latencyMs99).map(String)],
        ]),
  ];
  return { figures, tables: [{ title, columns: ['medians of rounds', ...sides.map(({ name }) => name)], rows }] };
}

export function describeThroughput({ bytesPerSecond, serverCpuMsPerMegabyte }: Throughput): string {
  return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s, ${serverCpuMsPerMegabyte.toFixed(2)} ms CPU a MB`;
}

function rate({ bytesPerSecond }: Throughput): number {
  return bytesPerSecond;
}

function cpu({ serverCpuMsPerMegabyte }: Throughput): number {
  return serverCpuMsPerMegabyte;
}
