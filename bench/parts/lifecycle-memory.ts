/** Memory of the steps of the storage lifecycle, each in a process of its own, with the S3 adapter over files. */
import { join } from 'node:path';
import { type Figure, show } from '../figure.ts';
import type { StepJob, StepResult } from '../lifecycle/step-process.ts';
import type { Part, PartContext } from '../part.ts';
import { runProgram } from '../processes/child.ts';

const GIB = 2 ** 30;
const BOUND_BYTES = 300e6;

interface Shape {
  name: string;
  bytes: number;
  partitions: number;
}

const SHAPES: readonly Shape[] = [
  { name: '16 partitions of 64 MiB', bytes: GIB, partitions: 16 },
  { name: 'one partition of 2 GiB', bytes: 2 * GIB, partitions: 1 },
];

export const lifecycleMemory: Part = {
  name: 'lifecycle-memory',
  summary: 'resident memory and MB/s of merging and compaction, 16 partitions of 64 MiB and one of 2 GiB',
  run: async (context) => {
    if (process.platform !== 'linux') {
      return { figures: [{ name: 'Resident memory', skipped: 'it is read from /proc, which only Linux has' }] };
    }
    const figures: Figure[] = [];
    for (const [index, shape] of SHAPES.entries()) {
      const directory = join(context.directory, String(index));
      const filled = await step(context, 'fill', { ...shape, directory });
      for (const kind of ['merge', 'compact'] as const) {
        figures.push(
          ...stepFigures(`${kind}, ${shape.name}`, await step(context, kind, { ...shape, directory }), filled),
        );
      }
    }
    return { figures };
  },
};

async function step(
  context: PartContext,
  kind: StepJob['step'],
  shape: Shape & { directory: string },
): Promise<StepResult> {
  const { name, bytes, partitions, directory } = shape;
  context.progress(`${kind}, ${name}`);
  const job: StepJob = { step: kind, directory, bytes, partitions };
  const output = await runProgram(new URL('../lifecycle/step-process.ts', import.meta.url), JSON.stringify(job));
  const result = JSON.parse(output) as StepResult;
  context.progress(`${show.megabytes(result.residentPeak)}, ${result.seconds.toFixed(1)} s, ${result.steps} steps`);
  return result;
}

function stepFigures(name: string, result: StepResult, filled: StepResult): Figure[] {
  const { residentPeak, residentBefore, steps, bytes, seconds } = result;
  const rate = ({ bytes: all, seconds: taken }: StepResult) => all / taken / 1e6;
  return [
    {
      name: `resident memory, peak: ${name}`,
      value: residentPeak,
      show: show.megabytes,
      bound: { kind: 'below', value: BOUND_BYTES },
      note: `${show.megabytes(residentBefore)} before the first of ${steps} steps`,
    },
    {
      name: `MB/s against the ingest's in this process: ${name}`,
      value: rate(result) / rate(filled),
      show: show.ratio,
      ...(name.startsWith('merge') && { bound: { kind: 'at-least' as const, value: 1 } }),
      note: `${(bytes / seconds / 1e6).toFixed(0)} MB/s; records appended in requests of a MB, one after the other: ${rate(filled).toFixed(0)}`,
    },
  ];
}
