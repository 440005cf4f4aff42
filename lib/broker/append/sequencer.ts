/**
 * Sequencing one commit: the conditional update of the head that gives uploaded bytes their offsets, repeated until it
 * is known to have been applied or to be impossible, within the callers' deadline.
 *
 * An attempt whose answer was lost is *unknown*: it may have been applied, or may still be. While one is, `seen` goes
 * up only through `settle`, a strong read of the head and of all pages since the first attempt; see
 * log/ledger/append.ts for why that is enough for no attempt to apply twice.
 *
 * Where units have sequences of producers, each attempt is planned from a head in which the commit is known not to be:
 * `progress.head`. It decides which units are let in (admit.ts) and is what the attempt is conditioned on. Units that
 * are not let in are answered by themselves, and the others go on as new commits to the same object. By then no attempt
 * for the old commit can be applied any more: each expects, of the producer at fault, sequences that will never come
 * back.
 */

import { members, type ReplicaId, without } from '../../coordination/replication/replica-state.ts';
import { assert, unreachable } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { ledgerName } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import {
  type AppendPlan,
  type AppendRefusal,
  type BaseOffsets,
  explainRefusal,
  offsetsInPage,
  offsetsInTail,
  planAppend,
} from '../../log/ledger/append.ts';
import { idOf } from '../../log/ledger/commit.ts';
import { decodeHead, type LedgerHead } from '../../log/ledger/head.ts';
import { planProducerItem } from '../../log/ledger/producer-item.ts';
import { startsSeal } from '../../log/ledger/seal.ts';
import type { WriteResult } from '../../storage/metadata/port.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Excluded } from './admit.ts';
import type { Coverage } from './coverage.ts';
import { type Batch, deadlineOf } from './flush.ts';
import { type AppenderParts, goneError } from './parts.ts';
import type { ProducerDesk } from './producer-desk.ts';
import { fault, offsetMismatch, timedOut } from './sequencing-errors.ts';
import { splitPart } from './split-part.ts';
import type { Unit } from './unit.ts';
import { leavePlacement, leavesGap, ledgerOf, placePart, shareAmong, type UploadedPart } from './uploaded-part.ts';

interface SequencerParts {
  desk: ProducerDesk;
  coverage: Coverage;
  /** Stores batches anew, after the sweeper gave up their first object. */
  upload: (batches: readonly Batch[]) => Promise<(UploadedPart | undefined)[]>;
}

interface Progress {
  part: UploadedPart;
  plan: AppendPlan;
  /** The newest head in which the commit is known not to be. */
  head: LedgerHead;
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
  /** These units are not to be written, and no attempt so far can be applied any more. */
  | { step: 'excluded'; excluded: Excluded[] }
  | { step: 'again' }
  /** Again, after a pause: storage was busy or did not answer. */
  | { step: 'later'; error: MillraceError };

export class Sequencer {
  private readonly parts: AppenderParts;
  private readonly upload: SequencerParts['upload'];
  private readonly desk: ProducerDesk;
  private readonly coverage: Coverage;

  constructor(parts: AppenderParts, { desk, coverage, upload }: SequencerParts) {
    this.parts = parts;
    this.desk = desk;
    this.coverage = coverage;
    this.upload = upload;
  }

  /** Sequences the part and answers its units. Never rejects. */
  async sequence(part: UploadedPart): Promise<void> {
    const pieces = [part];
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      const progress = this.begin(piece);
      try {
        const end = await this.run(progress);
        if (end.step === 'committed') this.answer(progress, end.offsets);
        else pieces.unshift(...(await this.withoutExcluded(progress, end.excluded)));
      } catch (error) {
        leavePlacement(progress.part);
        this.rejectAll(progress.part.batch, error);
      }
    }
  }

  private begin(part: UploadedPart): Progress {
    const first = part.batch.units[0] as Unit;
    const ledger = ledgerOf(part.batch);
    const { epoch, isrVersion, sealed } = part.head;
    const expected =
      first.expectedOffset === undefined ? undefined : { slot: first.slot, offset: first.expectedOffset };
    const plan = { ledger, commit: part.commit, epoch, isrVersion, seen: sealed, expected };
    // Before the first attempt the commit is in no head, so that the newest known one will do.
    const head = this.parts.heads.peek(ledger) ?? part.head;
    return { part, plan, head, firstSeen: sealed, unknown: false, deadlineMs: deadlineOf(part.batch) };
  }

  rejectAll(batch: Batch, error: unknown): void {
    for (const unit of batch.units) unit.reject(error);
  }

