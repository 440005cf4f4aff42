/**
 * Must be imported before anything else of lib: makes sizes of the storage lifecycle a 64th, so that a 64th of the
 * bytes is merged into as many segments and pages, and as many objects and items are there, as of all of them. Numbers
 * and times stay.
 */
import { compactionLimits } from '../../lib/kernel/limits/compaction.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';

export const SCALE = 64;

scale(mergingLimits, ['mergeBytesMin', 'mergeStepBytesMax', 'mergedSegmentBytesMax', 'segmentBlockBytes']);
scale(storageLimits, ['segmentExtentBytes', 'inlineBytesMaxDefault']);
scale(compactionLimits, ['compactionDirtyBytesMax']);

function scale<Limits extends object>(limits: Limits, names: (keyof Limits)[]): void {
  for (const name of names) Object.assign(limits, { [name]: (limits[name] as number) / SCALE });
}
