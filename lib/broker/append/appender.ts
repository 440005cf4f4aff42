/**
 * Group commit: what arrives while a flush is uploading joins the next one. There is no timer, so an idle process adds
 * no wait; what is appended in one turn of the event loop, such as a request to many partitions, goes together. Uploads
 * overlap when much is waiting; sequencing goes in flush order per ledger, because the place in a ledger's line is
 * taken when the flush is composed, before its upload.
 *
 * Guarantees to callers of `append`:
 * - it resolves only after the bytes are stored and the ledger's head has them: what is acked is readable at once;
 * - of two units of a ledger, the one appended first gets the lower offsets, unless it fails;
 * - it rejects with `effect: 'none'` only when the records can never appear;
 * - records with a producer's sequence are in the ledger once, however often they are appended.
 */
import { OVER } from '../../kernel/ending.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, newObjectId } from '../../kernel/ids.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { acceptableBirth } from '../../log/ledger/append.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { layOut } from '../../log/segment/layout.ts';
import { objectName } from '../../log/segment/object-name.ts';
import { headView } from '../ledger/replicated.ts';
import { Coverage } from './coverage.ts';
import { type Batch, slotsOf, takeFlush } from './flush.ts';
import { SINGLE, targetsOf } from './holders.ts';
import { PassingLooks } from './looks.ts';
import { Outstanding } from './outstanding.ts';
import { type AppenderParts, goneError } from './parts.ts';
import { Placement } from './placement.ts';
import { ProducerDesk } from './producer-desk.ts';
import { SequenceGate } from './sequence-gate.ts';
import { Sequencer } from './sequencer.ts';
import { type Appended, type AppendRequest, acksOf, rulesFor, strongestOf, type Unit } from './unit.ts';
import { ledgerOf, placePart, type UploadedPart } from './uploaded-part.ts';

export class Appender {
  private readonly parts: AppenderParts;
  private readonly sequencer: Sequencer;
  private readonly coverage: Coverage;
  private readonly gate: SequenceGate;
  private readonly queue: Unit[] = [];
  private queuedBytes = 0;
  /** Accepted and not yet answered: waiting, uploading, or in a ledger's line. */
  private pendingRequests = 0;
  private pendingBytes = 0;
  private uploads = 0;
  private pumpIsDue = false;
  /** Per ledger, the end of the line of commits to sequence. */
  private readonly lines = new Map<string, Promise<void>>();
  private readonly flushes = new Set<Promise<void>>();
  private readonly outstanding: Outstanding;
  private readonly looks: PassingLooks;

  constructor(parts: AppenderParts) {
    this.parts = parts;
    const coverage = new Coverage(parts);
    const desk = new ProducerDesk(parts, { coverage, appendAgain: (unit) => this.enqueue(unit) });
    this.coverage = coverage;
    this.looks = new PassingLooks(parts);
    this.outstanding = new Outstanding(parts);
    this.sequencer = new Sequencer(parts, { desk, coverage, upload: (batches) => this.upload(batches) });
    this.gate = new SequenceGate(parts, desk, (unit) => this.enqueue(unit));
  }

  /** Appends one partition's batches; resolves with their base offset. */
  append(request: AppendRequest): Promise<number> {
    return this.appendOnce(request).then(({ baseOffset }) => baseOffset);
  }

  /** As `append`, and says whether a producer's records were there before. */
  appendOnce(request: AppendRequest): Promise<Appended> {
    const bytes = request.run.bytes;
    const pendingBytes = this.pendingBytes + this.outstanding.bytes;
    if (
      this.pendingRequests >= produceLimits.pendingRequestsMax ||
      pendingBytes + bytes > produceLimits.pendingBytesMax
    ) {
      const detail = `${this.pendingRequests} writes of ${pendingBytes} bytes are under way in this process; try again.`;
      const facts = { retryAfterMs: requestLimits.retryAfterMsDefault };
      throw new MillraceError('THROTTLING_QUOTA_EXCEEDED', detail, { facts });
    }
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    this.pendingRequests++;
    this.pendingBytes += bytes;
    const answered = () => {
      this.pendingRequests--;
      this.pendingBytes -= bytes;
    };
    void promise.then(answered, answered);
    const { sequence } = request;
    if (sequence === undefined) this.enqueue({ ...request, resolve, reject });
    else this.gate.enter({ ...request, sequence, resolve, reject }, promise);
    return promise;
  }

