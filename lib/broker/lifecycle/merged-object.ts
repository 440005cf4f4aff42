/**
 * What a merged object says of itself by its footer, and who names it: the item of a segment, or a condemned item of
 * its ledger. One of them does from the transaction on that commits it to its deletion.
 */
import { bytesEqual, toHex } from '../../kernel/bytes.ts';
import { type LedgerId, type ObjectId, objectIdText, type TopicId } from '../../kernel/ids.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { retiringLimits } from '../../kernel/limits/retiring.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import { ledgerKey } from '../../log/ledger/head.ts';
import { CONDEMNED_END, CONDEMNED_START, decodeCondemned } from '../../log/merged/condemned-item.ts';
import { decodeSegmentFooter, type SegmentFooter, segmentFooterBytes } from '../../log/merged/segment-footer.ts';
import { packObjectId, partitionKey, segmentKey, segmentSortKey } from '../../log/merged/segment-item.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';
import type { Broker } from '../broker.ts';

/** Where a merged object's first record is. */
export type MergedPlace = Pick<SegmentFooter, 'object' | 'partition' | 'base'>;

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
  const tail = await objects.getTail(name, sweeperLimits.footerBytesGuess);
  if (tail === undefined) return undefined;
  const footerBytes = segmentFooterBytes(tail.bytes);
  const whole = footerBytes <= tail.bytes.length ? tail : await objects.getTail(name, footerBytes);
  return whole && { footer: decodeSegmentFooter(whole.bytes), footerBytes, objectBytes: whole.objectBytes };
}

/**
 * Those of a ledger's merged objects that a segment's item or a condemned one names, by their ids' texts. Segments are
 * read first: what replaces one condemns its object. Segments between the objects' first offsets are read once for all
 * of a partition, and so are the condemned items for all that no segment names.
 */
export async function namedAmong(
  broker: Broker,
  ledger: LedgerId,
  objects: readonly MergedPlace[],
): Promise<Set<string>> {
  const wanted = new Set(objects.map(({ object }) => objectIdText(object)));
  const named = new Set<string>();
  const strike = (id: string) => {
    if (wanted.delete(id)) named.add(id);
  };
  for (const [partition, ofPartition] of Map.groupBy(objects, (object) => object.partition)) {
    const bases = ofPartition.map(({ base }) => base);
    const span = { from: Math.min(...bases), to: Math.max(...bases) };
    for await (const id of segmentObjects(broker, { topicId: ledger.topicId, partition }, span)) strike(id);
  }
  if (wanted.size === 0) return named;
  for await (const object of condemnedMerged(broker, ledger)) strike(objectIdText(object));
  return named;
}

/** The ids of what the items of segments name that begin at `from` to `to`, both included. */
async function* segmentObjects(
  { metadata }: Broker,
  { topicId, partition }: { topicId: TopicId; partition: number },
  span: { from: number; to: number },
): AsyncGenerator<string> {
  const pk = partitionKey(topicId, partition);
  const to = segmentSortKey(span.to + 1);
  for (let from: string | undefined = segmentSortKey(span.from); from !== undefined; ) {
    const page: QueryPage = await metadata.query({
      pk,
      from,
      to,
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    // One that cannot be decoded, which the check reports, still names its object.
    for (const { attributes } of page.items) if (attributes['o'] instanceof Uint8Array) yield toHex(attributes['o']);
    from = page.next;
  }
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
    const query = { pk: ledgerKey(ledger), from, to: CONDEMNED_END, limit: retiringLimits.condemnedItemsPerStep };
    const page = await metadata.query({ ...query, consistency: 'strong' });
    for (const { attributes } of page.items) {
      for (const { tier, object } of decodeCondemned(attributes)) if (tier === 'merged') yield object;
    }
    from = page.next;
  }
}
