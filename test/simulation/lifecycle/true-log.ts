/**
 * The log as it was committed: every record of every partition that there ever was, and where each partition begins.
 * Taken from the shared stores themselves, right after each write of them; no process and no fault is between them and
 * it, and nothing that is deleted later is deleted here.
 */
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { assert } from '../../../lib/kernel/assert.ts';
import { concatBytes, toBase64Url, toHex, utf8Text } from '../../../lib/kernel/bytes.ts';
import type { LedgerId, TopicId } from '../../../lib/kernel/ids.ts';
import type { Attributes, ItemKey } from '../../../lib/kernel/items.ts';
import { bundleKey, decodeBundleItem, isBundle, isBundleKey } from '../../../lib/log/ledger/bundle.ts';
import { type Commit, idOf } from '../../../lib/log/ledger/commit.ts';
import { decodeHead, isHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import { decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import type { LogRecord } from '../../../lib/log/record-batch/record.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import type { Topic } from '../../../lib/log/topic/topic.ts';
import { decodeTopic } from '../../../lib/log/topic/topic-item.ts';
import { decodeInline, INLINE_PREFIX } from '../../../lib/storage/objects/inline-item.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';
import { uploadOf } from '../../../lib/storage/objects/upload.ts';
import type { WrittenItem } from '../table-watch.ts';
import type { AtRest } from './at-rest.ts';
import { SUBJECT_HEADER } from './erasure-watch.ts';
import { type LifecycleHistory, partitionName, type TruePartition } from './lifecycle-history.ts';

/** Everything of a record that must stay as it is, as one text. */
export function textOf({ timestamp, key, value, headers }: Omit<LogRecord, 'offset'>): string {
  const text = (bytes: Uint8Array | null) => (bytes === null ? 'null' : (utf8Text(bytes) ?? toBase64Url(bytes)));
  const more = headers.map((header) => `${header.key}=${text(header.value)}`).join(',');
  return `${timestamp}|${text(key)}|${text(value)}|${more}`;
}

function subjectOf({ headers }: LogRecord): { subject?: string } {
  const value = headers.find(({ key }) => key === SUBJECT_HEADER)?.value;
  return value ? { subject: utf8Text(value) ?? '' } : {};
}

export class TrueLog {
  private readonly history: LifecycleHistory;
  private readonly nowMs: () => number;
  /** By name, whatever was ever stored. */
  private readonly objects = new Map<string, Uint8Array>();
  private readonly bundles = new Map<string, Attributes>();
  /** By ledger, the ids of all commits. */
  private readonly commits = new Map<string, Set<string>>();
  private readonly topics = new Map<TopicId, Topic>();

  constructor(history: LifecycleHistory, nowMs: () => number) {
    this.history = history;
    this.nowMs = nowMs;
  }

  /** The bucket that all processes share, watched. */
  watching(bucket: ObjectStore, atRest: AtRest): ObjectStore {
    const put: ObjectStore['put'] = async (name, chunks) => {
      const bytes = concatBytes(chunks);
      await bucket.put(name, [bytes]);
      this.objects.set(name, bytes);
      atRest.put(name, bytes);
    };
    return {
      put,
      upload: (name) => {
        const sent: Uint8Array[] = [];
        return uploadOf({
          write: async (chunks) => {
            sent.push(...chunks.map((chunk) => chunk.slice()));
          },
          finish: () => put(name, sent),
          drop: async () => {},
        });
      },
      getRange: (name, range) => bucket.getRange(name, range),
      getTail: (name, length) => bucket.getTail(name, length),
      delete: async (names) => {
        await bucket.delete(names);
        atRest.delete(names);
      },
      archive: (name, storageClass) => bucket.archive(name, storageClass),
      list: (prefix, cursor) => bucket.list(prefix, cursor),
      presign: (name, range, expiresInMs) => bucket.presign(name, range, expiresInMs),
    };
  }

  /** What one write has made of its items. */
  note(written: readonly WrittenItem[]): void {
    for (const { key, item } of written) {
      if (item === undefined) continue;
      if (key.pk.startsWith('inline#')) this.noteInline(key, item);
      else if (key.pk.startsWith('topic#') && key.sk === 'config') this.noteTopic(key, item);
      else if (isBundleKey(key)) this.bundles.set(`${key.pk}/${key.sk}`, item);
    }
    for (const { key, item } of written) if (item !== undefined && isHead(key)) this.noteHead(key, decodeHead(item));
  }

  private noteInline({ pk, sk }: ItemKey, item: Attributes): void {
    const bytes = decodeInline(item);
    if (bytes !== undefined) this.objects.set(`${INLINE_PREFIX}${pk.split('#')[1]}/${sk}`, bytes);
  }

  private noteTopic({ pk }: ItemKey, item: Attributes): void {
    const topic = decodeTopic(pk.slice('topic#'.length), item);
    if (this.topics.has(topic.topicId)) return;
    this.topics.set(topic.topicId, topic);
    const { topics, partitions } = this.history;
    topics.set(topic.name, [...(topics.get(topic.name) ?? []), topic.topicId]);
    for (let partition = 0; partition < topic.partitions; partition++) {
      const { topicId, name } = topic;
      partitions.set(partitionName(topicId, partition), { topicId, topic: name, partition, records: [], starts: [] });
    }
  }

  private noteHead({ pk }: ItemKey, head: LedgerHead): void {
    const [, topicId = '', index = ''] = pk.split('#');
    const ledger = { topicId, index: Number(index) };
    const moment = this.history.tick();
    const known = this.commits.get(pk) ?? new Set();
    this.commits.set(pk, known);
    for (const commit of head.tail) {
      const id = toHex(idOf(commit));
      if (known.has(id)) continue;
      known.add(id);
      for (const each of this.commitsOf(ledger, commit)) this.noteCommit(ledger, each, moment);
    }
    for (const [slot, start] of head.start.entries()) {
      const partition = this.partitionOf(ledger, slot);
      if (partition === undefined) continue;
      const { records, starts, topic } = partition;
      if (records.length !== head.next[slot]) {
        this.history.impossible.push(
          `${topic} ${partition.partition} has ${records.length} records, and next is ${head.next[slot]}`,
        );
      }
      if (start !== (starts.at(-1)?.start ?? 0)) starts.push({ moment, atMs: this.nowMs(), start });
    }
  }

  private commitsOf(ledger: LedgerId, commit: Commit): Commit[] {
    if (!isBundle(commit)) return [commit];
    return Array.from({ length: commit.bundle }, (_, number) => {
      const { pk, sk } = bundleKey(ledger, commit, number);
      return decodeBundleItem(this.bundles.get(`${pk}/${sk}`) ?? {});
    }).flat();
  }

  private noteCommit(ledger: LedgerId, { tier, object, position, runs }: Commit, moment: number): void {
    const name = objectName(tier, object);
    const bytes = this.objects.get(name);
    assert(bytes !== undefined, `${name} was stored before it was committed`);
    let at = position;
    for (const run of runs) {
      const partition = this.partitionOf(ledger, run.slot);
      assert(partition !== undefined, `slot ${run.slot} of ${ledger.topicId} ${ledger.index} is a partition's`);
      const chunk = bytes.subarray(at, at + run.bytes);
      at += run.bytes;
      for (const { position: start, sizeBytes } of batchHeaders(chunk)) {
        for (const [index, record] of decodeBatch(chunk, start, nodeCompression).entries()) {
          const batchBytes = index === 0 ? sizeBytes : 0;
          partition.records.push({
            text: textOf(record),
            timestamp: record.timestamp,
            key: utf8Text(record.key ?? new Uint8Array()) ?? '',
            ...subjectOf(record),
            isTombstone: record.value === null,
            batchBytes,
            moment,
            atMs: this.nowMs(),
          });
        }
      }
    }
  }

  private partitionOf({ topicId, index }: LedgerId, slot: number): TruePartition | undefined {
    const topic = this.topics.get(topicId);
    if (topic === undefined || slot >= topic.ledgerPartitions) return undefined;
    return this.history.partitions.get(partitionName(topicId, index * topic.ledgerPartitions + slot));
  }
}
