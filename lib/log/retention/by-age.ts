/**
 * Retention by time, as Kafka's `retention.ms`: from the log start on, each piece goes whose newest record is older, up
 * to the first that stays. A record with a timestamp in the future therefore holds all behind it for as long. The tail
 * is a piece like the others: when all of it is older nothing is left, as where Kafka rolls an active segment that has
 * expired.
 *
 * Pieces are handed over a few at a time, oldest first. Where one is missing between two, what comes after it stays: it
 * is known too little about.
 */
import type { LogPiece } from './piece.ts';

export interface AgeProgress {
  /** Where the log start comes to. */
  reached: number;
  /** A piece stays, and so does all behind it. */
  ended: boolean;
}

export interface AgeLimits {
  retentionMs: number;
  nowMs: number;
  /** Nothing above goes. */
  highWatermark: number;
}

export function passByAge(
  { reached, ended }: AgeProgress,
  pieces: Iterable<LogPiece>,
  { retentionMs, nowMs, highWatermark }: AgeLimits,
): AgeProgress {
  let at = reached;
  if (ended) return { reached, ended };
  for (const { base, end, newestMs } of pieces) {
    if (end <= at) continue;
    if (base > at || end > highWatermark || nowMs - newestMs <= retentionMs) return { reached: at, ended: true };
    at = end;
  }
  return { reached: at, ended: false };
}
