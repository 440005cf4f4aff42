/**
 * Sequencing one commit: the conditional update of the head that gives uploaded bytes their offsets, repeated until it
 * is known to have been applied or to be impossible, within the callers' deadline.
 *
 * An attempt whose answer was lost is *unknown*: it may have been applied, or may still be. While one is, `seen` goes up
 * only through `settle`, a strong read of the head and of all pages since the first attempt; see log/ledger/append.ts for
 * why that is enough for no attempt to apply twice.
 */

import { assert, unreachable } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { ledgerName } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import {
  type AppendPlan,
  type AppendRefusal,
  type BaseOffsets,
  explainRefusal,
  offsetsInPage,
  offsetsInTail,
  planAppend,
} from '../../log/ledger/append.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import { decodeHead, type LedgerHead } from '../../log/ledger/head.ts';
import { startsSeal } from '../../log/ledger/seal.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import { type Batch, deadlineOf } from './flush.ts';
import { type AppenderParts, goneError } from './parts.ts';
import type { Unit } from './unit.ts';

/** A batch whose bytes are stored. */
export interface UploadedPart {
  batch: Batch;
  commit: Commit;
  /** The newest head known before the upload. */
  head: LedgerHead;
  /** The commit's bytes by slot, for the cache. */
  chunks: ReadonlyMap<number, Uint8Array[]>;
}

/** Stores batches anew, after the sweeper gave up their first object. */
type Upload = (batches: readonly Batch[]) => Promise<(UploadedPart | undefined)[]>;

interface Progress {
  part: UploadedPart;
  plan: AppendPlan;
  /** Seals when the first attempt was made: the commit is in no earlier page. */
  firstSeen: number;
  /** Whether an attempt's fate is not known. */
  unknown: boolean;
  /** When the last of the callers stops waiting, by the monotonic clock. */
  deadlineMs: number;
}

/** What one attempt, or the look at a refused one, came to. */
type Step =
  | { step: 'committed'; offsets: BaseOffsets }
  | { step: 'failed'; error: MillraceError }
  | { step: 'again' }
  /** Again, after a pause: storage was busy or did not answer. */
  | { step: 'later'; error: MillraceError };

export class Sequencer {
  private readonly parts: AppenderParts;
  private readonly upload: Upload;

  constructor(parts: AppenderParts, upload: Upload) {
    this.parts = parts;
    this.upload = upload;
  }

  /** Sequences the part and answers its units. Never rejects. */
  async sequence(part: UploadedPart): Promise<void> {
    const progress = begin(part);
    try {
      const offsets = await this.run(progress);
      if (offsets !== undefined) this.answer(progress.part, offsets);
    } catch (error) {
      this.rejectAll(progress.part.batch, error);
    }
  }

  rejectAll(batch: Batch, error: unknown): void {
    for (const unit of batch.units) unit.reject(error);
  }

  /** `undefined`: nobody is left to answer. */
  private async run(progress: Progress): Promise<BaseOffsets | undefined> {
    let last: MillraceError | undefined;
    for (let attempt = 0; attempt < limits.sequenceAttemptsMax; attempt++) {
      if (this.isLate(progress)) break;
      const step = await this.attempt(progress);
      switch (step.step) {
        case 'committed':
          return step.offsets;
        case 'failed':
          throw step.error;
        case 'again':
          continue;
        case 'later': {
          last = step.error;
          await this.parts.clock.sleep(retryPauseMs(attempt, this.parts.random));
          continue;
        }
        default:
          unreachable(step);
      }
    }
    throw timedOut(progress, last);
  }

  private isLate({ deadlineMs }: Progress): boolean {
    return this.parts.clock.monotonic() >= deadlineMs;
  }

  private async attempt(progress: Progress): Promise<Step> {
    const { metadata, heads, sealer } = this.parts;
    const { plan } = progress;
    try {
      const result = await metadata.write([planAppend(plan)]);
      if (result.outcome === 'refused') {
        const refusal = explainRefusal(plan, result.item);
        if ('head' in refusal) heads.update(plan.ledger, refusal.head);
        return await this.afterRefusal(progress, refusal);
      }
      assert(result.item !== undefined, 'an update returns the new item');
      const head = decodeHead(result.item);
      heads.update(plan.ledger, head);
      if (startsSeal(head.tail.length)) void sealer.seal(plan.ledger);
      const offsets = offsetsInTail(head, idOf(plan.commit));
      assert(offsets !== undefined, 'an applied append is in the tail');
      return { step: 'committed', offsets };
    } catch (error) {
      if (!(error instanceof MillraceError) || !error.retriable) throw withEffect(error, progress);
      if (error.effect === 'none') return { step: 'later', error };
      progress.unknown = true;
      return this.settle(progress).catch((failure: unknown): Step => {
        if (!(failure instanceof MillraceError) || !failure.retriable) throw failure;
        return { step: 'later', error: failure };
      });
    }
  }

