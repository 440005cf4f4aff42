/**
 * Committing one transaction: the atomic write of all its ledgers' appends, its offsets and the state of its
 * transactional id, repeated until it is known to have been applied or to be impossible, within the caller's deadline.
 *
 * What holds for one ledger's append (append/sequencer.ts, log/ledger/append.ts) holds here:
 * - an attempt whose answer was lost is *unknown*, and is settled by strong reads. The write is atomic, so that finding
 *   the commit in one ledger proves all of it, and not finding it in one proves that nothing is applied so far;
 * - while an attempt is unknown, a ledger's `seen` goes up only after a strong read of its head and of all its pages
 *   since the first attempt. That every attempt carries the condition of at least one such ledger keeps two of them
 *   from applying;
 * - `effect: none` is said only of a transaction of which no attempt can pass any more.
 *
 * A transaction of offsets alone, without a transactional id, has nothing to be recognized by: after an unknown outcome
 * it is given up as unknown, since a late attempt could undo a newer commit.
 */
import { assert, unreachable } from '../../kernel/assert.ts';
import { toHex } from '../../kernel/bytes.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Write } from '../../kernel/items.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type BaseOffsets, offsetsInPage, offsetsInTail } from '../../log/ledger/append.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import { decodeHead, gapsOf, type LedgerHead } from '../../log/ledger/head.ts';
import { startsSeal } from '../../log/ledger/seal.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import { type AppenderParts, goneError } from '../append/parts.ts';
import { headView } from '../ledger/replicated.ts';
import type { CommitOutcome, Intent, StoredLedger } from './intent.ts';
import { explainLedgerRefusal, type LedgerAppend, planLedgerAppend } from './ledger-appends.ts';
import { hasGap, isPlaced, noteArrivals, Readiness, type ReadinessParts } from './readiness.ts';

export type CommitterParts = ReadinessParts & Pick<AppenderParts, 'metadata' | 'pages' | 'sealer' | 'runs'>;

interface LedgerProgress {
  stored: StoredLedger;
  plan: LedgerAppend;
  /** Seals when the first attempt was made, or the bytes were stored: the commits are in no earlier page. */
  firstSeen: number;
  /** Of a replicated ledger: whether the commits say who holds them, as the plan's epoch and in-sync set want it. */
  placed: boolean;
}

/** A transaction on its way, over all its attempts. */
export interface Progress {
  intent: Intent;
  ledgers: readonly LedgerProgress[];
  /** Whether an attempt's fate is not known. */
  unknown: boolean;
}

/** What one attempt, or the look at a refused one, came to. */
type Step =
  | { step: 'done'; outcome: CommitOutcome }
  | { step: 'again' }
  /** Again, after a pause: storage was busy or did not answer. */
  | { step: 'later'; error: MillraceError };

export function begin(intent: Intent): Progress {
  const ledgers = intent.ledgers.map((stored) => {
    const { ledger, head, commits } = stored;
    const { epoch, isrVersion, sealed } = head;
    const plan = { ledger, commits: commits.map(({ commit }) => commit), epoch, isrVersion, seen: sealed };
    return { stored, plan, firstSeen: stored.storedAtSeals ?? sealed, placed: isPlaced(stored) };
  });
  return { intent, ledgers, unknown: false };
}

/** The atomic write, the ledgers' first: a refused transaction is explained by its first failed condition. */
export function writesOf({ intent, ledgers }: Progress): Write[] {
  const guard = intent.guard === undefined ? [] : [intent.guard];
  return [...ledgers.map(({ plan }) => planLedgerAppend(plan)), ...guard, ...intent.fences, ...intent.offsets];
}

export class CommitAttempts {
  private readonly parts: CommitterParts;
  private readonly readiness: Readiness;

  constructor(parts: CommitterParts) {
    this.parts = parts;
    this.readiness = new Readiness(parts);
  }

  /** Throws where the transaction failed, with what is known of its effect. */
  async run(progress: Progress): Promise<CommitOutcome> {
    const { clock, random } = this.parts;
    let last: MillraceError | undefined;
    for (let attempt = 0; attempt < produceLimits.sequenceAttemptsMax && !this.isLate(progress); attempt++) {
      const step = await this.guarded(progress, () =>
        attempt === 0 && progress.unknown ? this.settle(progress) : this.attempt(progress),
      );
      switch (step.step) {
        case 'done':
          return step.outcome;
        case 'again':
          continue;
        case 'later':
          last = step.error;
          await clock.sleep(retryPauseMs(attempt, random));
          continue;
        default:
          unreachable(step);
      }
    }
    throw timedOut(progress, last);
  }