  /** Resolves when nothing is waiting, uploading or being sequenced. */
  async settled(): Promise<void> {
    const works = [this.flushes, this.gate.pending, this.coverage.pending, this.outstanding.pending];
    for (this.pump(); works.some(({ size }) => size > 0); this.pump()) {
      for (const work of works) await Promise.all(work);
    }
  }

  private enqueue(unit: Unit): void {
    this.queue.push(unit);
    this.queuedBytes += unit.run.bytes;
    this.pumpSoon();
  }

  /** After everything that is about to be appended in this turn of the event loop. */
  private pumpSoon(): void {
    if (this.pumpIsDue) return;
    this.pumpIsDue = true;
    queueMicrotask(() => {
      this.pumpIsDue = false;
      this.pump();
    });
  }

  private pump(): void {
    while (this.queue.length > 0 && this.mayStart()) {
      const batches = takeFlush(this.queue);
      this.queuedBytes = this.queue.reduce((sum, unit) => sum + unit.run.bytes, 0);
      this.uploads++;
      const flush = this.flush(batches).finally(() => this.flushes.delete(flush));
      this.flushes.add(flush);
    }
  }

  /** A second upload beside the first pays only when there is much to send. */
  private mayStart(): boolean {
    if (this.uploads === 0) return true;
    return this.uploads < produceLimits.uploadsInFlightMax && this.queuedBytes >= produceLimits.flushBytesOverlap;
  }

  private async flush(batches: Batch[]): Promise<void> {
    const stored = this.storeOnce(batches);
    const sequenced = batches.map((batch, index) => {
      const ledger = ledgerOf(batch);
      return this.inLine(ledger, async () => {
        const outcome = await (stored[index] as Promise<Stored>);
        if ('error' in outcome) return this.sequencer.rejectAll(batch, outcome.error);
        const { part } = outcome;
        if (part === undefined) return;
        await this.sequencer.sequence(part);
        if (part.commit.replicated !== undefined) this.looks.passBy({ ledger, rules: strongestOf(batch.units).rules });
      });
    });
    await Promise.all(sequenced);
  }

  /** Lets the next flush begin once this one's bytes are stored, or no upload is likely to end soon. */
  private storeOnce(batches: readonly Batch[]): Promise<Stored>[] {
    const stored = this.store(batches);
    const late = new AbortController();
    const slow = this.parts.clock.sleep(produceLimits.uploadSlotMsMax, late.signal);
    void Promise.race([Promise.all(stored), slow]).then(() => {
      late.abort(OVER);
      this.uploads--;
      this.pump();
    });
    return stored;
  }

  /** Runs `step` after everything that took its place in the ledger's line before. `step` must not reject. */
  private inLine(ledger: LedgerId, step: () => Promise<void>): Promise<void> {
    const name = ledgerName(ledger);
    const before = this.lines.get(name) ?? Promise.resolve();
    const done = before.then(step).finally(() => {
      if (this.lines.get(name) === done) this.lines.delete(name);
    });
    this.lines.set(name, done);
    return done;
  }

  /** Stores batches anew, as `store`. Fails where one of them does. */
  private async upload(batches: readonly Batch[]): Promise<(UploadedPart | undefined)[]> {
    const outcomes = await Promise.all(this.store(batches));
    return outcomes.map((outcome) => {
      if ('error' in outcome) throw outcome.error;
      return outcome.part;
    });
  }

  /**
   * Stores the batches as one object; each is stored when those have it who must. Kept as values: a failed upload may
   * have to wait for its turn in the line before anyone looks at it. Fails only with `effect: 'none'`: bytes without a
   * commit are nothing.
   */
  private store(batches: readonly Batch[]): Promise<Stored>[] {
    const composed = this.compose(batches);
    return batches.map(async (_, index): Promise<Stored> => {
      try {
        const part = (await composed)[index];
        return { part: part && (await this.place(part)) };
      } catch (error) {
        return { error };
      }
    });
  }

