/**
 * A member says what it has done with records that it has acquired: all that it says of a share partition at once, or
 * nothing of it.
 */
import {
  ACKNOWLEDGED,
  ARCHIVED,
  canonical,
  endOffset,
  placed,
  type Run,
  type RunContent,
  released,
  type SharePartition,
} from './share-partition.ts';

/** By Kafka's numbers: 0 there is no such record, 1, 2, 3, and 4 the member needs longer (KIP-1222). */
export const ACKNOWLEDGE_TYPES = ['gap', 'accept', 'release', 'reject', 'renew'] as const;
export type AcknowledgeType = (typeof ACKNOWLEDGE_TYPES)[number];

export interface AcknowledgementBatch {
  firstOffset: number;
  /** Included. */
  lastOffset: number;
  /** One for all of its records, or one for each. */
  types: readonly AcknowledgeType[];
}

export interface Acknowledging {
  memberId: string;
  batches: readonly AcknowledgementBatch[];
  /** Until when records are locked that are renewed. */
  renewedUntilMs: number;
  deliveriesMax: number;
}

export type Acknowledged =
  | { outcome: 'acknowledged'; next: SharePartition }
  /**
   * `state`: a record is not acquired by the member, or not any more. `request`: the batches are not what they can be.
   */
  | { outcome: 'refused'; because: 'state' | 'request'; detail: string };

/** Of a partition whose overdue locks are released. What lies before its start is done with, whatever is said of it. */
export function acknowledge(partition: SharePartition, acknowledging: Acknowledging): Acknowledged {
  const { batches, memberId } = acknowledging;
  const malformed = malformedBatch(batches);
  if (malformed !== undefined) return { outcome: 'refused', because: 'request', detail: malformed };
  const open = batches.filter(({ lastOffset }) => lastOffset >= partition.startOffset);
  if (open.some(({ lastOffset }) => lastOffset >= endOffset(partition))) {
    return { outcome: 'refused', because: 'request', detail: 'some of the records were not given to anybody' };
  }
  const walk = new Walk(partition.runs);
  for (const batch of open) {
    for (const { type, first, end } of segmentsOf(batch, partition.startOffset)) {
      const isHeld = walk.change(first, end, (run) =>
        run.lock?.memberId === memberId ? outcomeOf(run, type, acknowledging) : undefined,
      );
      if (!isHeld) return { outcome: 'refused', because: 'state', detail: 'a record is not acquired by the member' };
    }
  }
  return { outcome: 'acknowledged', next: canonical(partition.startOffset, walk.rest()) };
}

/** In ascending order, not empty, and with one type for all or each. */
function malformedBatch(batches: readonly AcknowledgementBatch[]): string | undefined {
  let before = -1;
  for (const { firstOffset, lastOffset, types } of batches) {
    if (firstOffset > lastOffset || firstOffset < before) return 'batches of acknowledgements are in ascending order';
    if (types.length !== 1 && types.length !== lastOffset - firstOffset + 1) {
      return 'a batch of acknowledgements has one type, or one for each record';
    }
    before = lastOffset;
  }
  return undefined;
}

interface Segment {
  first: number;
  end: number;
  type: AcknowledgeType;
}

/** The batch from the start on, cut where the type changes. */
function segmentsOf({ firstOffset, lastOffset, types }: AcknowledgementBatch, startOffset: number): Segment[] {
  const from = Math.max(firstOffset, startOffset);
  const [only] = types;
  if (types.length === 1 && only !== undefined) return [{ first: from, end: lastOffset + 1, type: only }];
  const segments: Segment[] = [];
  for (let offset = from; offset <= lastOffset; offset++) {
    const type = types[offset - firstOffset] as AcknowledgeType;
    const before = segments.at(-1);
    if (before?.type === type) before.end = offset + 1;
    else segments.push({ first: offset, end: offset + 1, type });
  }
  return segments;
}

/** Once over all runs, however many stretches of them are changed: those have to come in their order. */
class Walk {
  private readonly passed: Run[] = [];
  private readonly runs: readonly Run[];
  private at = 0;
  /** What is left of the run at `at`. */
  private current: Run | undefined;

  constructor(runs: readonly Run[]) {
    this.runs = runs;
    this.current = runs[0];
  }

  /** False where `change` refuses one of the runs there, or the stretch lies before what was passed. */
  change(first: number, end: number, change: (run: Run) => RunContent | undefined): boolean {
    while (this.current !== undefined && this.current.end <= first) this.pass(this.current, this.current.end);
    if (this.current !== undefined && this.current.first < first) this.pass(this.current, first);
    if (this.current?.first !== first) return false;
    while (this.current !== undefined && this.current.first < end) {
      const content = change(this.current);
      if (content === undefined) return false;
      this.pass(content, Math.min(this.current.end, end));
    }
    return true;
  }

  /** All runs, with those after the last change. */
  rest(): Run[] {
    while (this.current !== undefined) this.pass(this.current, this.current.end);
    return this.passed;
  }

  /** The current run up to `end` is passed, as `content` has it. */
  private pass(content: RunContent, end: number): void {
    const { current } = this;
    if (current === undefined) return;
    this.passed.push(placed(content, { first: current.first, end }));
    if (end === current.end) this.at += 1;
    this.current = end === current.end ? this.runs[this.at] : { ...current, first: end };
  }
}

function outcomeOf(
  run: Run,
  type: AcknowledgeType,
  { renewedUntilMs, deliveriesMax }: Pick<Acknowledging, 'renewedUntilMs' | 'deliveriesMax'>,
): RunContent {
  switch (type) {
    case 'accept':
      return ACKNOWLEDGED;
    case 'gap':
    case 'reject':
      return ARCHIVED;
    case 'release':
      return released(run, deliveriesMax);
    case 'renew':
      return run.lock === undefined ? run : { ...run, lock: { ...run.lock, untilMs: renewedUntilMs } };
  }
}
