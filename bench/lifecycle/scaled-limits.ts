/**
 * Must be imported before anything else of lib: makes sizes of the storage lifecycle a 64th, so that a 64th of the bytes is
 * merged into as many segments and pages, and as many objects and items are there, as of all of them. Numbers and times stay.
 */
import { limits } from '../../lib/kernel/limits.ts';

export const SCALE = 64;

const SIZES = [
  'mergeBytesMin',
  'mergeStepBytesMax',
  'mergedSegmentBytesMax',
  'segmentBlockBytes',
  'segmentExtentBytes',
  'inlineBytesMaxDefault',
  'compactionDirtyBytesMax',
] as const;

const changeable = limits as { -readonly [Name in keyof typeof limits]: number };
for (const name of SIZES) changeable[name] /= SCALE;