  private async place(part: UploadedPart): Promise<UploadedPart> {
    let isDone = true;
    try {
      const placed = await placePart(this.parts, part);
      // With several replicas it may be sent to more of them, until its commit is in the ledger.
      isDone = headView(placed.head) === undefined;
      return placed;
    } finally {
      if (isDone) part.placement.leave();
    }
  }

  /**
   * Lays the batches out as one object. A part is `undefined` where its ledger is gone or cannot be read, or has too
   * few replicas for what is asked; its units are answered then.
   */
  private async compose(batches: readonly Batch[]): Promise<(UploadedPart | undefined)[]> {
    const heads = await Promise.all(batches.map((batch) => this.headOf(batch)));
    const live = batches.flatMap((batch, index) => {
      const head = heads[index];
      const admitted = head && this.withoutRefused(batch, head);
      return admitted === undefined ? [] : [{ batch: admitted, head: head as LedgerHead, index }];
    });
    const parts: (UploadedPart | undefined)[] = batches.map(() => undefined);
    if (live.length === 0) return parts;
    const { clock, random, objects } = this.parts;
    const birthMs = acceptableBirth(
      clock.now(),
      live.map(({ head }) => head.swept),
    );
    const object = newObjectId(birthMs, random);
    const drafts = live.map(({ batch, head }) => ({
      ledger: ledgerOf(batch),
      seen: head.sealed,
      slots: slotsOf(batch),
    }));
    const layout = layOut(object, drafts);
    const tier = objects.tierFor(layout.bytes);
    const name = objectName(tier, object);
    const placement = new Placement(this.parts, { name, chunks: layout.chunks, users: live.length });
    const outlives = live.some(({ head }) => headView(head) !== undefined);
    if (outlives) this.outstanding.add(placement, layout.bytes);
    const numbers = { next: layout.parts.length };
    for (const [order, { batch, head, index }] of live.entries()) {
      const { part, position, chunks } = layout.parts[order] as (typeof layout.parts)[number];
      const commit = { tier, object, part: part.part, position, runs: part.runs, alone: live.length === 1 };
      parts[index] = { batch, commit, head, chunks, numbers, placement };
    }
    return parts;
  }

  /**
   * The batch without those that ask for more replicas than are in sync, which are answered; `undefined`: nobody is
   * left.
   */
  private withoutRefused(batch: Batch, head: LedgerHead): Batch | undefined {
    const refused = refusedBy(head, batch.units);
    if (refused.size === 0) return batch;
    for (const [unit, error] of refused) unit.reject(error);
    // Nobody else may be there who would have a replica that is back join again.
    this.looks.passBy({ ledger: ledgerOf(batch), rules: strongestOf(batch.units).rules });
    const units = batch.units.filter((unit) => !refused.has(unit));
    return units.length === 0 ? undefined : { ...batch, units };
  }

  /** Where there is none, or it cannot be read, only this batch fails: its units are answered. */
  private async headOf(batch: Batch): Promise<LedgerHead | undefined> {
    try {
      const { heads } = this.parts;
      let head = await heads.known(ledgerOf(batch));
      // Who is refused is refused by a head that was read just now: a replica may have joined since the known one.
      if (head !== undefined && refusedBy(head, batch.units).size > 0) head = await heads.strong(ledgerOf(batch));
      if (head === undefined) this.sequencer.rejectAll(batch, goneError());
      return head;
    } catch (error) {
      this.sequencer.rejectAll(batch, storageError(error));
      return undefined;
    }
  }
}

/** Those that ask for more replicas than are in sync, with what they are told. */
function refusedBy(head: LedgerHead, units: readonly Unit[]): Map<Unit, unknown> {
  const state = headView(head)?.state ?? SINGLE;
  const refused = new Map<Unit, unknown>();
  for (const unit of units) {
    try {
      targetsOf(state, { acks: acksOf(unit), rules: rulesFor(unit) });
    } catch (error) {
      refused.set(unit, error);
    }
  }
  return refused;
}

/** What a stored batch came to; without a part its units have been answered. */
type Stored = { part: UploadedPart | undefined } | { error: unknown };

/** Whatever an upload failed with: the records are not in the log and never will be. */
function storageError(error: unknown): unknown {
  return withEffect(error, 'none');
}
