/**
 * What a merged object says of itself by its footer, and who names it: the item of a segment, or a condemned item of its
 * ledger. One of them does from the transaction on that commits it to its deletion.
 */
import { bytesEqual } from '../../kernel/bytes.ts';
import { type LedgerId, type ObjectId, objectIdText } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { CONDEMNED_END, CONDEMNED_START, decodeCondemned } from '../../log/merged/condemned-item.ts';
import { decodeSegmentFooter, type SegmentFooter, segmentFooterBytes } from '../../log/merged/segment-footer.ts';
import { packObjectId, segmentKey } from '../../log/merged/segment-item.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';
import type { Broker } from '../broker.ts';

export interface MergedObject {
  footer: SegmentFooter;
  /** With the trailer. */
  footerBytes: number;
  /** All of the object. */
  objectBytes: number;
}

/** `undefined`: there is no such object. Throws `CORRUPT_MESSAGE`. */
export async function readMergedObject(
  { objects }: { objects: Pick<ObjectStore, 'getTail'> },
  name: string,
): Promise<MergedObject | undefined> {
  const tail = await objects.getTail(name, limits.footerBytesGuess);
  if (tail === undefined) return undefined;
  const footerBytes = segmentFooterBytes(tail.bytes);
  const whole = footerBytes <= tail.bytes.length ? tail : await objects.getTail(name, footerBytes);
  return whole && { footer: decodeSegmentFooter(whole.bytes), footerBytes, objectBytes: whole.objectBytes };
}

/** Whether a segment's item or a condemned one names it. The segment is read first: what replaces it condemns the object. */
export async function isNamed(broker: Broker, ledger: LedgerId, footer: SegmentFooter): Promise<boolean> {
  return (await isSegment(broker, footer)) || (await isCondemned(broker, ledger, footer.object));
}

export async function isSegment({ metadata }: Broker, footer: SegmentFooter): Promise<boolean> {
  const o = (await metadata.get(segmentKey(footer.topicId, footer), 'strong'))?.['o'];
  return o instanceof Uint8Array && bytesEqual(o, packObjectId(footer.object));
}

export async function isCondemned(broker: Broker, ledger: LedgerId, object: ObjectId): Promise<boolean> {
  const id = objectIdText(object);
  for await (const condemned of condemnedMerged(broker, ledger)) if (objectIdText(condemned) === id) return true;
  return false;
}

/** The ledger's merged objects that are condemned. */
export async function* condemnedMerged({ metadata }: Broker, ledger: LedgerId): AsyncGenerator<ObjectId> {
  let from: string | undefined = CONDEMNED_START;
  while (from !== undefined) {
    const query = { pk: ledgerKey(ledger), from, to: CONDEMNED_END, limit: limits.condemnedItemsPerStep };
    const page = await metadata.query({ ...query, consistency: 'strong' });
    for (const { attributes } of page.items) {
      for (const { tier, object } of decodeCondemned(attributes)) if (tier === 'merged') yield object;
    }
    from = page.next;
  }
}
