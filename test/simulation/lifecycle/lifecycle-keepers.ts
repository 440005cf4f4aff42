/**
 * Who keeps the storage in order: at least two of them at once, each with all chores of the program, in any order and
 * over any of the ledgers; and owners, who delete records and topics.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import { clearLedgers } from '../../../lib/broker/lifecycle/clear-ledgers.ts';
import { compactPartition } from '../../../lib/broker/lifecycle/compact.ts';
import { compactTopics } from '../../../lib/broker/lifecycle/compact-topics.ts';
import { type DeletionEnd, deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { finishDeletions } from '../../../lib/broker/lifecycle/finish-deletions.ts';
import { mergeLedgers } from '../../../lib/broker/lifecycle/merge-ledgers.ts';
import { mergePages } from '../../../lib/broker/lifecycle/merge-pages.ts';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { retainTopics } from '../../../lib/broker/lifecycle/retain-topics.ts';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import type { MergePolicy } from '../../../lib/log/merged/due.ts';
import type { Topic } from '../../../lib/log/topic/topic.ts';
import { ledgersOf } from '../../../lib/log/topic/topic-writes.ts';
import { EPOCH_MS, type Scheduler } from '../scheduler.ts';
import { LifecycleErasers } from './lifecycle-erasers.ts';
import type { LifecycleHistory, Place } from './lifecycle-history.ts';
import type { Actor } from './lifecycle-processes.ts';
import { configOf, type TopicPlan } from './lifecycle-settings.ts';
import { ifPossible } from './lifecycle-writers.ts';

interface Site {
  scheduler: Scheduler;
  history: LifecycleHistory;
  places: readonly Place[];
}

type Chore = (broker: Broker) => Promise<void>;

const MERGES_MAX = 4;
const SWEEPS = 2;
const MINUTE_MS = 60_000;

export class LifecycleKeepers {
  private readonly site: Site;
  private readonly random: Random;
  private readonly erasers: LifecycleErasers;

  constructor(site: Site) {
    this.site = site;
    this.random = site.scheduler.random;
    this.erasers = new LifecycleErasers(site.history, this.random);
  }

  /** Most of the chores, at the same time or one after the other. */
  async keep({ broker, process }: Actor): Promise<void> {
    const chores = this.chores().filter(() => this.random.fraction() < 0.6);
    const works = chores.toSorted(() => this.random.fraction() - 0.5).map(([, run]) => run);
    if (this.random.fraction() < 0.5) {
      await Promise.all(works.map((run) => ifPossible(() => run(broker))));
      return;
    }
    for (const run of works) {
      await ifPossible(() => run(broker));
      await this.site.scheduler.pause(process, this.random.fraction() * 100);
    }
  }

  /** Looks again and again while others are at work. */
  async sweepOften({ broker, process }: Actor): Promise<void> {
    for (let look = 0; look < SWEEPS; look++) {
      await ifPossible(() => this.sweepSome(broker));
      await this.site.scheduler.pause(process, this.random.fraction() * 1_000);
    }
  }

  /** All of them to their ends, as they are without haste. Says whether that may have left something to do. */
  async keepAll({ broker }: Actor): Promise<boolean> {
    let made = 0;
    await this.ofLedgers(broker, async (topic, ledger) => {
      const { segments } = await mergePages(broker, { topic, ledger });
      made += segments;
      for (const partition of partitionsOf(topic, ledger)) {
        made += (await mergeSegments(broker, { topic, ledger, partition })).segments;
      }
    });
    const before = this.changed;
    for (const [name, run] of this.chores()) if (name !== 'merge') await run(broker);
    made += this.changed - before;
    return made > 0 || this.erasers.isAtWork;
  }

  /**
   * What leaves work to the rounds after: what is replaced or dropped is condemned first, and what is below a start is
   * dropped next.
   */
  private get changed(): number {
    const kinds = ['records compacted', 'segments dropped', 'starts moved'];
    return kinds.reduce((sum, kind) => sum + (this.site.history.counts.get(kind) ?? 0), 0);
  }

  /** Deletes records, and a topic, which it makes again. */
  async own(actor: Actor): Promise<void> {
    const { broker } = actor;
    await this.erasers.ask(actor);
    for (const topic of this.site.history.plan.topics) {
      if (topic.deletesRecords && this.random.fraction() < 0.25) await ifPossible(() => this.deleteSome(broker, topic));
      if (topic.passes && this.random.fraction() < 0.3) await ifPossible(() => deleteTopic(broker, topic.name));
      if (topic.passes && this.random.fraction() < 0.7) await ifPossible(() => this.create(broker, topic));
    }
  }

  async create(broker: Broker, topic: TopicPlan): Promise<void> {
    const { name, partitions } = topic;
    await createTopic(broker, { name, partitions, config: configOf(topic) });
  }

  private chores(): [string, Chore][] {
    const { history } = this.site;
    return [
      ['merge', (broker) => this.ofLedgers(broker, (topic, ledger) => this.merge(broker, topic, ledger))],
      [
        'merge what is due',
        async (broker) => {
          const { pages, remerged } = await mergeLedgers(broker);
          history.count('pages merged', pages);
          history.count('segments merged', remerged);
        },
      ],
      [
        'clear',
        async (broker) => {
          const { pages, segments, objects } = await clearLedgers(broker);
          history.count('segments dropped', segments);
          history.count('pages retired', pages);
          history.count('objects cleared', objects);
        },
      ],
      ['compact', (broker) => this.compact(broker)],
      ['retain', async (broker) => history.count('starts moved', (await retainTopics(broker)).moved)],
      [
        'finish deletions',
        async (broker) => history.count('deletions finished', (await finishDeletions(broker)).finished),
      ],
      ['erase', (broker) => this.erasers.carryOut(broker)],
      ['sweep onward', (broker) => this.erasers.sweepOnward(broker)],
      ['sweep', async (broker) => history.count('objects swept', (await this.sweep(broker)).deleted)],
    ];
  }

  /** Pages, and then small segments, of which few are small for long. */
  private async merge(broker: Broker, topic: Topic, ledger: LedgerId): Promise<void> {
    const { history } = this.site;
    for (let step = 0; step < MERGES_MAX; step++) {
      const { outcome, pages } = await mergePages(broker, { topic, ledger, policy: this.somePolicy() });
      history.count(`merges ${outcome}`);
      history.count('pages merged', pages);
      if (outcome === 'blocked') this.noteBlocked(topic.name);
      if (outcome !== 'merged') break;
    }
    for (const partition of partitionsOf(topic, ledger)) {
      // Often just so much that some are full and others are not.
      const targetBytes = Math.floor(800 * 20 ** this.random.fraction());
      const { outcome, segments } = await mergeSegments(broker, { topic, ledger, partition, targetBytes });
      history.count(`merges of segments ${outcome}`);
      history.count('segments merged', segments);
      if (outcome === 'blocked') this.noteBlocked(topic.name);
    }
  }

  /** Sometimes with memory for few keys, so that it takes several passes; and as the program does it. */
  private async compact(broker: Broker): Promise<void> {
    const { history } = this.site;
    for (const { name, deleteRetentionMs, partitions } of history.plan.topics) {
      if (deleteRetentionMs === undefined) continue;
      const topic = await broker.topics.get(name);
      const bounds = {
        keyBytesMax: this.random.fraction() < 0.3 ? 600 : 64_000,
        dirtyBytesMax: randomBelow(this.random, 12_000),
      };
      for (let partition = 0; partition < partitions; partition++) {
        const { outcome, records } = await compactPartition(broker, { topic, partition, bounds });
        history.count(`compactions ${outcome}`);
        history.count('records compacted', records);
        if (outcome === 'unreadable') history.failures.push(`the compaction of ${name} ${partition} is blocked`);
      }
    }
    history.count('records compacted', (await compactTopics(broker)).records);
  }

  /** What a topic has goes while it is deleted. */
  private noteBlocked(topic: string): void {
    const { plan, failures } = this.site.history;
    if (plan.topics.some(({ name, passes }) => name === topic && passes)) return;
    failures.push(`the merging of ${topic} is blocked`);
  }

  /** Few pages are enough, and a step takes some of them: no two need to agree. */
  private somePolicy(): MergePolicy {
    const pagesMin = 1 + randomBelow(this.random, 5);
    const stepBytesMax = this.random.fraction() < 0.4 ? 0 : randomBelow(this.random, 12_000);
    return { bytesMin: 8_000, pagesMin, ageMsMin: 25 * MINUTE_MS, stepBytesMax };
  }

  /** Mostly of what is young, where it matters who comes first. */
  private sweepSome(broker: Broker) {
    if (this.random.fraction() < 0.2) return this.sweep(broker);
    return this.sweep(broker, EPOCH_MS + this.site.scheduler.nowMs - this.random.fraction() * 90 * MINUTE_MS);
  }

  private sweep(broker: Broker, fromMs = EPOCH_MS - 10 * MINUTE_MS) {
    const { orphanAgeMs } = this.site.history.plan;
    return sweep(broker, { fromMs, toMs: broker.clock.now(), orphanAgeMs });
  }

  private async ofLedgers(broker: Broker, work: (topic: Topic, ledger: LedgerId) => Promise<void>): Promise<void> {
    for (const { name } of this.site.history.plan.topics) {
      const topic = await ifPossible(() => broker.topics.get(name));
      for (const ledger of topic === undefined ? [] : ledgersOf(topic))
        await ifPossible(() => work(topic as Topic, ledger));
    }
  }

  private async deleteSome(broker: Broker, { name, partitions }: TopicPlan): Promise<void> {
    const { history } = this.site;
    const deletions = Array.from({ length: partitions }, (_, partition) => {
      const before = this.someEnd({ topic: name, partition });
      const event = { topic: name, partition, askedAt: history.tick() };
      history.deletions.push({ ...event, before: before.at === 'offset' ? before.offset : undefined });
      return { partition, before };
    });
    await deleteRecords(broker, { topic: name, partitions: deletions });
    history.count('deletions of records');
  }

  private someEnd(place: Place): DeletionEnd {
    const { history, scheduler } = this.site;
    const lot = this.random.fraction();
    if (lot < 0.05) return { at: 'high-watermark' };
    if (lot < 0.3) {
      const timestampMs = EPOCH_MS + Math.floor(scheduler.nowMs - (1 + this.random.fraction()) * 60 * MINUTE_MS);
      return { at: 'timestamp', timestampMs: Math.max(0, timestampMs) };
    }
    const known = history.latest(place)?.records.length ?? 0;
    return { at: 'offset', offset: randomBelow(this.random, Math.max(1, Math.floor(known * 0.7))) };
  }
}

function partitionsOf({ partitions, ledgerPartitions }: Topic, { index }: LedgerId): number[] {
  const first = index * ledgerPartitions;
  return Array.from({ length: Math.min(ledgerPartitions, partitions - first) }, (_, slot) => first + slot);
}
