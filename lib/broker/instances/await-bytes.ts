/** One wait over the partitions of an instance: until they have so many bytes to deliver, or until it is over. */
import type { InstanceSettings } from '../../coordination/groups/instance-item.ts';
import { ledgerName } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Broker } from '../broker.ts';
import { bytesFrom } from '../fetch.ts';
import type { Place } from '../groups/places.ts';
import { byLedger, isReady } from '../groups/read-fairly.ts';

export interface BytesWanted {
  minBytes: number;
  waitMs: number;
  signal?: AbortSignal;
}

/** What the client wants, but no more than it takes. */
export function bytesWanted({ minBytes = 1 }: InstanceSettings, { maxBytes }: { maxBytes: number }): number {
  return Math.max(1, Math.min(minBytes, maxBytes));
}

/** Returns at once where there are no places, or the known heads show as many; else what counts is strongly read. */
export async function awaitBytes(
  { heads, watcher }: Broker,
  places: readonly Place[],
  { minBytes, waitMs, signal }: BytesWanted,
): Promise<void> {
  const ledgers = byLedger(places);
  const inLedger = new Map(
    ledgers.map(({ ledger, own }) => [ledgerName(ledger), readyBytes(own, heads.peek(ledger))] as const),
  );
  if (inLedger.size === 0) return;
  const isEnough = () => [...inLedger.values()].reduce((sum, bytes) => sum + bytes, 0) >= minBytes;
  if (isEnough()) return;
  if (waitMs <= 0) {
    await mapBounded(ledgers, limits.storageFanOutMax, ({ ledger }) => heads.strong(ledger));
    return;
  }
  const stop = new AbortController();
  const end = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  await Promise.all(
    ledgers.map(async ({ ledger, own }) => {
      const seenEnough = (head: LedgerHead) => {
        inLedger.set(ledgerName(ledger), readyBytes(own, head));
        return isEnough();
      };
      try {
        // Of a topic that is gone there is nothing to wait for.
        const head = await watcher.wait(ledger, seenEnough, { timeoutMs: waitMs, signal: end });
        if (head !== undefined && isEnough()) stop.abort();
      } catch (error) {
        stop.abort();
        throw error;
      }
    }),
  );
}

/** A place that is not in its partition is to be read now, which finds out where to go on. */
function readyBytes(places: readonly Place[], head: LedgerHead | undefined): number {
  if (head === undefined) return 0;
  return places.reduce((sum, place) => {
    if (!isReady(place, head)) return sum;
    const bytes = bytesFrom(head, place.slot, place.offset);
    return sum + (bytes === 0 ? Number.POSITIVE_INFINITY : bytes);
  }, 0);
}
