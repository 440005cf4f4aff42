/**
 * Where units with a producer's sequence wait before they join a flush.
 *
 * - The same records twice: the second waits for what becomes of the first, and is answered with that.
 * - Records ahead of the producer's next ones: requests of one producer overtake each other on different connections,
 *   or in different processes. They wait until those before them are handed on here or are seen in the ledger, for
 *   `producerLimits.sequenceGapWaitMs` at most. So do those of a producer that nobody knows and that does not begin at
 *   0.
 *
 * The gate decides nothing for good: what it lets through is judged by the ledger (admit.ts). What it knows is of this
 * process; a unit that need not wait passes in the turn of the event loop in which it came.
 */
import { judge, sequenceAfter } from '../../coordination/producers/sequences.ts';
import { ledgerName } from '../../kernel/ids.ts';
import { producerLimits } from '../../kernel/limits/producers.ts';
import type { AppenderParts } from './parts.ts';
import type { ProducerDesk } from './producer-desk.ts';
import { type Appended, acksOf, type ProducerSequence, type Unit } from './unit.ts';

export interface SequencedUnit extends Unit {
  sequence: ProducerSequence;
}

interface Entry {
  unit: SequencedUnit;
  outcome: Promise<Appended>;
  /** Of one that waits: ends the wait. */
  stop?: AbortController;
}

/** The units of one producer for one partition. */
interface Line {
  /** Handed on and not answered yet, in that order. */
  passed: Entry[];
  waiting: Set<Entry>;
}

export class SequenceGate {
  private readonly parts: AppenderParts;
  private readonly desk: ProducerDesk;
  private readonly handOn: (unit: Unit) => void;
  private readonly lines = new Map<string, Line>();
  private readonly waits = new Set<Promise<void>>();

  constructor(parts: AppenderParts, desk: ProducerDesk, handOn: (unit: Unit) => void) {
    this.parts = parts;
    this.desk = desk;
    this.handOn = handOn;
  }

  /** Hands the unit on now or later, or answers it. `outcome` is the promise of its answer. */
  enter(unit: SequencedUnit, outcome: Promise<Appended>): void {
    const name = `${ledgerName(unit.ledger)}#${unit.slot}#${unit.sequence.producer}`;
    let line = this.lines.get(name);
    if (line === undefined) {
      line = { passed: [], waiting: new Set() };
      this.lines.set(name, line);
    }
    const twin = twinOf(line, unit);
    if (twin !== undefined) {
      const asks = acksOf(unit) === 'all' && acksOf(twin.unit) === 'leader';
      twin.outcome.then(
        ({ baseOffset }) => (asks ? this.handOn(unit) : unit.resolve({ baseOffset, duplicate: true })),
        (error: unknown) => unit.reject(error),
      );
      return;
    }
    const entry: Entry = { unit, outcome };
    const left = () => this.leave(name, line, entry);
    void outcome.then(left, left);
    if (this.mustWait(line, unit)) this.wait(line, entry);
    else this.pass(line, entry);
  }

  /** Those that wait for a gap to close; empty when none does. */
  get pending(): ReadonlySet<Promise<void>> {
    return this.waits;
  }

  private mustWait(line: Line, unit: SequencedUnit): boolean {
    const { epoch, firstSequence } = unit.sequence;
    const last = line.passed.at(-1)?.unit;
    if (last === undefined) {
      const known = this.desk.peek(unit.ledger, unit.slot, unit.sequence.producer);
      // Not in the head, or no head is known: whether it has an item must be looked up.
      return known === undefined ? firstSequence !== 0 : isAhead(judge(known, sequencedRecords(unit)));
    }
    if (last.sequence.epoch !== epoch) return false;
    const place = { at: 'offset' as const, offset: 0 };
    const sequences = {
      epoch,
      firstSequence: last.sequence.firstSequence,
      batches: [{ records: last.run.records, place }],
    };
    return isAhead(judge(sequences, sequencedRecords(unit)));
  }

  /** And with it those that were waiting for it. */
  private pass(line: Line, entry: Entry): void {
    line.waiting.delete(entry);
    entry.stop?.abort();
    line.passed.push(entry);
    this.handOn(entry.unit);
    const { sequence, run } = entry.unit;
    const end = sequenceAfter(sequence.firstSequence, run.records);
    for (const other of line.waiting) {
      const { epoch, firstSequence } = other.unit.sequence;
      if (epoch === sequence.epoch && firstSequence === end) return this.pass(line, other);
    }
  }

  private wait(line: Line, entry: Entry): void {
    line.waiting.add(entry);
    const waited = this.waitForTurn(line, entry)
      .catch((error: unknown) => {
        line.waiting.delete(entry);
        entry.unit.reject(error);
      })
      .finally(() => this.waits.delete(waited));
    this.waits.add(waited);
  }

  private async waitForTurn(line: Line, entry: Entry): Promise<void> {
    const { clock } = this.parts;
    const { unit } = entry;
    const stop = new AbortController();
    entry.stop = stop;
    const untilMs = Math.min(clock.monotonic() + producerLimits.sequenceGapWaitMs, unit.deadlineMs);
    for (let reading: 'known' | 'strong' = 'known'; ; reading = 'strong') {
      const sequences = await this.desk.look(unit.ledger, unit.slot, unit.sequence.producer, reading);
      if (!line.waiting.has(entry)) return;
      if (sequences !== undefined && !isAhead(judge(sequences, sequencedRecords(unit)))) break;
      // Another process may have written those before it since; that is looked up at once.
      if (reading === 'known') continue;
      const leftMs = untilMs - clock.monotonic();
      if (leftMs <= 0) break;
      await clock.sleep(Math.min(producerLimits.sequenceGapPollMs, leftMs), stop.signal);
      if (!line.waiting.has(entry)) return;
    }
    this.pass(line, entry);
  }

  private leave(name: string, line: Line, entry: Entry): void {
    line.passed = line.passed.filter((other) => other !== entry);
    line.waiting.delete(entry);
    if (line.passed.length === 0 && line.waiting.size === 0) this.lines.delete(name);
  }
}

function twinOf({ passed, waiting }: Line, unit: SequencedUnit): Entry | undefined {
  for (const other of passed) if (isSame(other.unit, unit)) return other;
  for (const other of waiting) if (isSame(other.unit, unit)) return other;
  return undefined;
}

function isSame(a: SequencedUnit, b: SequencedUnit): boolean {
  return (
    a.sequence.epoch === b.sequence.epoch &&
    a.sequence.firstSequence === b.sequence.firstSequence &&
    a.run.records === b.run.records
  );
}

function sequencedRecords({ sequence, run }: SequencedUnit) {
  return { epoch: sequence.epoch, firstSequence: sequence.firstSequence, records: run.records };
}

/** Ahead, and near enough that what is missing may be on its way. */
function isAhead(verdict: ReturnType<typeof judge>): boolean {
  return (
    verdict.verdict === 'out-of-order' && verdict.ahead !== undefined && verdict.ahead <= producerLimits.sequenceGapMax
  );
}
