/** The bytes of a commit for merging: each of its objects is asked once for all of the ledger's slots. */
import { EMPTY_BYTES } from '../../kernel/bytes.ts';
import { crc32c } from '../../kernel/crc32c.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { LocatedCommit, LocatedRun } from '../../log/ledger/locate.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ObjectName, ObjectStore } from '../../storage/objects/port.ts';
import { placeBatches, rangeOf } from '../read/run-bytes.ts';

/** A run whose bytes are not there, or are not those that were stored. */
export interface Unreadable {
  name: ObjectName;
  run: LocatedRun;
  reason: string;
}

/**
 * By run, the batches with their offsets in place, which are parts of `whole`: to be released once they have been used.
 * Or the first run that is not what was stored.
 */
export type CommitBytes = { found: readonly Uint8Array[]; whole: Uint8Array } | { unreadable: Unreadable };

/** From the first of its runs to the last. */
export function bytesOfRuns({ commit, runs }: LocatedCommit): number {
  const { start, end } = rangeOf(
    commit,
    runs.map(({ slot }) => slot),
  );
  return end - start;
}

/** One request for all of the runs, of which there is one at least. */
export async function readCommit(
  objects: Pick<ObjectStore, 'getRange'>,
  { commit, runs }: LocatedCommit,
): Promise<CommitBytes> {
  const name = objectName(commit.tier, commit.object);
  const range = rangeOf(
    commit,
    runs.map(({ slot }) => slot),
  );
  const bytes = await objects.getRange(name, range);
  const found: Uint8Array[] = [];
  for (const run of runs) {
    const own = bytes?.subarray(run.position - range.start, run.position - range.start + run.bytes);
    const reason = own === undefined ? 'The object is not there' : fault(own, run);
    if (own === undefined || reason !== undefined) return { unreadable: { name, run, reason: reason as string } };
    found.push(own);
  }
  return { found, whole: bytes ?? EMPTY_BYTES };
}

/** Gives the batches their offsets, or says why that cannot be. */
function fault(bytes: Uint8Array, run: LocatedRun): string | undefined {
  if (bytes.length !== run.bytes) return `The object is cut: ${bytes.length} of ${run.bytes} bytes are there`;
  if (crc32c(bytes) !== run.crc32c) return 'The bytes do not match their checksum';
  try {
    placeBatches([bytes], run);
    return undefined;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return error.message;
  }
}
