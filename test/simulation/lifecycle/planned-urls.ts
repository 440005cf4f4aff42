/** URLs of a simulated bucket: whoever has one reads its range, until it expires. */
import type { ByteRange, ObjectName, ObjectStore } from '../../../lib/storage/objects/port.ts';
import { EPOCH_MS, type Scheduler } from '../scheduler.ts';

const URL_PARTS = /^simulated:(.+)#(\d+)-(\d+) until (.+)$/;

/** Time is the bucket's, and not that of the process which signs. */
export function presignedBy(scheduler: Scheduler, bucket: ObjectStore): ObjectStore {
  return {
    ...bucket,
    presign: async (name, range, expiresInMs) => {
      const expiresMs = scheduler.nowMs + expiresInMs;
      const url = `simulated:${name}#${range.start}-${range.end} until ${expiresMs}`;
      return { url, headers: {}, expiresAtMs: EPOCH_MS + Math.floor(expiresMs) };
    },
  };
}

export function rangeOfUrl(url: string): { name: ObjectName; range: ByteRange; expiresMs: number } {
  const [, name = '', start, end, expires] = URL_PARTS.exec(url) ?? [];
  return { name, range: { start: Number(start), end: Number(end) }, expiresMs: Number(expires) };
}
