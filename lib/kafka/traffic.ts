/** What goes through a gateway, for its operator: counted here, and taken from time to time. */
import { ERROR_CODES, errorRow } from '../kernel/errors.ts';
import { kafkaLimits } from '../kernel/limits/kafka.ts';
import type { Turns } from '../kernel/turns.ts';
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

  /** A request was done with: answered, mostly. */
  done(
    api: ApiName,
    { bytesIn, bytesOut, hasFailed }: { bytesIn: number; bytesOut: number; hasFailed: boolean },
  ): void {
    const counts = this.#counts;
    counts.requests += 1;
    counts.byApi[api] = (counts.byApi[api] ?? 0) + 1;
    counts.bytesIn += bytesIn;
    counts.bytesOut += bytesOut;
    if (hasFailed) counts.failed += 1;
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

/**
 * What no client has caused: what HTTP answers with 5xx, a store that is asked for too much, and what groups and
 * transactions are told then.
 */
const FAULTS: ReadonlySet<unknown> = new Set([
  ...ERROR_CODES.map(errorRow)
    .filter(({ status }) => status >= 500)
    .map(({ kafkaCode }) => kafkaCode),
  errorRow('THROTTLING_QUOTA_EXCEEDED').kafkaCode,
  wireCodes.COORDINATOR_LOAD_IN_PROGRESS,
  wireCodes.COORDINATOR_NOT_AVAILABLE,
  wireCodes.NOT_COORDINATOR,
]);

/** Of one of Kafka's error codes. */
export function isFault(code: number): boolean {
  return FAULTS.has(code);
}

/** Anywhere in an answer: for the whole, a topic, a partition, a group. It may have a hundred thousand places. */
export async function tellsOfFault(answer: unknown, turns: Turns): Promise<boolean> {
  const open: unknown[] = [answer];
  for (let seen = 1; open.length > 0; seen += 1) {
    const place = open.pop();
    if (Array.isArray(place)) for (const each of place) open.push(each);
    else if (isStruct(place)) {
      for (const name in place) {
        const value = place[name];
        if (typeof value === 'object') open.push(value);
        else if (FAULTS.has(value) && isErrorCode(name)) return true;
      }
    }
    if (seen % kafkaLimits.kafkaElementsAtOnceMax === 0) await turns.ownTurn();
  }
  return false;
}

function isStruct(place: unknown): place is Record<string, unknown> {
  return typeof place === 'object' && place !== null && !ArrayBuffer.isView(place);
}

/** Also `partitionErrorCode` and the like. */
function isErrorCode(name: string): boolean {
  return name.toLowerCase().endsWith('errorcode');
}
