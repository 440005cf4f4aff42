/** Bytes of runs: where they are in their commit's object, and how stored batches get the offsets that they have. */
import { MillraceError } from '../../kernel/errors.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LocatedRun } from '../../log/ledger/locate.ts';
import { batchHeaders, patchBatch } from '../../log/record-batch/header.ts';
import type { ByteRange } from '../../storage/objects/port.ts';

/** The bytes of these slots in the commit's object, with those of the slots that lie between. */
export function rangeOf(commit: Commit, slots: readonly number[]): ByteRange {
  let position = commit.position;
  let start: number | undefined;
  let end = position;
  for (const run of commit.runs) {
    if (slots.includes(run.slot)) {
      start ??= position;
      end = position + run.bytes;
    }
    position += run.bytes;
  }
  return { start: start ?? commit.position, end };
}

/**
 * Gives the run's batches their offsets and leader epoch, in place. Throws `CORRUPT_MESSAGE` where they are no batches,
 * or have other numbers of records than were stored.
 */
export function placeBatches(chunks: readonly Uint8Array[], run: LocatedRun): void {
  let offset = run.baseOffset;
  for (const chunk of chunks) {
    for (const { position, lastOffsetDelta } of batchHeaders(chunk)) {
      patchBatch(chunk, position, { baseOffset: offset, leaderEpoch: run.leaderEpoch });
      offset += lastOffsetDelta + 1;
    }
  }
  if (offset === run.endOffset) return;
  throw new MillraceError('CORRUPT_MESSAGE', 'There are more or fewer records than were stored.');
}
