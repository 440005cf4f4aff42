/** Storing a transaction's bytes: one object for all its ledgers, unsequenced until the commit. */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, newObjectId } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { acceptableBirth } from '../../log/ledger/append.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { type BatchRun, layOut, type ObjectLayout } from '../../log/segment/layout.ts';
import { objectName } from '../../log/segment/object-name.ts';
import { awaitHolders } from '../append/holders.ts';
import { goneError } from '../append/parts.ts';
import { Placement } from '../append/placement.ts';
import type { Broker } from '../broker.ts';
import { headView } from '../ledger/replicated.ts';
import { type ReplicationRules, rulesOf } from '../replication/rules.ts';
import type { StoredLedger } from './intent.ts';
import type { PreparedRun } from './prepare.ts';
import { checkInSync } from './readiness.ts';

export interface Upload {
  /** In the order in which the runs first name the ledgers. */
  ledgers: readonly StoredLedger[];
  /** To be called once nobody will have the bytes sent to more replicas. */
  leave(): void;
}

interface Draft {
  ledger: LedgerId;
  slots: Map<number, BatchRun[]>;
  rules: ReplicationRules;
}

/**
 * Resolves once the bytes are where every ledger's replicas need them for acks=all. Fails only with `effect: none`:
 * bytes without a commit are nothing.
 */
export async function uploadRuns(broker: Broker, runs: readonly PreparedRun[], deadlineMs: number): Promise<Upload> {
  const drafts = byLedger(runs);
  if (drafts.length === 0) return { ledgers: [], leave: () => {} };
  const heads = await mapBounded(drafts, storageLimits.storageFanOutMax, (draft) => headOf(broker, draft));
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
  const placement = new Placement(broker, { name: objectName(tier, object), chunks: layout.chunks, users: 1 });
  try {
    const ledgers = await Promise.all(
      drafts.map(async (draft, index): Promise<StoredLedger> => {
        const { part, position, chunks } = layout.parts[index] as ObjectLayout['parts'][number];
        const commit = { tier, object, part: part.part, position, runs: part.runs, alone: drafts.length === 1 };
        const request = { ...draft, head: heads[index] as LedgerHead, acks: 'all' as const, deadlineMs };
        const { head, replicated } = await awaitHolders(broker, placement, request);
        const placed = replicated === undefined ? commit : { ...commit, replicated };
        return { ledger: draft.ledger, head, rules: draft.rules, commits: [{ commit: placed, chunks, placement }] };
      }),
    );
    const replicas = heads.some((head) => headView(head) !== undefined);
    if (!replicas) placement.leave();
    return { ledgers, leave: () => replicas && leave(broker, placement) };
  } catch (error) {
    leave(broker, placement);
    throw withoutEffect(error);
  }
}

/** Uploads that nobody waits for go on; a process that may be frozen waits for them before. */
function leave(broker: Broker, placement: Placement): void {
  placement.leave();
  if (!placement.isOver) broker.background.add(placement.over);
}

/** The head of a ledger that has as many replicas in sync as the topic wants. */
async function headOf(broker: Broker, { ledger, rules }: Draft): Promise<LedgerHead> {
  try {
    const head = await broker.heads.known(ledger);
    if (head === undefined) throw goneError();
    return await checkInSync(broker, { ledger, head, rules });
  } catch (error) {
    throw withoutEffect(error);
  }
}

function byLedger(runs: readonly PreparedRun[]): Draft[] {
  const ledgers = new Map<string, Draft>();
  for (const { topic, ledger, slot, run } of runs) {
    const name = ledgerName(ledger);
    const draft = ledgers.get(name) ?? { ledger, slots: new Map<number, BatchRun[]>(), rules: rulesOf(topic.config) };
    draft.slots.set(slot, [run]);
    ledgers.set(name, draft);
  }
  return [...ledgers.values()];
}

/** Whatever it failed with: the records are not in the log and never will be. */
export function withoutEffect(error: unknown): unknown {
  if (!(error instanceof MillraceError)) return error;
  return new MillraceError(error.code, error.message, { facts: error.facts, cause: error });
}
