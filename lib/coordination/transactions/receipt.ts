/**
 * A transaction's receipt: what is kept of it so that whoever asks again gets the first answer.
 *
 * It is written with the transaction, and so cannot hold the offsets, which the write itself gives out. It holds what they
 * are found by: the commits' ids and the number of seals that each ledger had before. Packed, in LEB128 varints:
 *
 *     ledgers     count, then for each
 *       topic id      16 bytes
 *       topic name    length | UTF-8
 *       ledger        its number
 *       seen          seals before the transaction: its commits are in no earlier page
 *       commits       count, then their ids, 9 bytes each, in the order in which their records get offsets
 *     places      count, then for each partition that got records
 *       ledger        its place in the list above
 *       slot u8 | partition | records
 *     records     count of runs, then for each run of records that went to one place with one timestamp
 *       count | place | timestamp: zigzag of its distance from the run before (from 0 for the first)
 *
 * The records are those of a transaction that was made with one request, in the request's order; a transaction that was
 * added to in parts has none here, since each part was answered by itself.
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter, fromBase64Url, toBase64Url, utf8, utf8Text } from '../../kernel/bytes.ts';
import { type LedgerId, OBJECT_RANDOM_BYTES, TOPIC_ID_BYTES } from '../../kernel/ids.ts';

const COMMIT_ID_BYTES = OBJECT_RANDOM_BYTES + 1;

export interface ReceiptLedger {
  ledger: LedgerId;
  topic: string;
  seen: number;
  commits: readonly Uint8Array[];
}

export interface ReceiptPlace {
  /** Index into the ledgers. */
  ledger: number;
  slot: number;
  partition: number;
  records: number;
}

export interface PlacedRecord {
  /** Index into the places. */
  place: number;
  timestamp: number;
}

export interface Receipt {
  ledgers: readonly ReceiptLedger[];
  places: readonly ReceiptPlace[];
  records: readonly PlacedRecord[];
}

export function packReceipt({ ledgers, places, records }: Receipt): Uint8Array {
  const writer = new ByteWriter(256);
  writer.unsignedVarint(ledgers.length);
  for (const { ledger, topic, seen, commits } of ledgers) {
    const topicId = fromBase64Url(ledger.topicId);
    assert(topicId?.length === TOPIC_ID_BYTES, `topic id ${ledger.topicId} is not a UUID`);
    const name = utf8(topic);
    writer.bytes(topicId).unsignedVarint(name.length).bytes(name).unsignedVarint(ledger.index);
    writer.unsignedVarint(seen).unsignedVarint(commits.length);
    for (const id of commits) {
      assert(id.length === COMMIT_ID_BYTES, 'a commit id has 9 bytes');
      writer.bytes(id);
    }
  }
  writer.unsignedVarint(places.length);
  for (const { ledger, slot, partition, records: count } of places) {
    writer.unsignedVarint(ledger).u8(slot).unsignedVarint(partition).unsignedVarint(count);
  }
  packRecords(writer, records);
  return writer.finish();
}

export function unpackReceipt(packed: Uint8Array): Receipt {
  const reader = new ByteReader(packed);
  const ledgers = repeated(reader, () => {
    const topicId = toBase64Url(reader.bytes(TOPIC_ID_BYTES));
    const topic = utf8Text(reader.bytes(reader.unsignedVarint()));
    assert(topic !== undefined, 'a topic name in a receipt is text');
    const ledger = { topicId, index: reader.unsignedVarint() };
    const seen = reader.unsignedVarint();
    return { ledger, topic, seen, commits: repeated(reader, () => reader.bytes(COMMIT_ID_BYTES).slice()) };
  });
  const places = repeated(reader, () => ({
    ledger: reader.unsignedVarint(),
    slot: reader.u8(),
    partition: reader.unsignedVarint(),
    records: reader.unsignedVarint(),
  }));
  const records = unpackRecords(reader);
  assert(reader.remaining === 0, `a receipt has ${reader.remaining} bytes too many`);
  return { ledgers, places, records };
}

/** The records' places by themselves, as the items of a transaction's parts have them. */
export function packPlaced(records: readonly PlacedRecord[]): Uint8Array {
  const writer = new ByteWriter(64);
  packRecords(writer, records);
  return writer.finish();
}

export function unpackPlaced(packed: Uint8Array): PlacedRecord[] {
  return unpackRecords(new ByteReader(packed));
}

function packRecords(writer: ByteWriter, records: readonly PlacedRecord[]): void {
  const runs: { count: number; place: number; timestamp: number }[] = [];
  for (const { place, timestamp } of records) {
    const last = runs.at(-1);
    if (last?.place === place && last.timestamp === timestamp) last.count++;
    else runs.push({ count: 1, place, timestamp });
  }
  writer.unsignedVarint(runs.length);
  let previous = 0;
  for (const { count, place, timestamp } of runs) {
    writer
      .unsignedVarint(count)
      .unsignedVarint(place)
      .unsignedVarint(zigzag(timestamp - previous));
    previous = timestamp;
  }
}

function unpackRecords(reader: ByteReader): PlacedRecord[] {
  const records: PlacedRecord[] = [];
  let timestamp = 0;
  for (let runs = reader.unsignedVarint(); runs > 0; runs--) {
    const count = reader.unsignedVarint();
    const place = reader.unsignedVarint();
    timestamp += unzigzag(reader.unsignedVarint());
    for (let left = count; left > 0; left--) records.push({ place, timestamp });
  }
  return records;
}

function repeated<T>(reader: ByteReader, read: () => T): T[] {
  return Array.from({ length: reader.unsignedVarint() }, read);
}

/** Timestamps have 48 bits, so that twice a distance is a safe integer. */
function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
