/** Durations of ISO 8601 as java.time.Duration reads them: days, hours, minutes and seconds, `P2DT3H4M5.5S`. */

const DURATION =
  /^P(?:(?<days>\d{1,9})D)?(?:T(?=\d)(?:(?<hours>\d{1,9})H)?(?:(?<minutes>\d{1,9})M)?(?:(?<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?$/i;

const DAY_SECONDS = 24 * 60 * 60;

/** `undefined`: it is none, or a negative one. */
export function durationMs(text: string): number | undefined {
  const parts = DURATION.exec(text)?.groups;
  if (parts === undefined || Object.values(parts).every((part) => part === undefined)) return undefined;
  const { days = '0', hours = '0', minutes = '0', seconds = '0' } = parts;
  const total = Number(days) * DAY_SECONDS + Number(hours) * 60 * 60 + Number(minutes) * 60 + Number(seconds);
  return Math.floor(total * 1_000);
}
