/**
 * Gives producers' kept batches the offsets in place of commits that are in these pages, before the pages go.
 *
 * Items and head are gone through twice, and again while something was found: a producer that moves between them
 * meanwhile, or appends, is then found where it went. Only one that moves there and back, between each two looks, may
 * be missed, since no one read shows both, and keeps the commit's name. Nothing depends on it but the answer to a retry
 * of that very batch: that it was written, and that nobody knows where any more.
 */
import {
  type ProducerState,
  packProducer,
  unpackProducer,
  withOffsets,
} from '../../coordination/producers/producer-state.ts';
import { bytesEqual, toHex } from '../../kernel/bytes.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type BaseOffsets, offsetsInPage } from '../../log/ledger/append.ts';
import { idOf } from '../../log/ledger/commit.ts';
import { decodeHead, headKey, ledgerKey, producerAttribute } from '../../log/ledger/head.ts';
import type { Page } from '../../log/ledger/page.ts';
import {
  decodeProducerItem,
  encodeProducerItem,
  PRODUCERS_END,
  PRODUCERS_START,
} from '../../log/ledger/producer-item.ts';
import type { Broker } from '../broker.ts';

export async function settleProducers(broker: Broker, ledger: LedgerId, pages: readonly Page[]): Promise<void> {
  const places = placesIn(pages);
  for (let round = 1; round <= retiringLimits.settlingRoundsMax; round++) {
    const found = (await settleItems(broker, ledger, places)) + (await settleHead(broker, ledger, places));
    if (found === 0 && round > 1) return;
  }
}

type Places = ReadonlyMap<string, BaseOffsets>;

function placesIn(pages: readonly Page[]): Places {
  const places = new Map<string, BaseOffsets>();
  for (const page of pages) {
    for (const commit of page.commits) {
      const offsets = offsetsInPage(page, idOf(commit));
      if (offsets !== undefined) places.set(toHex(idOf(commit)), offsets);
    }
  }
  return places;
}

/** `undefined` where nothing of it is in the pages. */
function settled(packed: Uint8Array, places: Places): Uint8Array | undefined {
  const state: ProducerState = withOffsets(unpackProducer(packed), (slot, { id, before }) => {
    const base = places.get(toHex(id))?.get(slot);
    return base === undefined ? undefined : base + before;
  });
  const after = packProducer(state);
  return bytesEqual(after, packed) ? undefined : after;
}

/** How many there were to settle, also those that somebody was ahead of. */
async function settleItems(broker: Broker, ledger: LedgerId, places: Places): Promise<number> {
  let found = 0;
  for (let from: string | undefined = PRODUCERS_START; from !== undefined; ) {
    const page = await broker.metadata.query({
      pk: ledgerKey(ledger),
      from,
      to: PRODUCERS_END,
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    await mapBounded(page.items, storageLimits.storageFanOutMax, async ({ key, attributes }) => {
      const before = decodeProducerItem(attributes);
      const after = settled(before, places);
      if (after === undefined) return;
      found++;
      const conditions: Write['conditions'] = [{ clause: 'equals', attribute: 's', value: before }];
      const put: Write = { kind: 'put', key, attributes: encodeProducerItem(after), conditions };
      await broker.metadata.write([put]);
    });
    from = page.next;
  }
  return found;
}

/**
 * The same. Of an append that is under way it takes the condition away: it is then attempted again with what is there.
 */
async function settleHead(broker: Broker, ledger: LedgerId, places: Places): Promise<number> {
  let found = 0;
  const head = await broker.heads.strong(ledger);
  for (const [key, before] of head?.producers ?? []) {
    const after = settled(before, places);
    if (after === undefined) continue;
    found++;
    const attribute = producerAttribute(key);
    const written = await broker.metadata.write([
      {
        kind: 'update',
        key: headKey(ledger),
        changes: { set: { [attribute]: after }, add: { v: 1 } },
        conditions: [{ clause: 'equals', attribute, value: before }],
      },
    ]);
    if (written.item !== undefined) broker.heads.update(ledger, decodeHead(written.item));
  }
  return found;
}