  private async afterRefusal(progress: Progress, refusal: AppendRefusal): Promise<Step> {
    const { plan } = progress;
    switch (refusal.reason) {
      case 'gone':
        this.parts.heads.drop(plan.ledger);
        return { step: 'failed', error: withEffect(goneError(), progress) };
      case 'committed':
        progress.unknown = true; // should its offsets not be found in time, it must not count as never applied
        return { step: 'committed', offsets: await this.find(progress, refusal.head) };
      case 'swept':
        return this.afterSwept(progress, refusal.head);
      case 'stale':
        if (progress.unknown) return this.settle(progress);
        plan.seen = refusal.head.sealed;
        progress.firstSeen = refusal.head.sealed;
        return { step: 'again' };
      case 'fenced':
        // The id is not there and could not have been forgotten: no earlier attempt was applied.
        plan.epoch = refusal.head.epoch;
        plan.isrVersion = refusal.head.isrVersion;
        return { step: 'again' };
      case 'offset-mismatch':
        return { step: 'failed', error: offsetMismatch(plan.expected?.offset ?? 0, refusal.nextOffset) };
      case 'full':
        // Once there is room, a second delivery of the same request would pass.
        progress.unknown = true;
        await this.parts.sealer.seal(plan.ledger);
        return { step: 'later', error: new MillraceError('KAFKA_STORAGE_ERROR', 'The ledger is full until a seal.') };
      default:
        return unreachable(refusal);
    }
  }

  /**
   * Finds out by strong reads whether an attempt was applied. If not, `seen` may be raised to what was read: an attempt
   * that is still on its way can from now on be applied at most once, by whichever comes first.
   */
  private async settle(progress: Progress): Promise<Step> {
    const { plan } = progress;
    const head = await this.parts.heads.strong(plan.ledger);
    if (head === undefined) return { step: 'failed', error: withEffect(goneError(), progress) };
    const offsets = await this.look(progress, head);
    if (offsets !== undefined) return { step: 'committed', offsets };
    plan.seen = head.sealed;
    return { step: 'again' };
  }

  /** The sweeper's fence holds for ever: if the commit is not in the ledger now, it never will be. */
  private async afterSwept(progress: Progress, head: LedgerHead): Promise<Step> {
    if (progress.unknown) {
      const offsets = await this.look(progress, head);
      if (offsets !== undefined) return { step: 'committed', offsets };
    }
    const [again] = await this.upload([progress.part.batch]);
    if (again === undefined) return { step: 'failed', error: goneError() };
    Object.assign(progress, begin(again));
    return { step: 'again' };
  }

  /**
   * The commit's offsets, from the head or from a page since the first attempt. A process that was frozen may have slept
   * through very many pages: the look ends, without a conclusion, when nobody waits any more.
   */
  private async look(progress: Progress, head: LedgerHead): Promise<BaseOffsets | undefined> {
    const id = idOf(progress.plan.commit);
    const inTail = offsetsInTail(head, id);
    if (inTail !== undefined) return inTail;
    for (let sequence = head.sealed - 1; sequence >= progress.firstSeen; sequence--) {
      if (this.isLate(progress)) throw timedOut(progress);
      const inPage = offsetsInPage(await this.parts.pages.get(progress.plan.ledger, sequence), id);
      if (inPage !== undefined) return inPage;
    }
    return undefined;
  }

  private async find(progress: Progress, head: LedgerHead): Promise<BaseOffsets> {
    const offsets = await this.look(progress, head);
    assert(offsets !== undefined, 'a remembered commit is in the tail or in a page since its first attempt');
    return offsets;
  }

  private answer({ batch, commit, chunks }: UploadedPart, offsets: BaseOffsets): void {
    for (const [slot, bytes] of chunks) this.parts.runs.keep(commit, slot, bytes);
    const next = new Map(offsets);
    for (const unit of batch.units) {
      const baseOffset = next.get(unit.slot);
      assert(baseOffset !== undefined, `the commit to ${ledgerName(unit.ledger)} has slot ${unit.slot}`);
      next.set(unit.slot, baseOffset + unit.run.records);
      unit.resolve(baseOffset);
    }
  }
}

function begin(part: UploadedPart): Progress {
  const first = part.batch.units[0] as Unit;
  const { epoch, isrVersion, sealed } = part.head;
  const expected = first.expectedOffset === undefined ? undefined : { slot: first.slot, offset: first.expectedOffset };
  const plan = { ledger: first.ledger, commit: part.commit, epoch, isrVersion, seen: sealed, expected };
  return { part, plan, firstSeen: sealed, unknown: false, deadlineMs: deadlineOf(part.batch) };
}

function timedOut({ unknown }: Progress, cause?: MillraceError): MillraceError {
  return new MillraceError('REQUEST_TIMED_OUT', 'The records could not be sequenced in time; try again.', {
    effect: unknown ? 'unknown' : 'none',
    facts: { retryAfterMs: limits.retryAfterMsDefault },
    cause,
  });
}

/** Offsets only go up: an attempt that is still on its way, or comes again, can pass only if the partition is not there yet. */
function offsetMismatch(expected: number, nextOffset: number): MillraceError {
  const detail = `The partition's next offset is ${nextOffset}, not the expected ${expected}.`;
  const effect = nextOffset < expected ? 'unknown' : 'none';
  return new MillraceError('OFFSET_MISMATCH', detail, { effect, facts: { nextOffset } });
}

/** A fault that ends the sequencing says what is known of its attempts. */
function withEffect(error: unknown, progress: Progress): MillraceError {
  if (!(error instanceof MillraceError)) throw error;
  if (!progress.unknown || error.effect === 'unknown') return error;
  return new MillraceError(error.code, error.message, { facts: error.facts, effect: 'unknown', cause: error });
}
