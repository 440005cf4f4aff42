/**
 * What erasures are to take out, and how far they have come: taken from the table itself, right after each write of it.
 * When one says that it is done, everything that is stored is searched for its records.
 */
import { bytesEqual, utf8, utf8Text } from '../../../lib/kernel/bytes.ts';
import { decodeErasure, ERASURES } from '../../../lib/log/erasure/erasure-item.ts';
import { decodeErasureLedger, ERASURE_LEDGERS_START } from '../../../lib/log/erasure/erasure-ledger-item.ts';
import { parseObjectName } from '../../../lib/log/segment/object-name.ts';
import { EPOCH_MS } from '../scheduler.ts';
import type { WrittenItem } from '../table-watch.ts';
import type { AtRest } from './at-rest.ts';
import {
  type LifecycleHistory,
  partitionName,
  type TrueErasure,
  type TruePartition,
  type TrueRecord,
} from './lifecycle-history.ts';

/** The name of the header by which records say whose they are. */
export const SUBJECT_HEADER = 'subject';

export class ErasureWatch {
  private readonly history: LifecycleHistory;
  private readonly atRest: AtRest;

  constructor(history: LifecycleHistory, atRest: AtRest) {
    this.history = history;
    this.atRest = atRest;
  }

  note(written: readonly WrittenItem[]): void {
    for (const { key, item } of written) {
      if (item === undefined) continue;
      if (key.pk === ERASURES) this.noteErasure(key.sk, item);
      else if (key.pk.startsWith('erasure#') && key.sk.startsWith(ERASURE_LEDGERS_START)) this.noteLedger(key, item);
    }
  }

  /** Once nothing is left to do: also what came after an erasure was done, from whoever was late. */
  searchAgain(): void {
    for (const erasure of this.history.erasures.values()) {
      if (erasure.doneAt !== undefined) erasure.left.push(...this.search(erasure).map((name) => `${name}, in the end`));
    }
  }

  private noteErasure(id: string, item: NonNullable<WrittenItem['item']>): void {
    const { state, subject } = decodeErasure(id, item);
    const { erasures } = this.history;
    const moment = this.history.tick();
    const erasure: TrueErasure = erasures.get(id) ?? { id, askedAt: moment, subject, partitions: new Map(), left: [] };
    erasures.set(id, erasure);
    if (state !== 'done' || erasure.doneAt !== undefined) return;
    erasure.doneAt = moment;
    erasure.left.push(...this.search(erasure));
    if (subject !== undefined) erasure.left.push('its own item');
  }

  private noteLedger(key: WrittenItem['key'], item: NonNullable<WrittenItem['item']>): void {
    const erasure = this.history.erasures.get(key.pk.slice('erasure#'.length));
    if (erasure === undefined) return;
    const { ledger, slots } = decodeErasureLedger({ key, attributes: item });
    for (const { partition, end, removed } of slots) {
      const name = partitionName(ledger.topicId, partition);
      const fixedAt = erasure.partitions.get(name)?.fixedAt ?? this.history.tick();
      erasure.partitions.set(name, { end, fixedAt, removed });
    }
  }

  /** The names of what holds records that the erasure was to take out. */
  private search(erasure: TrueErasure): string[] {
    const gone = new Set<string>();
    let fixedAt = 0;
    for (const [name, extent] of erasure.partitions) {
      const partition = this.history.partitions.get(name);
      if (partition === undefined) continue;
      fixedAt = Math.max(fixedAt, extent.fixedAt);
      for (const { text } of erasedFrom(erasure, partition))
        for (const [value] of text.matchAll(VALUES)) gone.add(value);
    }
    for (const value of this.staying(erasure)) gone.delete(value);
    if (gone.size === 0) return [];
    this.history.count('records searched for', gone.size);
    // What a producer has sent once more since then is another object of the same records.
    const bornByMs = EPOCH_MS + this.history.msOf(fixedAt) + this.history.plan.skewMsMax;
    return [...this.atRest.all()].flatMap(({ name, bytes }) => {
      const born = parseObjectName(name);
      if (born !== undefined && born.tier !== 'merged' && born.id.birthMs > bornByMs) return [];
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
      const found = [...text.matchAll(VALUES)].find(([value]) => gone.has(value));
      return found === undefined ? [] : [`${name} has ${found[0]}`];
    });
  }

  /** Of records that the erasure is not about: a producer may have sent the same to a topic that was made anew. */
  private *staying(erasure: TrueErasure): Generator<string> {
    for (const partition of this.history.partitions.values()) {
      const erased = new Set(erasedFrom(erasure, partition));
      for (const record of partition.records) {
        if (erased.has(record)) continue;
        for (const [value] of record.text.matchAll(VALUES)) yield value;
      }
    }
  }
}

/** What records have for values, as far as they differ. */
const VALUES = /(?:writer|sequenced|transactional)\d(?:\.\d+)?\/\d+\/\d/g;

/** The records that the erasure is to take out of the partition. */
export function erasedFrom(erasure: TrueErasure, { topicId, partition, records }: TruePartition): TrueRecord[] {
  const { end = 0 } = erasure.partitions.get(partitionName(topicId, partition)) ?? {};
  return records.slice(0, end).filter((record) => isOf(erasure, record));
}

/** Whether a reader that was answered at this moment need not have got the record, as it may have been erased. */
export function mayBeErased(
  { erasures }: LifecycleHistory,
  { topicId, partition, records }: TruePartition,
  { offset, answeredAt }: { offset: number; answeredAt: number },
): boolean {
  const record = records[offset];
  if (record === undefined || erasures.size === 0) return false;
  return [...erasures.values()].some((erasure) => {
    const extent = erasure.partitions.get(partitionName(topicId, partition));
    return extent !== undefined && offset < extent.end && extent.fixedAt <= answeredAt && isOf(erasure, record);
  });
}

function isOf({ subject }: TrueErasure, record: TrueRecord): boolean {
  if (subject === undefined) return false;
  return subject.kind === 'key'
    ? record.key === utf8Text(subject.key)
    : record.subject !== undefined && bytesEqual(utf8(record.subject), subject.value);
}
