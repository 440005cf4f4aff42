/**
 * When a write with acks=all may be answered: once its commit is below the high watermark, which is mostly at once. An
 * earlier commit may be missing in a replica in sync; then the answer waits for newer heads. A duplicate waits as its
 * original does.
 */

import { count } from '../../coordination/replication/replica-state.ts';
import { type AckVerdict, judgeAck, judgePaged } from '../../coordination/replication/uploads.ts';
import { unreachable } from '../../kernel/assert.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { offsetsInPage } from '../../log/ledger/append.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { headView } from '../ledger/replicated.ts';
import { Looks } from './looks.ts';
import { type AppenderParts, goneError } from './parts.ts';
import { type Appended, acksOf, rulesFor, type Unit } from './unit.ts';

export interface CommitPlace {
  id: Uint8Array;
  /** Seals that its writer knew of: it is in the tail, or in a page from that number on. */
  seen: number;
}

export class Coverage {
  private readonly parts: AppenderParts;
  private readonly waits = new Set<Promise<void>>();

  constructor(parts: AppenderParts) {
    this.parts = parts;
  }

  /** Those that wait. */
  get pending(): ReadonlySet<Promise<void>> {
    return this.waits;
  }

  /**
   * Resolves the unit with `appended`, or rejects it, once that may be said of what the commit holds. Without a commit
   * it is known to be below the high watermark. `ifCutOff` takes the unit where an election has cut the commit off.
   */
  answer(unit: Unit, appended: Appended, commit?: CommitPlace, ifCutOff = rejectCutOff): void {
    const verdict = this.judge(unit, commit);
    if (verdict.ack === 'now') {
      unit.resolve(appended);
    } else if (verdict.ack === 'not-enough-replicas-after-append') {
      unit.reject(tooFew(unit, verdict.inSync));
    } else {
      const waited = this.wait(unit, commit as CommitPlace)
        .then(
          (end) => (end === 'covered' ? unit.resolve(appended) : ifCutOff(unit)),
          (error: unknown) => unit.reject(error),
        )
        .finally(() => this.waits.delete(waited));
      this.waits.add(waited);
    }
  }

  private judge(unit: Unit, commit: CommitPlace | undefined, head = this.parts.heads.peek(unit.ledger)): AckVerdict {
    const view = head && headView(head);
    if (view === undefined || acksOf(unit) === 'leader') return { ack: 'now' };
    const { minInSync } = rulesFor(unit);
    if (commit !== undefined) return judgeAck(view, commit.id, { minInSync });
    const inSync = count(view.state.inSync);
    return inSync < minInSync ? { ack: 'not-enough-replicas-after-append', inSync } : { ack: 'now' };
  }

  /** Resolves when it is known what is to become of the unit. */
  private async wait(unit: Unit, commit: CommitPlace): Promise<'covered' | 'cut-off'> {
    const { clock, watcher } = this.parts;
    const { ledger, deadlineMs } = unit;
    const looks = new Looks(this.parts, { ledger, rules: rulesFor(unit) });
    looks.now();
    for (;;) {
      const leftMs = deadlineMs - clock.monotonic();
      if (leftMs <= 0) throw notCovered();
      const over = (head: LedgerHead) => this.judge(unit, commit, head).ack !== 'wait';
      const head = await watcher
        .wait(ledger, over, { timeoutMs: Math.min(leftMs, replicationLimits.replicaLookMs) })
        .catch((error: unknown) => {
          throw withEffect(error, 'unknown');
        });
      if (head === undefined) throw withEffect(goneError(), 'unknown');
      const verdict = this.judge(unit, commit, head);
      switch (verdict.ack) {
        case 'now':
          return 'covered';
        case 'not-enough-replicas-after-append':
          throw tooFew(unit, verdict.inSync);
        case 'look':
          return this.lookInPages(unit, commit, head);
        case 'wait':
          await looks.ifDue();
          continue;
        default:
          return unreachable(verdict);
      }
    }
  }

  private async lookInPages(unit: Unit, { id, seen }: CommitPlace, head: LedgerHead): Promise<'covered' | 'cut-off'> {
    const view = headView(head);
    if (view === undefined) return 'covered';
    const inPage = await this.isInPage(unit, { id, seen }, head);
    const verdict = judgePaged(view, { inPage, minInSync: rulesFor(unit).minInSync });
    switch (verdict.ack) {
      case 'now':
        return 'covered';
      case 'not-enough-replicas-after-append':
        throw tooFew(unit, verdict.inSync);
      case 'cut-off':
        return 'cut-off';
      default:
        return unreachable(verdict);
    }
  }

  private async isInPage({ ledger, deadlineMs }: Unit, { id, seen }: CommitPlace, head: LedgerHead): Promise<boolean> {
    // From where it is likely: what is a duplicate of it may come a long time after.
    for (let sequence = Math.max(seen, head.retired); sequence < head.sealed; sequence++) {
      if (this.parts.clock.monotonic() >= deadlineMs) throw notCovered();
      if (offsetsInPage(await this.page(ledger, sequence), id) !== undefined) return true;
    }
    // It may have been in a page that is gone.
    if (seen < head.retired) throw notCovered();
    return false;
  }

  private page(ledger: LedgerId, sequence: number) {
    return this.parts.pages.get(ledger, sequence).catch((error: unknown) => {
      throw withEffect(error, 'unknown');
    });
  }
}

const RETRY = { retryAfterMs: requestLimits.retryAfterMsDefault };

/** The records will be read. */
function tooFew(unit: Unit, inSync: number): MillraceError {
  const { minInSync } = rulesFor(unit);
  const detail = `The records were appended; ${inSync} replicas are in sync by now, and min.insync.replicas is ${minInSync}.`;
  return new MillraceError('NOT_ENOUGH_REPLICAS_AFTER_APPEND', detail, { effect: 'unknown', facts: RETRY });
}

/** Nobody has read them, and nobody will: no attempt of the old epoch can be applied any more. */
function rejectCutOff(unit: Unit): void {
  const detail =
    'The records were appended, and a new leader was elected that did not have them; they are not in the log.';
  unit.reject(new MillraceError('NOT_ENOUGH_REPLICAS_AFTER_APPEND', detail, { facts: RETRY }));
}

function notCovered(): MillraceError {
  const detail = 'The records were appended, and were not in all replicas in sync in time.';
  return new MillraceError('REQUEST_TIMED_OUT', detail, { effect: 'unknown', facts: RETRY });
}
