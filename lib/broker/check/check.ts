/**
 * The consistency check: goes through everything that table and bucket have, and says what is missing, contradicts
 * itself, or is referred to by nothing (docs/fsck.md). It changes nothing, and may run while everything else does.
 *
 * It is a walk in steps, each bounded in time and memory, and each saying where the next one begins: a place is a plain
 * value, which another process may go on from. First topic by topic every ledger with what it refers to, then the
 * bucket's objects, then the table's items. What is born behind the walk is the next one's.
 */
import { checkLimits } from '../../kernel/limits/check.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { ledgerCount, type Topic } from '../../log/topic/topic.ts';
import { decodeTopic, TOPIC_DIRECTORY, topicKey } from '../../log/topic/topic-item.ts';
import type { TableScan } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { checkItems } from './check-items.ts';
import { checkLedger } from './check-ledger.ts';
import { checkMergedObject } from './check-merged-object.ts';
import { checkObject } from './check-object.ts';
import { checkSegments } from './check-segments.ts';
import type { CheckContext, CheckCounts } from './context.ts';
import type { Finding } from './finding.ts';
import { KnownTopics } from './known-topics.ts';
import { ObjectSizes } from './object-sizes.ts';
import { ReplicaCopies } from './replica-copies.ts';
import { decoded } from './unreadable.ts';

/** Where a step begins. */
export type CheckPlace =
  /** With the pages of a topic's ledger from one on; or, in the order of names, with the next topic. */
  | { part: 'ledgers'; topic: string; ledger: number; page: number }
  /** With a partition's merged segments from a base offset on. */
  | { part: 'segments'; topic: string; partition: number; from: number; end?: number }
  /** In the bucket: those of flushes first. */
  | { part: 'objects'; tier: 'segments' | 'merged'; cursor?: string }
  | { part: 'items'; cursor?: string };

const FIRST: CheckPlace = { part: 'ledgers', topic: '', ledger: 0, page: 0 };

export interface CheckStep {
  findings: Finding[];
  /** Absent where the walk is over. */
  next?: CheckPlace;
}

export interface CheckOptions {
  broker: Broker;
  table: TableScan;
  /** Reads all bytes too, instead of only what says how many there are. */
  deep?: boolean;
}

export class Check {
  private readonly context: CheckContext;
  private readonly topics: KnownTopics;
  /** An object that several replicas have is listed by each of them. */
  private readonly listed = new LruMap<string, true>(checkLimits.checkObjectsRemembered);

  constructor({ broker, table, deep = false }: CheckOptions) {
    const counts = { ledgers: 0, pages: 0, commits: 0, segments: 0, objects: 0, items: 0, unjudged: 0 };
    const copies = { objects: broker.objects, sizes: new ObjectSizes(broker.objects) };
    this.context = { broker, table, deep, copies, replicas: new ReplicaCopies(broker, counts), counts };
    this.topics = new KnownTopics(broker);
  }

  /** Of all steps so far. */
  get counts(): Readonly<CheckCounts> {
    return this.context.counts;
  }

  /** Throws a `MillraceError` where a store does not answer; the step may be repeated. */
  async step(place: CheckPlace = FIRST): Promise<CheckStep> {
    switch (place.part) {
      case 'ledgers':
        return this.stepLedger(place);
      case 'segments':
        return this.stepSegments(place);
      case 'objects':
        return this.stepObjects(place);
      case 'items':
        return this.stepItems(place.cursor);
    }
  }

  private async stepLedger(place: CheckPlace & { part: 'ledgers' }): Promise<CheckStep> {
    const { metadata } = this.context.broker;
    const query = { pk: TOPIC_DIRECTORY, from: place.topic, limit: 1, consistency: 'strong' as const };
    const name = (await metadata.query(query)).items[0]?.key.sk;
    if (name === undefined) return { findings: [], next: { part: 'objects', tier: 'segments' } };
    const topic = await this.topicOf(name);
    if (topic === undefined) return { findings: [], next: after(name) };
    const { ledger, page } = name === place.topic ? place : { ledger: 0, page: 0 };
    if (ledger >= ledgersIn(topic)) return { findings: [], next: after(name) };
    const { findings, nextPage } = await checkLedger(this.context, { topic, index: ledger, page });
    if (nextPage !== undefined) return { findings, next: { part: 'ledgers', topic: name, ledger, page: nextPage } };
    this.context.counts.ledgers++;
    return { findings, next: { part: 'segments', topic: name, partition: ledger * topic.ledgerPartitions, from: 0 } };
  }

  private async stepSegments(place: CheckPlace & { part: 'segments' }): Promise<CheckStep> {
    const { partition, from, end } = place;
    const topic = await this.topicOf(place.topic);
    if (topic === undefined || partition >= topic.partitions) return { findings: [], next: after(place.topic) };
    const at = { topic, partition, from, ...(end !== undefined && { end }) };
    const { findings, next } = await checkSegments(this.context, at);
    if (next !== undefined) return { findings, next: { ...place, ...next } };
    const following = partition + 1;
    if (following >= topic.partitions) return { findings, next: after(topic.name) };
    if (following % topic.ledgerPartitions !== 0) {
      return { findings, next: { part: 'segments', topic: topic.name, partition: following, from: 0 } };
    }
    const ledger = following / topic.ledgerPartitions;
    return { findings, next: { part: 'ledgers', topic: topic.name, ledger, page: 0 } };
  }

  private async stepObjects({ tier, cursor }: CheckPlace & { part: 'objects' }): Promise<CheckStep> {
    const page = await this.context.broker.objects.list(`${tier}/`, cursor);
    const names = page.objects.map(({ name }) => name).filter((name) => this.listed.get(name) === undefined);
    for (const name of names) this.listed.set(name, true);
    const look = tier === 'merged' ? checkMergedObject : checkObject;
    const findings = (
      await mapBounded(names, checkLimits.checkLooksInFlightMax, (name) => look(this.context, name))
    ).flat();
    if (page.next !== undefined) return { findings, next: { part: 'objects', tier, cursor: page.next } };
    return { findings, next: tier === 'merged' ? { part: 'items' } : { part: 'objects', tier: 'merged' } };
  }

  private async stepItems(cursor: string | undefined): Promise<CheckStep> {
    const { keys, next } = await this.context.table.scanKeys(cursor);
    const findings = await checkItems(this.context, this.topics, keys);
    return next === undefined ? { findings } : { findings, next: { part: 'items', cursor: next } };
  }

  /** `undefined`: there is none now. One whose item cannot be read is found among the items. */
  private async topicOf(name: string): Promise<Topic | undefined> {
    const attributes = await this.context.broker.metadata.get(topicKey(name), 'strong');
    const topic = attributes && decoded(() => decodeTopic(name, attributes)).value;
    return topic?.state === 'ready' ? topic : undefined;
  }
}

/** The smallest name behind this one. */
function after(topic: string): CheckPlace {
  return { part: 'ledgers', topic: `${topic}\0`, ledger: 0, page: 0 };
}

function ledgersIn({ partitions, ledgerPartitions }: Topic): number {
  return ledgerCount(partitions, ledgerPartitions);
}
