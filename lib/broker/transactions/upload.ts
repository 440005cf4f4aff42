/** Storing a transaction's bytes: one object for all its ledgers, unsequenced until the commit. */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, newObjectId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { acceptableBirth } from '../../log/ledger/append.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { type BatchRun, layOut } from '../../log/segment/layout.ts';
import { objectName } from '../../log/segment/object-name.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import { goneError } from '../append/parts.ts';
import type { Broker } from '../broker.ts';
import type { StoredLedger } from './intent.ts';
import type { PreparedRun } from './prepare.ts';

/** In the order in which the runs first name the ledgers. Fails only with `effect: none`: bytes without a commit are nothing. */
export async function uploadRuns(
  broker: Broker,
  runs: readonly PreparedRun[],
  deadlineMs: number,
): Promise<StoredLedger[]> {
  const drafts = byLedger(runs);
  if (drafts.length === 0) return [];
  const heads = await mapBounded(drafts, limits.storageFanOutMax, ({ ledger }) => headOf(broker, ledger));
  const birthMs = acceptableBirth(
    broker.clock.now(),
    heads.map(({ swept }) => swept),
  );
  const object = newObjectId(birthMs, broker.random);
  const layout = layOut(
    object,
    drafts.map(({ ledger, slots }, index) => ({ ledger, slots, seen: heads[index]?.sealed ?? 0 })),
  );
  const tier = broker.objects.tierFor(layout.bytes);
  await put(broker, objectName(tier, object), layout.chunks, deadlineMs);
  return drafts.map(({ ledger }, index) => {
    const { part, position, chunks } = layout.parts[index] as (typeof layout.parts)[number];
    const commit = { tier, object, part: part.part, position, runs: part.runs };
    return { ledger, head: heads[index] as StoredLedger['head'], commits: [{ commit, chunks }] };
  });
}

async function headOf(broker: Broker, ledger: LedgerId): Promise<LedgerHead> {
  const head = await broker.heads.known(ledger).catch((error: unknown) => {
    throw withoutEffect(error);
  });
  if (head === undefined) throw goneError();
  return head;
}

function byLedger(runs: readonly PreparedRun[]): { ledger: LedgerId; slots: Map<number, BatchRun[]> }[] {
  const ledgers = new Map<string, { ledger: LedgerId; slots: Map<number, BatchRun[]> }>();
  for (const { ledger, slot, run } of runs) {
    const name = ledgerName(ledger);
    const draft = ledgers.get(name) ?? { ledger, slots: new Map<number, BatchRun[]>() };
    draft.slots.set(slot, [run]);
    ledgers.set(name, draft);
  }
  return [...ledgers.values()];
}

/** A put is safe to repeat: the name is fresh and the bytes are the same. No attempt begins after the deadline. */
async function put(broker: Broker, name: string, chunks: readonly Uint8Array[], deadlineMs: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await broker.objects.put(name, chunks);
    } catch (error) {
      const late = broker.clock.monotonic() >= deadlineMs;
      if (!(error instanceof MillraceError) || !error.retriable || attempt >= limits.uploadAttemptsMax || late) {
        throw withoutEffect(error);
      }
      await broker.clock.sleep(retryPauseMs(attempt - 1, broker.random));
    }
  }
}

/** Whatever it failed with: the records are not in the log and never will be. */
export function withoutEffect(error: unknown): unknown {
  if (!(error instanceof MillraceError)) return error;
  return new MillraceError(error.code, error.message, { facts: error.facts, cause: error });
}
