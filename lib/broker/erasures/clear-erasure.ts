/**
 * The end of an erasure: everything that still holds what was erased is deleted, when those who may be reading it have
 * had their grace. Rounds through all ledgers find it, until one of them finds nothing that must wait.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { ledgerName } from '../../kernel/ids.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { erasureLimits } from '../../kernel/limits/erasures.ts';
import {
  type Erasure,
  type ErasureChanges,
  erasureCreatedMs,
  planErasureChange,
} from '../../log/erasure/erasure-item.ts';
import { erasureLedgersKey } from '../../log/erasure/erasure-ledger-item.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { CONDEMNED_START, condemnedBefore } from '../../log/merged/condemned-item.ts';
import type { Broker } from '../broker.ts';
import { clearCondemned } from '../lifecycle/clear-condemned.ts';
import { goRound, type LedgerTurn } from '../lifecycle/ledger-rounds.ts';
import { retirePages } from '../lifecycle/retire-pages.ts';
import { sweptUntil } from '../sweep/sweep-onward.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { clearObjects, type ObjectsClearing } from './clear-objects.ts';
import { completeMsMin } from './describe-erasure.ts';
import { findErasure, ledgersOfErasure } from './erasure-records.ts';
import { mergePast } from './merge-past.ts';

/** Whether it is done. May be cut off anywhere, run twice and overlap with itself. */
export async function clearErasure(broker: Broker, erasure: Erasure, signal?: AbortSignal): Promise<boolean> {
  const { id, erasedMs = 0, nextMs: round } = erasure;
  const ledgers = await ledgersOfErasure(broker, id);
  const erased = new Set(ledgers.map(({ ledger }) => ledgerName(ledger)));
  const { fixedMs = erasureCreatedMs(erasure) } = erasure;
  const clearing = { erased, bornByMs: fixedMs + erasureLimits.erasureSkewMs };
  const pass: Pass = { round, erasedByMs: erasedMs + erasureLimits.erasureSkewMs, clearing, deleted: 0, left: false };
  // What was uploaded and never committed, to ledgers or to segments, is the sweeper's.
  if ((await sweptUntil(broker)) < pass.erasedByMs) await leave(broker, id, pass);
  const ended = await goRound(broker, {
    progress: roundKey(id, round),
    inFlightMax: 1,
    look: async (turn) => {
      await look(broker, turn, { pass, id, ...(signal && { signal }) });
      return 'done';
    },
    ...(signal && { signal }),
  });
  return conclude(broker, id, pass, ended);
}

/** Each round has its own: who is late with an earlier one must not have this one begin in the middle. */
function roundKey(id: string, round: number): ItemKey {
  return { pk: erasureLedgersKey(id), sk: `round#${round}` };
}

interface Pass {
  /** Which round it is of: by the time from which it was to be gone. */
  round: number;
  /** What was there when the last segment was rewritten was there by then, whoever's clock said it. */
  erasedByMs: number;
  clearing: ObjectsClearing;
  deleted: number;
  left: boolean;
  problem?: string;
}

/** Said before the round goes on: who carries it on must know of it. */
async function leave(broker: Broker, id: string, pass: Pass): Promise<void> {
  if (pass.left) return;
  pass.left = true;
  await change(broker, id, { left: true });
}

async function look(
  broker: Broker,
  { topic, ledger }: LedgerTurn,
  { pass, id, signal }: { pass: Pass; id: string; signal?: AbortSignal },
): Promise<void> {
  try {
    if (pass.clearing.erased.has(ledgerName(ledger))) {
      pass.deleted +=
        (await retirePages(broker, ledger)).objects + (await clearCondemned(broker, ledger, signal)).objects;
      if (await isCondemnedLeft(broker, ledgerKey(ledger), pass.erasedByMs)) await leave(broker, id, pass);
    }
    const cleared = await clearObjects(broker, ledger, pass.clearing);
    pass.deleted += cleared.deleted;
    if (cleared.left) await leave(broker, id, pass);
    if (cleared.unreadable !== undefined) pass.problem = `The object ${cleared.unreadable} cannot be read.`;
    if (!cleared.unmerged) return;
    const ends = (await broker.heads.strong(ledger))?.next ?? [];
    const merged = await mergePast(broker, { topic, ledger, ends, ...(signal && { signal }) });
    if (merged.outcome === 'left' && merged.problem !== undefined) pass.problem = merged.problem;
  } catch (error) {
    // One ledger must not keep those behind it from their turn.
    if (!(error instanceof MillraceError)) throw error;
    broker.log.warn('What an erasure has left of a ledger could not be cleared; the next round looks again', {
      erasure: id,
      ledger: ledgerName(ledger),
      error,
    });
    await leave(broker, id, pass);
  }
}

async function isCondemnedLeft({ metadata }: Broker, pk: string, byMs: number): Promise<boolean> {
  const to = condemnedBefore(byMs + 1);
  const { items } = await metadata.query({ pk, from: CONDEMNED_START, to, limit: 1, consistency: 'strong' });
  return items.length > 0;
}

async function conclude(broker: Broker, id: string, pass: Pass, ended: boolean): Promise<boolean> {
  const nowMs = broker.clock.now();
  const { deleted: objectsDeleted } = pass;
  const changed = await change(broker, id, (erasure) => {
    const problem = pass.problem ?? null;
    // Another process has come to the end of the round before.
    if (!ended || erasure.nextMs !== pass.round) return { objectsDeleted };
    // Also what others have found in the first part of this round.
    if (!erasure.left && !pass.left) return { objectsDeleted, problem: null, state: 'done', doneMs: nowMs };
    const nextMs = Math.max(nowMs + erasureLimits.erasureRetryMs, completeMsMin(erasure));
    return { objectsDeleted, problem, left: false, nextMs };
  });
  return changed?.state === 'done';
}

/** Answers what was written; `undefined` where the erasure was forgotten, or is done. */
async function change(
  broker: Broker,
  id: string,
  changes: ErasureChanges | ((erasure: Erasure) => ErasureChanges),
): Promise<ErasureChanges | undefined> {
  for (let attempt = 0; attempt < erasureLimits.erasureAttemptsMax; attempt++) {
    const erasure = await findErasure(broker, id);
    if (erasure?.state !== 'clearing') return undefined;
    const changed = typeof changes === 'function' ? changes(erasure) : changes;
    const written = await writeRepeatedly(broker.metadata, [planErasureChange(erasure, changed)]);
    if (written.outcome === 'applied') return changed;
  }
  throw new MillraceError('REQUEST_TIMED_OUT', `The erasure ${id} met too many others; the next round goes on.`);
}