  /**
   * What an applied write came to. Reads the heads, since a transaction's write does not return what it made of them.
   */
  async afterApplied(progress: Progress, item?: Attributes, found = false): Promise<CommitOutcome> {
    progress.unknown = true; // should its offsets not be found in time, it must not count as never applied
    const written = item === undefined || progress.ledgers.length === 0 ? undefined : decodeHead(item);
    const [only] = progress.ledgers;
    if (written !== undefined && only !== undefined) this.parts.heads.update(only.plan.ledger, written);
    const bases = await mapBounded(progress.ledgers, storageLimits.storageFanOutMax, (ledger) =>
      this.find(progress, ledger, written),
    );
    // Once: the cache owns what it is given, and a look that failed half-way is made again.
    for (const ledger of progress.ledgers) this.keep(ledger);
    return { outcome: 'committed', bases, found };
  }

  private isLate({ intent }: Progress): boolean {
    return this.parts.clock.monotonic() >= intent.deadlineMs;
  }

  /** A fault of storage is a reason to try again; any other ends the attempts, with what is known of them. */
  private async guarded(progress: Progress, step: () => Promise<Step>): Promise<Step> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof MillraceError) || !isStorageFault(error)) throw fault(error, progress);
      return { step: 'later', error };
    }
  }

  /**
   * Whether all of the transaction will be seen at once, as the newest heads are known; then the plans are for these.
   */
  isReady(progress: Progress): boolean {
    const replicated = replicatedOf(progress);
    const heads = replicated.map(({ stored }) => this.readiness.newest(stored));
    if (!replicated.every(({ placed }) => placed) || heads.some((head) => hasGap(head))) return false;
    for (const [index, { plan }] of replicated.entries()) plan.gaps = gapsOf(heads[index] as LedgerHead);
    return true;
  }

  private async makeReady(progress: Progress): Promise<void> {
    const { deadlineMs } = progress.intent;
    while (!this.isReady(progress)) {
      for (const ledger of replicatedOf(progress)) {
        if (!ledger.placed) {
          const { head, commits } = await this.readiness.place(ledger.stored, deadlineMs);
          Object.assign(ledger.plan, { commits, epoch: head.epoch, isrVersion: head.isrVersion });
          ledger.placed = true;
        }
        await this.readiness.untilCovered(ledger.stored, deadlineMs);
      }
    }
  }

  private async attempt(progress: Progress): Promise<Step> {
    if (!this.isReady(progress)) await this.makeReady(progress);
    let result: Awaited<ReturnType<CommitterParts['metadata']['write']>>;
    try {
      result = await this.parts.metadata.write(writesOf(progress));
    } catch (error) {
      if (!(error instanceof MillraceError) || error.effect === 'none') throw error;
      progress.unknown = true;
      return this.settle(progress);
    }
    if (result.outcome === 'refused') return this.afterRefusal(progress, result);
    return { step: 'done', outcome: await this.applied(progress, result.item, false) };
  }

  /** From here on the transaction is committed: only its answer can still be late. */
  private async applied(progress: Progress, item: Attributes | undefined, found: boolean): Promise<CommitOutcome> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.afterApplied(progress, item, found);
      } catch (error) {
        if (!(error instanceof MillraceError) || !isStorageFault(error) || this.isLate(progress)) throw error;
        await this.parts.clock.sleep(retryPauseMs(attempt, this.parts.random));
      }
    }
  }

  private async afterRefusal(
    progress: Progress,
    { index, item }: { index: number; item: Attributes | undefined },
  ): Promise<Step> {
    const ledger = progress.ledgers[index];
    if (ledger === undefined) {
      const { guard, fences } = progress.intent;
      const behind = index - progress.ledgers.length - (guard === undefined ? 0 : 1);
      assert(behind < fences.length, 'offsets have no condition');
      if (behind >= 0) throw fenced(progress);
      // The ledgers' conditions held: they do not have the commits.
      const unknown = progress.unknown && progress.ledgers.length === 0;
      return { step: 'done', outcome: { outcome: 'superseded', unknown } };
    }
    const { plan } = ledger;
    const refusal = explainLedgerRefusal(plan, item);
    if ('head' in refusal) this.parts.heads.update(plan.ledger, refusal.head);
    switch (refusal.reason) {
      case 'gone':
        throw this.gone(plan.ledger);
      case 'committed':
        return { step: 'done', outcome: await this.found(progress, ledger) };
      case 'swept':
        return this.afterSwept(progress, ledger, refusal.head);
      case 'stale':
        if (progress.unknown) return this.settle(progress, ledger);
        plan.seen = refusal.head.sealed;
        ledger.firstSeen = ledger.stored.storedAtSeals ?? refusal.head.sealed;
        return { step: 'again' };
      case 'fenced':
        // The ids are not there and could not have been forgotten: no earlier attempt was applied. None can be any more
        // either, since neither the epoch nor the version of the set comes back.
        progress.unknown = false;
        plan.epoch = refusal.head.epoch;
        plan.isrVersion = refusal.head.isrVersion;
        ledger.placed = false;
        return { step: 'again' };
      case 'gap':
        await this.readOthers(progress, ledger);
        return { step: 'again' };
      case 'full':
        // Once there is room, a second delivery of the same request would pass.
        progress.unknown = true;
        await this.parts.sealer.seal(plan.ledger);
        return { step: 'later', error: new MillraceError('KAFKA_STORAGE_ERROR', 'A ledger is full until a seal.') };
      default:
        return unreachable(refusal);
    }
  }

  /** What was refused for one head, which came with the refusal, may be for more of them. */
  private async readOthers(progress: Progress, refused: LedgerProgress): Promise<void> {
    const others = replicatedOf(progress).filter((ledger) => ledger !== refused);
    await mapBounded(others, storageLimits.storageFanOutMax, ({ plan }) => this.parts.heads.strong(plan.ledger));
  }

  /** Finds out by strong reads of one of its ledgers whether the transaction is applied; `seen` may go up if not. */
  private async settle(progress: Progress, ledger = progress.ledgers[0]): Promise<Step> {
    if (ledger === undefined) return this.settleByState(progress);
    const head = await this.parts.heads.strong(ledger.plan.ledger);
    if (head === undefined) throw this.gone(ledger.plan.ledger);
    if ((await this.look(progress, ledger, head)) !== undefined) {
      return { step: 'done', outcome: await this.found(progress, ledger) };
    }
    ledger.plan.seen = head.sealed;
    return { step: 'again' };
  }

  /**
   * The condition on the state lets one attempt of all pass, so that trying again is safe whatever became of the last.
   */
  private settleByState({ intent }: Progress): Step {
    if (intent.guard !== undefined) return { step: 'again' };
    const detail = 'Whether the offsets were committed is not known.';
    throw new MillraceError('REQUEST_TIMED_OUT', detail, { effect: 'unknown' });
  }

  /**
   * The sweeper's fence holds for ever: if the commit is not in the ledger now, the transaction can never be applied.
   */
  private async afterSwept(progress: Progress, ledger: LedgerProgress, head: LedgerHead): Promise<Step> {
    if (progress.unknown && (await this.look(progress, ledger, head)) !== undefined) {
      return { step: 'done', outcome: await this.found(progress, ledger) };
    }
    return { step: 'done', outcome: { outcome: 'swept' } };
  }

  /**
   * The ledger has the transaction. By an attempt of this intent, unless others of the intent's ledgers get bundles:
   * then another process may have committed it, whose bundles have other ids.
   */
  private async found(progress: Progress, ledger: LedgerProgress): Promise<CommitOutcome> {
    const [first] = progress.ledgers;
    assert(first !== undefined, 'what is in a ledger is of an intent that has one');
    if (hasBundle(first) && !hasBundle(ledger)) {
      const head = await this.parts.heads.strong(first.plan.ledger);
      if (head === undefined) throw this.gone(first.plan.ledger);
      if ((await this.look(progress, first, head)) === undefined) return { outcome: 'superseded', unknown: false };
    }
    return this.applied(progress, undefined, true);
  }

  /** By slot, the first offset of the transaction's records in this ledger; `undefined` where they are not there. */
  private async look(
    progress: Progress,
    { plan, firstSeen }: LedgerProgress,
    head: LedgerHead,
  ): Promise<BaseOffsets | undefined> {
    const bases = new Map<number, number>();
    for (const commit of plan.commits) {
      const offsets = await this.lookFor(progress, { ledger: plan.ledger, id: idOf(commit), firstSeen }, head);
      if (offsets === undefined) return undefined;
      for (const [slot, offset] of offsets) if (!bases.has(slot)) bases.set(slot, offset);
    }
    return bases;
  }

  private async lookFor(
    progress: Progress,
    { ledger, id, firstSeen }: { ledger: LedgerId; id: Uint8Array; firstSeen: number },
    head: LedgerHead,
  ): Promise<BaseOffsets | undefined> {
    const inTail = offsetsInTail(head, id);
    if (inTail !== undefined) return inTail;
    const oldest = Math.max(firstSeen, head.retired);
    for (let sequence = head.sealed - 1; sequence >= oldest; sequence--) {
      if (this.isLate(progress)) throw timedOut(progress);
      const inPage = offsetsInPage(await this.parts.pages.get(ledger, sequence), id);
      if (inPage !== undefined) return inPage;
    }
    // It may have been in a page that is gone: this process has slept for longer than anybody waits.
    if (oldest > firstSeen) throw timedOut(progress);
    return undefined;
  }

  /** Of a transaction that is applied. */
  private async find(progress: Progress, ledger: LedgerProgress, written?: LedgerHead): Promise<BaseOffsets> {
    const head = written ?? (await this.parts.heads.strong(ledger.plan.ledger));
    if (head === undefined) throw fault(this.gone(ledger.plan.ledger), progress);
    const bases = await this.look(progress, ledger, head);
    assert(bases !== undefined, 'an applied transaction is in the tail or in a page since its first attempt');
    this.sealIfDue(ledger, head);
    return bases;
  }

  /**
   * Of all who append to a ledger, the one whose commit makes the tail a multiple of the seal's length starts the seal.
   */
  private sealIfDue({ plan }: LedgerProgress, head: LedgerHead): void {
    const ours = new Set(plan.commits.map((commit) => toHex(idOf(commit))));
    const made = head.tail.some((commit, index) => startsSeal(index + 1) && ours.has(toHex(idOf(commit))));
    if (made) void this.parts.sealer.seal(plan.ledger);
  }

  private keep({ stored, plan }: LedgerProgress): void {
    for (const { commit, chunks, placement } of stored.commits) {
      const keep = () => {
        for (const [slot, bytes] of chunks ?? []) this.parts.runs.keep(commit, slot, bytes);
      };
      // Uploads still look at the bytes, into which the cache writes.
      if (placement === undefined || placement.isOver) keep();
      else void placement.over.then(keep);
    }
    for (const [index, { placement }] of stored.commits.entries()) {
      if (placement !== undefined) noteArrivals(this.parts, plan.ledger, plan.commits[index] as Commit, placement);
    }
  }

  private gone(ledger: LedgerId): MillraceError {
    this.parts.heads.drop(ledger);
    return goneError();
  }
}

