/** The bytes of what a view has placed, wherever they are. */
import type { Broker } from '../broker.ts';
import type { Placed } from './partition-view.ts';
import type { RunUse } from './run-cache.ts';

/**
 * Chunks of whole batches, offsets in place; not to be changed. `undefined`: no replica has them, which is said of runs
 * only.
 */
export async function readPlaced(
  { runs, segments }: Broker,
  placed: Placed,
  { use = 'decode', order, beside, loan }: RunUse,
): Promise<readonly Uint8Array[] | undefined> {
  if (placed.among !== 'segments') return runs.read(placed.run, placed.among, { use, order, beside, loan });
  return [await segments.read(placed.extent, { isChecked: use === 'decode', ...(order && { order }), loan })];
}
