/** One wait over the partitions of an instance: until they have so many bytes to deliver, or until it is over. */
import type { InstanceSettings } from '../../coordination/groups/instance-item.ts';
import { Ending } from '../../kernel/ending.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Broker } from '../broker.ts';
import { bytesFrom } from '../fetch/fetch.ts';
import type { Place } from '../groups/places.ts';
import { byLedger, isReady } from '../groups/read-fairly.ts';

/** Where a partition is read from. */
type Reading = Pick<Place, 'ledger' | 'slot' | 'offset'>;

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
  places: readonly Reading[],
  { minBytes, waitMs, signal }: BytesWanted,
): Promise<void> {
  const ledgers = byLedger(places);
  if (ledgers.length === 0) return;
  // There may be thousands, each of which is asked about whenever one changes: their sum is kept.
  const inLedger = new Map<string, number>();
  let ready = 0;
  const note = (ledger: LedgerId, bytes: number) => {
    const name = ledgerName(ledger);
    const counted = Math.min(bytes, minBytes);
    ready += counted - (inLedger.get(name) ?? 0);
    inLedger.set(name, counted);
  };
  const isEnough = () => ready >= minBytes;
  for (const { ledger, own } of ledgers) note(ledger, readyBytes(own, heads.peek(ledger)));
  if (isEnough()) return;
  if (waitMs <= 0) {
    await mapBounded(ledgers, storageLimits.storageFanOutMax, ({ ledger }) => heads.strong(ledger));
    return;
  }
  const wait = new Ending(signal);
  try {
    await Promise.all(
      ledgers.map(async ({ ledger, own }) => {
        const seenEnough = (head: LedgerHead) => {
          note(ledger, readyBytes(own, head));
          return isEnough();
        };
        // Of a topic that is gone there is nothing to wait for.
        const head = await watcher.wait(ledger, seenEnough, { timeoutMs: waitMs, signal: wait.signal });
        if (head !== undefined && isEnough()) wait.end();
      }),
    );
  } finally {
    wait.end();
  }
}

/** A place that is not in its partition is to be read now, which finds out where to go on. */
function readyBytes(places: readonly Reading[], head: LedgerHead | undefined): number {
  if (head === undefined) return 0;
  return places.reduce((sum, place) => {
    if (!isReady(place, head)) return sum;
    const bytes = bytesFrom(head, place.slot, place.offset);
    const isGone = bytes === 0 || place.offset < (head.start[place.slot] as number);
    return sum + (isGone ? Number.POSITIVE_INFINITY : bytes);
  }, 0);
}