function replicatedOf({ ledgers }: Progress): LedgerProgress[] {
  return ledgers.filter(({ stored }) => headView(stored.head) !== undefined);
}

function hasBundle({ plan }: LedgerProgress): boolean {
  return plan.commits.some(isBundle);
}

function isStorageFault({ code }: MillraceError): boolean {
  return code === 'KAFKA_STORAGE_ERROR' || code === 'THROTTLING_QUOTA_EXCEEDED';
}

export function timedOut({ unknown }: Progress, cause?: MillraceError): MillraceError {
  return new MillraceError('REQUEST_TIMED_OUT', 'The transaction could not be committed in time; try again.', {
    effect: unknown ? 'unknown' : 'none',
    facts: { retryAfterMs: requestLimits.retryAfterMsDefault },
    cause,
  });
}

/**
 * The conditions before the fence held, so that nothing is applied so far; and nothing can be any more, since a
 * member's epoch does not come back. Offsets alone have no such conditions.
 */
function fenced(progress: Progress): MillraceError {
  if (progress.ledgers.length > 0 || progress.intent.guard !== undefined) progress.unknown = false;
  return new MillraceError('FENCED_MEMBER_EPOCH', 'The member of the group has another epoch by now, or is gone.');
}

/** A fault that ends the attempts says what is known of them. */
function fault(error: unknown, { unknown }: Progress): unknown {
  return unknown ? withEffect(error, 'unknown') : error;
}
