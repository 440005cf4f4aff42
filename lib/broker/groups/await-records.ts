/** One wait over all partitions of a member: until one of them has records, or there is reason to look at the group. */
import type { GroupState } from '../../coordination/groups/group-item.ts';
import { isLookDue, isRenewalDue } from '../../coordination/groups/liveness.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Broker } from '../broker.ts';
import type { Seated } from './membership.ts';
import type { Place } from './places.ts';
import { byLedger, isReady } from './read-fairly.ts';

export interface AwaitRequest {
  group: string;
  seated: Seated;
  places: readonly Place[];
  waitMs: number;
  signal?: AbortSignal;
}

/**
 * Resolves at once where a known head shows records; else when a strongly read one does, or when the wait is over. It
 * may be over early, because the group has changed or the member is to show that it lives.
 */
export async function awaitRecords(broker: Broker, request: AwaitRequest): Promise<void> {
  const { places, waitMs, signal } = request;
  const { heads, watcher } = broker;
  if (places.some((place) => isReady(place, heads.peek(place.ledger)))) return;
  const ledgers = byLedger(places);
  if (waitMs <= 0) {
    await mapBounded(ledgers, storageLimits.storageFanOutMax, ({ ledger }) => heads.strong(ledger));
    return;
  }
  const stop = new AbortController();
  const end = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const reason = untilGroupMoves(broker, request, end).finally(() => stop.abort());
  const waits = ledgers.map(async ({ ledger, own }) => {
    const hasRecords = (head: LedgerHead) => own.some((place) => isReady(place, head));
    try {
      const head = await watcher.wait(ledger, hasRecords, { timeoutMs: waitMs, signal: end });
      // Of a topic that is gone there is nothing to wait for; the group will have noticed when it is looked over.
      if (head !== undefined && hasRecords(head)) stop.abort();
    } catch (error) {
      stop.abort();
      throw error;
    }
  });
  await Promise.all([reason, ...waits]);
}

/** Resolves when the member's seat is to be looked at, at the end of the wait, or when that is ended. */
async function untilGroupMoves(
  broker: Broker,
  { group, seated, waitMs }: AwaitRequest,
  end: AbortSignal,
): Promise<void> {
  const { clock, groups } = broker;
  const { member, followed, state } = seated;
  const awaits = followed.awaiting.size > 0;
  const endMs = clock.monotonic() + waitMs;
  const told = new AbortController();
  const unlisten = groups.listen(group, (change) => {
    if (change === 'target' || awaits) told.abort();
  });
  const wake = AbortSignal.any([end, told.signal]);
  const everyMs = Math.min(
    member.sessionTimeoutMs / 3,
    awaits ? groupLimits.groupHandOverLookMs : groupLimits.groupWaitLookMs,
  );
  try {
    for (;;) {
      const leftMs = endMs - clock.monotonic();
      if (leftMs <= 0 || wake.aborted) return;
      await clock.sleep(Math.min(leftMs, everyMs), wake);
      if (wake.aborted || awaits) return;
      if (isRenewalDue(member, clock.now()) || hasMoved(await groups.state(group, everyMs), state, clock.now())) return;
    }
  } finally {
    unlisten();
  }
}

function hasMoved(now: GroupState | undefined, before: GroupState | undefined, nowMs: number): boolean {
  if (now === undefined) return true;
  return now.nonce !== before?.nonce || now.epoch !== before.epoch || isLookDue(now, nowMs, groupLimits.groupLookMs);
}
