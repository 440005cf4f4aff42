/**
 * Pauses between attempts: twice as long at most with each, and anywhere below that, so that many do not come back
 * together.
 */
export function pauseMs(
  count: number,
  { minMs, maxMs, fraction }: { minMs: number; maxMs: number; fraction: number },
): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(30, Math.max(0, count - 1)));
  return Math.floor(fraction * ceiling);
}
