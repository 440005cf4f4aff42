/**
 * From when on signed URLs count.
 *
 * A URL is signed with a time that is rounded down, so that whoever asks for the same range within the same five
 * minutes is given the same URL, and caches, which have the URL as their key, find what they have. In return it works
 * for 10 to 15 minutes, not for 15. S3 allows it: a presigned URL is good from its date on, for as long as it says
 * ("Authenticating Requests: Using Query Parameters", Amazon S3 API Reference).
 */

/** The time to sign a URL with, in milliseconds, whole seconds: at most a third of its life ago. */
export function signingTimeMs(nowMs: number, livesMs: number): number {
  const windowMs = Math.max(1_000, Math.floor(livesMs / SHARE / 1_000) * 1_000);
  return Math.floor(nowMs / windowMs) * windowMs;
}

/** Of a URL's life, what may be over when it is given out: one part of so many. */
const SHARE = 3;
