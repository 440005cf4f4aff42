/**
 * Retention by size, as Kafka's `retention.bytes`: a piece goes when the pieces behind it hold that many bytes, so what
 * is left is at least as much, or all there is.
 *
 * Pieces are handed over a few at a time, newest first, until it is known where the log is to begin. Where one is
 * missing between two, nothing goes.
 */
import type { LogPiece } from './piece.ts';

export interface SizeProgress {
  /** Of the pieces that stay so far. */
  bytes: number;
  /** Where the oldest of them begins; the log's end at first. */
  reached: number;
  /** They weigh enough: the log may begin there. */
  enough: boolean;
}

export interface SizeLimits {
  retentionBytes: number;
  /** Nothing above goes. */
  highWatermark: number;
}

export function weigh(
  { bytes, reached, enough }: SizeProgress,
  pieces: Iterable<LogPiece>,
  { retentionBytes, highWatermark }: SizeLimits,
): SizeProgress {
  const isEnough = () => enough || (bytes >= retentionBytes && reached <= highWatermark);
  for (const piece of pieces) {
    if (isEnough() || piece.end < reached) break;
    if (piece.base >= reached) continue;
    // Of one that reaches into those behind it, as a segment does into pages that were merged since, nobody knows how
    // much.
    if (piece.end === reached) bytes += piece.bytes;
    reached = piece.base;
  }
  return { bytes, reached, enough: isEnough() };
}
