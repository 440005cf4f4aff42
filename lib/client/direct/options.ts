/** What readers of all kinds can be told about reading history from the bucket. */
import { clientLimits } from '../../kernel/limits/client.ts';
import { oneOf } from '../check-options.ts';

export interface DirectReadingOptions {
  /** `auto` (default): from the bucket where there is enough and it can be done; `never`: through the server alone. */
  direct?: 'auto' | 'never';
  /** Ranges that are read from the bucket at the same time. Default 4. */
  rangesInFlightMax?: number;
  /** What they take in memory until they are handed out. Default 24 MiB. */
  rangesBytesMax?: number;
  /** Direct reading failed: ordinary fetches go on, and it is tried again later. */
  onFallback?: (error: unknown) => void;
}

export const DIRECT_NUMBERS = {
  rangesInFlightMax: {
    value: clientLimits.clientRangesInFlightDefault,
    min: 1,
    max: clientLimits.clientRangesInFlightMax,
  },
  rangesBytesMax: {
    value: clientLimits.clientRangesBytesDefault,
    min: clientLimits.clientDirectBytesMin,
    max: clientLimits.clientRangesBytesMax,
  },
} as const;

export function directOf(direct: unknown): 'auto' | 'never' {
  return oneOf('direct', direct ?? 'auto', ['auto', 'never']);
}
