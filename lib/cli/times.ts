/** Times as they are typed: `@` and an ISO time, milliseconds since the epoch, or how long ago. */
import { UsageError } from './failure.ts';

/** Only to read calendar dates: what time it is now comes from the clock. */
const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;
const AGO = /^-(\d{1,9})([smhd])$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const TIME_FORMS =
  '@2026-01-31, @2026-01-31T12:00:00Z, @<ms since 1970> or @-15m (s, m, h, d) for that long ago';

/** Milliseconds since the epoch. Throws `UsageError`. */
export function parseTime(source: string, text: string, nowMs: number): number {
  const time = text.startsWith('@') ? millisecondsOf(text.slice(1), nowMs) : undefined;
  if (time !== undefined && time >= 0) return time;
  throw new UsageError(`${source} is "${text}", not a time: ${TIME_FORMS}`);
}

function millisecondsOf(text: string, nowMs: number): number | undefined {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const ago = AGO.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? Number.NaN);
  const iso = ISO.exec(text);
  // The platform takes 30 February for 2 March.
  if (iso === null || new Date(`${iso[1]}-${iso[2]}-${iso[3]}`).getUTCDate() !== Number(iso[3])) return undefined;
  return Date.parse(text);
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
