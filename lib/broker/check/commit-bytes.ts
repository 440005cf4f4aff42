/** Reading what a commit refers to: whether the stored bytes are those that were committed (`--deep`). */
import { crc32c } from '../../kernel/crc32c.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import { batchHeaders, checkBatchChecksum } from '../../log/record-batch/header.ts';

/** Why the commit's bytes, from its position on, are not those that were committed; `undefined` where they are. */
export function damageIn(commit: Commit, bytes: Uint8Array): string | undefined {
  let start = 0;
  for (const { slot, bytes: length, records, crc32c: expected } of commit.runs) {
    const run = bytes.subarray(start, start + length);
    start += length;
    if (run.length < length) return `the run of slot ${slot} ends ${length - run.length} bytes early`;
    if (crc32c(run) !== expected) return `the run of slot ${slot} does not match its checksum`;
    const found = recordsIn(run);
    if (typeof found === 'string') return `the run of slot ${slot} cannot be read: ${found}`;
    if (found !== records) return `the run of slot ${slot} has ${found} records, and ${records} were committed`;
  }
  return undefined;
}

/** How many offsets the batches take, or why they cannot be read. */
function recordsIn(run: Uint8Array): number | string {
  try {
    let records = 0;
    for (const { position, lastOffsetDelta } of batchHeaders(run)) {
      checkBatchChecksum(run, position);
      records += lastOffsetDelta + 1;
    }
    return records;
  } catch (error) {
    if (error instanceof MillraceError) return error.message;
    throw error;
  }
}
