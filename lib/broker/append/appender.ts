/**
 * Group commit: what arrives while a flush is uploading joins the next one. There is no timer, so an idle process adds no
 * wait; what is appended in one turn of the event loop, such as a request to many partitions, goes together. Uploads
 * overlap when much is waiting; sequencing goes in flush order per ledger, because the place in a ledger's line is taken
 * when the flush is composed, before its upload.
 *
 * Guarantees to callers of `append`:
 * - it resolves only after the bytes are stored and the ledger's head has them: what is acked is readable at once;
 * - of two units of a ledger, the one appended first gets the lower offsets, unless it fails;
 * - it rejects with `effect: 'none'` only when the records can never appear;
 * - records with a producer's sequence are in the ledger once, however often they are appended.
 */
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, newObjectId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { acceptableBirth } from '../../log/ledger/append.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { layOut } from '../../log/segment/layout.ts';
import { objectName } from '../../log/segment/object-name.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import { type Batch, deadlineOf, slotsOf, takeFlush } from './flush.ts';
import { type AppenderParts, goneError } from './parts.ts';
import { ProducerDesk } from './producer-desk.ts';
import { SequenceGate } from './sequence-gate.ts';
import { Sequencer, type UploadedPart } from './sequencer.ts';
import type { Appended, AppendRequest, Unit } from './unit.ts';

export class Appender {
  private readonly parts: AppenderParts;
  private readonly sequencer: Sequencer;
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

  constructor(parts: AppenderParts) {
    this.parts = parts;
    const desk = new ProducerDesk(parts);
    this.sequencer = new Sequencer(parts, desk, (batches) => this.upload(batches));
    this.gate = new SequenceGate(parts, desk, (unit) => this.enqueue(unit));
  }

  /** Appends one partition's batches; resolves with their base offset. */
  append(request: AppendRequest): Promise<number> {
    return this.appendOnce(request).then(({ baseOffset }) => baseOffset);
  }

  /** As `append`, and says whether a producer's records were there before. */
  appendOnce(request: AppendRequest): Promise<Appended> {
    const bytes = request.run.bytes;
    if (this.pendingRequests >= limits.pendingRequestsMax || this.pendingBytes + bytes > limits.pendingBytesMax) {
      const detail = `${this.pendingRequests} writes of ${this.pendingBytes} bytes are under way in this process; try again.`;
      const facts = { retryAfterMs: limits.retryAfterMsDefault };
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
    const { pending } = this.gate;
    for (this.pump(); this.flushes.size > 0 || pending.size > 0; this.pump()) {
      await Promise.all([...this.flushes, ...pending]);
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
    return this.uploads < limits.uploadsInFlightMax && this.queuedBytes >= limits.flushBytesOverlap;
  }

  private async flush(batches: Batch[]): Promise<void> {
    // Kept as a value: a failed upload may have to wait for its turn in the line before anyone looks at it.
    const uploaded = this.uploadOnce(batches).then(
      (parts) => ({ parts }),
      (error: unknown) => ({ error }),
    );
    const sequenced = batches.map((batch, index) =>
      this.inLine((batch.units[0] as Unit).ledger, async () => {
        const outcome = await uploaded;
        if ('error' in outcome) return this.sequencer.rejectAll(batch, outcome.error);
        const part = outcome.parts[index];
        if (part !== undefined) await this.sequencer.sequence(part);
      }),
    );
    await Promise.all(sequenced);
  }

  private async uploadOnce(batches: readonly Batch[]): Promise<(UploadedPart | undefined)[]> {
    try {
      return await this.upload(batches);
    } finally {
      this.uploads--;
      this.pump();
    }
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

  /**
   * Stores the batches as one object. A part is `undefined` where its ledger is gone or cannot be read; its units are
   * answered then. Fails only with `effect: 'none'`: bytes without a commit are nothing.
   */
  private async upload(batches: readonly Batch[]): Promise<(UploadedPart | undefined)[]> {
    const heads = await Promise.all(batches.map((batch) => this.headOf(batch)));
    const live = batches.flatMap((batch, index) => {
      const head = heads[index];
      return head === undefined ? [] : [{ batch, head, index }];
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
      ledger: (batch.units[0] as Unit).ledger,
      seen: head.sealed,
      slots: slotsOf(batch),
    }));
    const layout = layOut(object, drafts);
    const tier = objects.tierFor(layout.bytes);
    const deadlineMs = Math.max(...live.map(({ batch }) => deadlineOf(batch)));
    await this.put(objectName(tier, object), layout.chunks, deadlineMs);
    const numbers = { next: layout.parts.length };
    for (const [order, { batch, head, index }] of live.entries()) {
      const { part, position, chunks } = layout.parts[order] as (typeof layout.parts)[number];
      const commit = { tier, object, part: part.part, position, runs: part.runs };
      parts[index] = { batch, commit, head, chunks, numbers };
    }
    return parts;
  }

  /** Where there is none, or it cannot be read, only this batch fails: its units are answered. */
  private async headOf(batch: Batch): Promise<LedgerHead | undefined> {
    try {
      const head = await this.parts.heads.known((batch.units[0] as Unit).ledger);
      if (head === undefined) this.sequencer.rejectAll(batch, goneError());
      return head;
    } catch (error) {
      this.sequencer.rejectAll(batch, storageError(error));
      return undefined;
    }
  }

  /** A put is safe to repeat: the name is fresh and the bytes are the same. No attempt begins after the deadline. */
  private async put(name: string, chunks: readonly Uint8Array[], deadlineMs: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.parts.objects.put(name, chunks);
      } catch (error) {
        const late = this.parts.clock.monotonic() >= deadlineMs;
        if (!(error instanceof MillraceError) || !error.retriable || attempt >= limits.uploadAttemptsMax || late) {
          throw storageError(error);
        }
        await this.parts.clock.sleep(retryPauseMs(attempt - 1, this.parts.random));
      }
    }
  }
}

/** Whatever an upload failed with: the records are not in the log and never will be. */
function storageError(error: unknown): unknown {
  return withEffect(error, 'none');
}
