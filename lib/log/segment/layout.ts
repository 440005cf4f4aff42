/**
 * Laying out one object: which bytes go where, and what each ledger is told about them.
 */

import { assert } from '../../kernel/assert.ts';
import { crc32cCombine } from '../../kernel/crc32c.ts';
import type { LedgerId, ObjectId } from '../../kernel/ids.ts';
import { encodeFooter, type Part, type Run } from './footer.ts';

/** Validated record batches of one partition, from one request. */
export interface BatchRun {
  /** Whole batches, one or more a chunk. */
  chunks: readonly Uint8Array[];
  bytes: number;
  records: number;
  /** The newest record timestamp, ms; 0 where the records carry none. */
  maxTimestamp: number;
  crc32c: number;
}

/** What one commit brings to its ledger, before it has a place. */
export interface DraftPart {
  ledger: LedgerId;
  seen: number;
  /** By slot, in the order in which their records get offsets. */
  slots: ReadonlyMap<number, readonly BatchRun[]>;
}

export interface ObjectLayout {
  /** The object's bytes in order: the batches, then the footer. */
  chunks: Uint8Array[];
  bytes: number;
  /** As given, in order, with the position of each one's first run. */
  parts: { part: Part; position: number; chunks: ReadonlyMap<number, Uint8Array[]> }[];
}

export function layOut(object: ObjectId, drafts: readonly DraftPart[]): ObjectLayout {
  const chunks: Uint8Array[] = [];
  const parts: ObjectLayout['parts'] = [];
  let position = 0;
  for (const [index, draft] of drafts.entries()) {
    const start = position;
    const runs: Run[] = [];
    const chunksBySlot = new Map<number, Uint8Array[]>();
    for (const slot of [...draft.slots.keys()].sort((a, b) => a - b)) {
      const pieces = draft.slots.get(slot) as readonly BatchRun[];
      const run = joined(slot, pieces);
      runs.push(run);
      position += run.bytes;
      const bytes = pieces.flatMap((piece) => piece.chunks);
      chunksBySlot.set(slot, bytes);
      chunks.push(...bytes);
    }
    parts.push({
      part: { ledger: draft.ledger, part: index, seen: draft.seen, runs },
      position: start,
      chunks: chunksBySlot,
    });
  }
  const footer = encodeFooter({ object, parts: parts.map(({ part }) => part) });
  chunks.push(footer);
  return { chunks, bytes: position + footer.length, parts };
}

function joined(slot: number, pieces: readonly BatchRun[]): Run {
  assert(pieces.length > 0, 'a slot of a commit has records');
  const run: Run = { slot, bytes: 0, records: 0, maxTimestamp: 0, crc32c: 0 };
  for (const piece of pieces) {
    run.crc32c = crc32cCombine(run.crc32c, piece.crc32c, piece.bytes);
    run.bytes += piece.bytes;
    run.records += piece.records;
    run.maxTimestamp = Math.max(run.maxTimestamp, piece.maxTimestamp);
  }
  return run;
}
