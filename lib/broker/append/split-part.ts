/**
 * The rest of a stored commit without some of its units: the same object, in as few commits as its bytes allow. A
 * commit has its runs without gaps, so a new one begins after every unit that is left out.
 */
import { crc32cCombine } from '../../kernel/crc32c.ts';
import type { Run } from '../../log/segment/footer.ts';
import type { BatchRun } from '../../log/segment/layout.ts';
import type { Unit } from './unit.ts';

export interface Piece {
  /** In the order of their bytes, which is also that of each partition's offsets. */
  units: Unit[];
  /** Of its first run in the object. */
  position: number;
  runs: Run[];
  chunks: Map<number, Uint8Array[]>;
}

/** `units` are all that the commit at `position` was made of, in the order in which they came. */
export function splitPart(units: readonly Unit[], position: number, isLeftOut: (unit: Unit) => boolean): Piece[] {
  const pieces: Piece[] = [];
  let piece: Piece | undefined;
  let at = position;
  for (const unit of inObjectOrder(units)) {
    if (isLeftOut(unit)) {
      piece = undefined;
    } else {
      if (piece === undefined) {
        piece = { units: [], position: at, runs: [], chunks: new Map() };
        pieces.push(piece);
      }
      add(piece, unit);
    }
    at += unit.run.bytes;
  }
  return pieces;
}

/** By slot, and within a slot as they came: as the object was laid out. */
function inObjectOrder(units: readonly Unit[]): Unit[] {
  return [...units].sort((a, b) => a.slot - b.slot);
}

function add(piece: Piece, unit: Unit): void {
  const { slot } = unit;
  piece.units.push(unit);
  const last = piece.runs.at(-1);
  if (last?.slot === slot) {
    piece.runs[piece.runs.length - 1] = joined(last, unit.run);
    piece.chunks.get(slot)?.push(...unit.run.chunks);
  } else {
    const { bytes, records, maxTimestamp, crc32c } = unit.run;
    piece.runs.push({ slot, bytes, records, maxTimestamp, crc32c });
    piece.chunks.set(slot, [...unit.run.chunks]);
  }
}

function joined(run: Run, next: BatchRun): Run {
  return {
    slot: run.slot,
    bytes: run.bytes + next.bytes,
    records: run.records + next.records,
    maxTimestamp: Math.max(run.maxTimestamp, next.maxTimestamp),
    crc32c: crc32cCombine(run.crc32c, next.crc32c, next.bytes),
  };
}
