/** What direct reading needs of a client: who says where the bytes are, who gets them, and who inflates them. */
import type { Clock } from '../../kernel/clock.ts';
import type { Compression } from '../../log/record-batch/compression.ts';
import { createTransport, type Transport, type TransportOptions } from '../transport.ts';
import { type Planner, planner } from './plan.ts';
import { type RangeReader, rangeReader } from './range-reader.ts';

export interface DirectSource {
  plans: Planner;
  ranges: RangeReader;
  compression: Compression;
  clock: Clock;
}

export interface DirectSourceOptions {
  transport: TransportOptions;
  /** Makes of a transport one that says where the reader is. */
  reading: (send: Transport) => Transport;
  /** For the bucket's URLs. */
  fetch: typeof globalThis.fetch;
  compression: Compression;
}

export function directSource({ transport, reading, fetch, compression }: DirectSourceOptions): DirectSource {
  const { requestMsMax, clock } = transport;
  return {
    plans: planner(reading(createTransport({ ...transport, attemptsMax: 1 }))),
    ranges: rangeReader({ fetch, requestMsMax, clock }),
    compression,
    clock,
  };
}
