/** What goes through a gateway, for its operator: counted here, and taken from time to time. */
import { ERROR_CODES, errorRow } from '../kernel/errors.ts';
import { wireCodes } from './failures.ts';
import type { ApiName } from './generated/apis.ts';

export interface TrafficCounts {
  refused: number;
  requests: number;
  failed: number;
  bytesIn: number;
  bytesOut: number;
  mutedMs: number;
  /** Requests by API; none that had none. */
  byApi: Partial<Record<ApiName, number>>;
}

export class Traffic {
  #counts = nothing();

  /** A connection was closed at once. */
  refused(): void {
    this.#counts.refused += 1;
  }

  /** `answer`: as it was before it was encoded; absent where there is none to give. */
  answered(api: ApiName, request: { bytes: number }, answer: { bytes: number; response?: unknown }): void {
    const counts = this.#counts;
    counts.requests += 1;
    counts.byApi[api] = (counts.byApi[api] ?? 0) + 1;
    counts.bytesIn += request.bytes;
    counts.bytesOut += answer.bytes;
    if (tellsOfFault(answer.response)) counts.failed += 1;
  }

  muted(ms: number): void {
    this.#counts.mutedMs += ms;
  }

  /** Since it was last taken. */
  take(): TrafficCounts {
    const counts = this.#counts;
    this.#counts = nothing();
    return counts;
  }
}

function nothing(): TrafficCounts {
  return { refused: 0, requests: 0, failed: 0, bytesIn: 0, bytesOut: 0, mutedMs: 0, byApi: {} };
}

/** What no client has caused: what HTTP answers with 5xx, a store that is asked for too much, and what groups and transactions are told then. */
const FAULTS: ReadonlySet<unknown> = new Set([
  ...ERROR_CODES.map(errorRow)
    .filter(({ status }) => status >= 500)
    .map(({ kafkaCode }) => kafkaCode),
  errorRow('THROTTLING_QUOTA_EXCEEDED').kafkaCode,
  wireCodes.COORDINATOR_LOAD_IN_PROGRESS,
  wireCodes.COORDINATOR_NOT_AVAILABLE,
  wireCodes.NOT_COORDINATOR,
]);

/** Anywhere in it: for the whole, a topic, a partition, a group. */
function tellsOfFault(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || ArrayBuffer.isView(answer)) return false;
  if (Array.isArray(answer)) return answer.some(tellsOfFault);
  for (const [name, value] of Object.entries(answer)) {
    // Also `partitionErrorCode` and the like.
    if (name.toLowerCase().endsWith('errorcode') ? FAULTS.has(value) : tellsOfFault(value)) return true;
  }
  return false;
}