  private async run(progress: Progress): Promise<Extract<Step, { step: 'committed' | 'excluded' }>> {
    let last: MillraceError | undefined;
    for (let attempt = 0; attempt < produceLimits.sequenceAttemptsMax; attempt++) {
      if (this.isLate(progress)) break;
      const step = await this.attempt(progress);
      switch (step.step) {
        case 'committed':
        case 'excluded':
          return step;
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
    const { plan } = progress;
    try {
      const notReady = await this.planProducers(progress);
      if (notReady !== undefined) return notReady;
      const append = planAppend({ ...plan, leavesGap: leavesGap(progress.part) });
      const result = await this.parts.metadata.write([append, ...itemWrites(plan)]);
      return result.outcome === 'refused'
        ? await this.afterRefusedWrite(progress, result)
        : await this.afterApplied(progress, result);
    } catch (error) {
      if (!(error instanceof MillraceError) || !error.retriable) throw fault(error, progress);
      if (error.effect === 'none') return { step: 'later', error };
      progress.unknown = true;
      return this.settle(progress).catch((failure: unknown): Step => {
        if (!(failure instanceof MillraceError) || !failure.retriable) throw failure;
        return { step: 'later', error: failure };
      });
    }
  }

  /**
   * Plans what the attempt does to the sequences of its producers; a step where there is to be no attempt. What is
   * refused for a gap, or as too old, must be so in a head that was strongly read, after which the commit is still
   * known not to be in the ledger.
   */
  private async planProducers(progress: Progress): Promise<Step | undefined> {
    const { plan, part } = progress;
    const { units } = part.batch;
    if (!units.some(({ sequence }) => sequence !== undefined)) return undefined;
    let admission = await this.desk.admit(plan, units, progress.head);
    if (admission.admitted === 'some' && admission.excluded.some((one) => one.reason === 'refused' && one.doubtful)) {
      const settled = await this.settle(progress);
      if (settled.step !== 'again') return settled;
      admission = await this.desk.admit(plan, units, progress.head, 'strong');
    }
    if (admission.admitted === 'some') {
      // A unit may be kept out by this very commit, where an attempt was applied unseen. The head is read after the
      // sequences: a commit that they hold is found.
      const settled = progress.unknown ? await this.settle(progress) : undefined;
      if (settled !== undefined && settled.step !== 'again') return settled;
      return { step: 'excluded', excluded: admission.excluded };
    }
    plan.producers = admission.changes;
    return undefined;
  }

  private async afterApplied(progress: Progress, { item }: WriteResult): Promise<Step> {
    const { heads, sealer } = this.parts;
    const { plan } = progress;
    this.desk.applied(plan);
    progress.unknown = true; // should its offsets not be found in time, it must not count as never applied
    // A transaction does not return what it made.
    const head = item === undefined ? await heads.strong(plan.ledger) : decodeHead(item);
    if (head === undefined) return { step: 'failed', error: fault(goneError(), progress) };
    heads.update(plan.ledger, head);
    if (startsSeal(head.tail.length)) void sealer.seal(plan.ledger);
    // An election may have cut it off before the head was read.
    if (head.epoch !== plan.epoch) return this.settleBy(progress, head);
    return { step: 'committed', offsets: await this.find(progress, head) };
  }

  private async afterRefusedWrite(
    progress: Progress,
    { index, item }: Extract<WriteResult, { outcome: 'refused' }>,
  ): Promise<Step> {
    const { plan } = progress;
    if (index > 0) {
      // Someone else has moved or changed the producer, and the head has told nothing.
      this.desk.found(plan, index, item);
      return this.settle(progress);
    }
    const refusal = explainRefusal(plan, item);
    if ('head' in refusal) this.parts.heads.update(plan.ledger, refusal.head);
    return this.afterRefusal(progress, refusal);
  }

  private async afterRefusal(progress: Progress, refusal: AppendRefusal): Promise<Step> {
    const { plan } = progress;
    switch (refusal.reason) {
      case 'gone':
        this.parts.heads.drop(plan.ledger);
        return { step: 'failed', error: fault(goneError(), progress) };
      case 'committed':
        progress.unknown = true; // should its offsets not be found in time, it must not count as never applied
        return { step: 'committed', offsets: await this.find(progress, refusal.head) };
      case 'swept':
        return this.afterSwept(progress, refusal.head);
      case 'stale':
        if (progress.unknown) return this.settle(progress);
        plan.seen = refusal.head.sealed;
        progress.firstSeen = refusal.head.sealed;
        progress.head = refusal.head;
        return { step: 'again' };
      case 'fenced':
        return this.afterFenced(progress, refusal.head);
      case 'sequences':
        // The id is not there, and what the attempts expected will not come back: they are all void.
        progress.head = refusal.head;
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
    if (head === undefined) return { step: 'failed', error: fault(goneError(), progress) };
    return this.settleBy(progress, head);
  }

  /** By a head that was strongly read. */
  private async settleBy(progress: Progress, head: LedgerHead): Promise<Step> {
    const { plan } = progress;
    const offsets = await this.look(progress, head);
    if (offsets !== undefined) return { step: 'committed', offsets };
    plan.seen = head.sealed;
    progress.head = head;
    return { step: 'again' };
  }

  /**
   * The id is not there, and could not have been forgotten: no earlier attempt was applied, or an election has cut it
   * off. None can be applied any more either, since neither the epoch nor the version of the set comes back.
   */
  private async afterFenced(progress: Progress, head: LedgerHead): Promise<Step> {
    const { plan, part } = progress;
    progress.unknown = false;
    try {
      const placed = await placePart(this.parts, part, head);
      // Others of the object may have taken a number meanwhile.
      if (head.epoch !== plan.epoch && part.numbers.next === produceLimits.partsPerObjectMax)
        return this.storeAnew(progress);
      // A producer's kept batches name what was cut off by its id, which must not come back.
      const number = head.epoch === plan.epoch ? placed.commit.part : part.numbers.next++;
      const commit = { ...placed.commit, part: number };
      progress.part = { ...placed, commit };
      progress.head = placed.head;
      Object.assign(plan, { commit, epoch: placed.head.epoch, isrVersion: placed.head.isrVersion });
      return { step: 'again' };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      return { step: 'failed', error };
    }
  }

  /** The sweeper's fence holds for ever: if the commit is not in the ledger now, it never will be. */
  private async afterSwept(progress: Progress, head: LedgerHead): Promise<Step> {
    if (progress.unknown) {
      const offsets = await this.look(progress, head);
      if (offsets !== undefined) return { step: 'committed', offsets };
    }
    return this.storeAnew(progress);
  }

  private async storeAnew(progress: Progress): Promise<Step> {
    const [again] = await this.upload([progress.part.batch]);
    if (again === undefined) return { step: 'failed', error: goneError() };
    leavePlacement(progress.part);
    Object.assign(progress, this.begin(again));
    return { step: 'again' };
  }

  /**
   * The commit's offsets, from the head or from a page since the first attempt. A process that was frozen may have
   * slept through very many pages: the look ends, without a conclusion, when nobody waits any more.
   */
  private async look(progress: Progress, head: LedgerHead): Promise<BaseOffsets | undefined> {
    const id = idOf(progress.plan.commit);
    const inTail = offsetsInTail(head, id);
    if (inTail !== undefined) return inTail;
    const oldest = Math.max(progress.firstSeen, head.retired);
    for (let sequence = head.sealed - 1; sequence >= oldest; sequence--) {
      if (this.isLate(progress)) throw timedOut(progress);
      const inPage = offsetsInPage(await this.parts.pages.get(progress.plan.ledger, sequence), id);
      if (inPage !== undefined) return inPage;
    }
    // It may have been in a page that is gone: this process has slept for longer than anybody waits.
    if (oldest > progress.firstSeen && progress.unknown) throw timedOut(progress);
    return undefined;
  }

  private async find(progress: Progress, head: LedgerHead): Promise<BaseOffsets> {
    const offsets = await this.look(progress, head);
    assert(offsets !== undefined, 'a remembered commit is in the tail or in a page since its first attempt');
    return offsets;
  }

  private answer({ part, plan, firstSeen }: Progress, offsets: BaseOffsets): void {
    const { batch, commit, chunks } = part;
    this.noteArrivals(part);
    leavePlacement(part, () => {
      for (const [slot, bytes] of chunks) this.parts.runs.keep(commit, slot, bytes);
    });
    const next = new Map(offsets);
    for (const unit of batch.units) {
      const baseOffset = next.get(unit.slot);
      assert(baseOffset !== undefined, `the commit to ${ledgerName(plan.ledger)} has slot ${unit.slot}`);
      next.set(unit.slot, baseOffset + unit.run.records);
      this.coverage.answer(unit, { baseOffset, duplicate: false }, { id: idOf(commit), seen: firstSeen });
    }
  }

  /** The uploads that acks=leader did not wait for. */
  private noteArrivals({ batch, commit, placement }: UploadedPart): void {
    const { replicated, tier } = commit;
    if (replicated === undefined || tier === 'inline') return;
    const arrived = (replica: ReplicaId) => this.parts.keeper.arrived(ledgerOf(batch), idOf(commit), replica);
    for (const replica of members(without(placement.held, replicated.holders))) arrived(replica);
    if (placement.underWay !== 0) placement.onArrival(arrived);
  }

  /** Answers the excluded units. What is left goes on in new commits, with the bytes that are stored already. */
  private async withoutExcluded(progress: Progress, excluded: readonly Excluded[]): Promise<UploadedPart[]> {
    const { part, head } = progress;
    for (const one of excluded) await this.desk.answer(one, head);
    const out = new Set(excluded.map(({ unit }) => unit));
    const { batch, commit, numbers } = part;
    const pieces = splitPart(batch.units, commit.position, (unit) => out.has(unit));
    if (numbers.next + pieces.length > produceLimits.partsPerObjectMax) {
      const units = batch.units.filter((unit) => !out.has(unit));
      const again = await this.upload([{ ...batch, units }]);
      leavePlacement(part);
      return again.filter((one) => one !== undefined);
    }
    shareAmong(part, pieces.length);
    return pieces.map(({ units, position, runs, chunks }) => ({
      batch: { units, conditional: batch.conditional },
      commit: { ...commit, part: numbers.next++, position, runs, alone: false },
      head: commit.replicated === undefined ? head : part.head,
      chunks,
      numbers,
      placement: part.placement,
    }));
  }
}

/** The writes of producers' own items that go with the append. */
function itemWrites(plan: AppendPlan): Write[] {
  const writes = (plan.producers ?? []).map((change) => planProducerItem(plan.ledger, change));
  return writes.filter((write) => write !== undefined);
}
