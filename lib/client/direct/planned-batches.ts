/** From the bytes of a planned segment to batches with their offsets, and to records. */
import { MillraceError } from '../../kernel/errors.ts';
import type { Compression } from '../../log/record-batch/compression.ts';
import { records } from '../../log/record-batch/decode.ts';
import { batchHeaders, patchBatch } from '../../log/record-batch/header.ts';
import type { LogRecord } from '../../log/record-batch/record.ts';
import type { PlannedSegment } from './plan.ts';

/** Offsets from the first to the last. */
export interface Span {
  first: number;
  last: number;
}

/**
 * The whole batches that have offsets of the span, offsets in place: the first may begin before it, and the last end
 * after it. Changes the bytes. Throws `MillraceError` where they are not what the plan says.
 */
export function batchesWithin(bytes: Uint8Array, segment: PlannedSegment, { first, last }: Span): Uint8Array {
  if (segment.source === 'url' && segment.offsets === 'relative') number(bytes, segment);
  let start = bytes.length;
  let end = 0;
  for (const { position, sizeBytes, baseOffset, lastOffsetDelta } of batchHeaders(bytes)) {
    if (baseOffset + lastOffsetDelta < first || baseOffset > last) continue;
    start = Math.min(start, position);
    end = position + sizeBytes;
  }
  return bytes.subarray(Math.min(start, end), end);
}

/** As the server does for a fetch: producers number the records of a batch from 0, and batches follow each other. */
function number(bytes: Uint8Array, { baseOffset, lastOffset }: PlannedSegment): void {
  let offset = baseOffset;
  for (const { position, lastOffsetDelta, leaderEpoch } of batchHeaders(bytes)) {
    patchBatch(bytes, position, { baseOffset: offset, leaderEpoch });
    offset += lastOffsetDelta + 1;
  }
  if (offset === lastOffset + 1) return;
  throw new MillraceError('CORRUPT_MESSAGE', 'A range has more or fewer records than its plan says.');
}

/** The records of the span. The batches were checked as a whole on their way here. */
export function* recordsWithin(
  batches: Uint8Array,
  { first, last }: Span,
  compression: Compression,
): Generator<LogRecord> {
  for (const record of records(batches, compression, { verifyChecksum: false })) {
    if (record.offset > last) return;
    if (record.offset >= first) yield record;
  }
}
