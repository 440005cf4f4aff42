/**
 * Tumbling windows: fixed spans of the records' time, one after the other. Each has invocations with its records, which
 * pass a state on, and a last one that has none. A record that is late goes to the window that is open, never to one
 * that has ended.
 */

export interface OpenWindow {
  /** No record goes to an earlier one. */
  startMs: number;
  /** Whether any record went to it: only then it is to be ended. */
  hasBegun: boolean;
  /** What its last invocation returned, JSON. */
  state?: string;
}

export interface WindowSpan {
  spanMs: number;
  graceMs: number;
}

/** The start of the window that a record of this time goes to. */
export function windowOf(window: OpenWindow | undefined, timestampMs: number, spanMs: number): number {
  return Math.max(window?.startMs ?? Number.NEGATIVE_INFINITY, Math.floor(timestampMs / spanMs) * spanMs);
}

/**
 * Whether the open window ends before anything else is delivered: the next record goes to a later one; or its time is
 * over, and no record is there.
 */
export function isWindowOver(
  window: OpenWindow | undefined,
  next: { timestampMs: number } | { endedMs: number } | undefined,
  span: WindowSpan,
): boolean {
  if (window?.hasBegun !== true || next === undefined) return false;
  if ('timestampMs' in next) return windowOf(window, next.timestampMs, span.spanMs) > window.startMs;
  return next.endedMs >= windowEndMs(window, span);
}

/** When nobody waits any longer for records of the window. */
export function windowEndMs({ startMs }: OpenWindow, { spanMs, graceMs }: WindowSpan): number {
  return startMs + spanMs + graceMs;
}

/** The window as of an invocation with records of this one; `state` is what the function returned. */
export function windowAfter(startMs: number, state: string | undefined): OpenWindow {
  return { startMs, hasBegun: true, ...(state !== undefined && { state }) };
}

/** After its last invocation. A window that ended early begins again: records of its time are still to come. */
export function windowEnded(startMs: number, { spanMs, early }: { spanMs: number; early: boolean }): OpenWindow {
  return { startMs: early ? startMs : startMs + spanMs, hasBegun: false };
}
