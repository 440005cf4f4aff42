/**
 * A stack under steady traffic in compressed time: 1 MiB a second, a 64th of it in each of its bytes
 * (scaled-limits.ts).
 */
// Before all others, which take up what it changes.
import './scaled-limits.ts';

import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { Check, type CheckPlace } from '../../lib/broker/check/check.ts';
import type { CheckCounts } from '../../lib/broker/check/context.ts';
import type { Finding } from '../../lib/broker/check/finding.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { maintain } from '../../lib/broker/maintain.ts';
import { type ProduceRecord, produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { type Clock, systemClock } from '../../lib/kernel/clock.ts';
import { maintenanceLimits } from '../../lib/kernel/limits/maintenance.ts';
import { type Random, randomBelow, seededRandom } from '../../lib/kernel/random.ts';
import type { MetadataStore, TableScan } from '../../lib/storage/metadata/port.ts';
import type { TieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { text } from '../payloads.ts';
import { SCALE } from './scaled-limits.ts';

/**
 * All topics share a flush, as large as one gets: a 64th of 8 MiB. Smaller ones take longer than anyone waits for a
 * bench.
 */
const FLUSH_SECONDS = 8;
const HOUR_MS = 3_600_000;
const KIB = 1_024;

interface Traffic {
  topic: string;
  partitions: number;
  /** A second, of 1 KiB each. */
  records: number;
  /** Of a compacted topic. */
  keys?: number;
  config: Record<string, string>;
}

/** 16 KiB a second, a 64th of 1 MiB. */
const TRAFFIC: readonly Traffic[] = [
  { topic: 'events', partitions: 4, records: 10, config: { 'retention.ms': String(2 * HOUR_MS) } },
  { topic: 'audit', partitions: 1, records: 2, config: { 'retention.ms': String(6 * HOUR_MS) } },
  {
    topic: 'state',
    partitions: 2,
    records: 4,
    keys: 1_000,
    config: { 'cleanup.policy': 'compact', 'delete.retention.ms': String(HOUR_MS) },
  },
];

/** Its time goes on when it is told to; what waits for a store that does not answer waits really. */
class CompressedClock implements Clock {
  private nowMs = Date.UTC(2026, 0, 1);

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }
}

export interface StackStores {
  metadata: MetadataStore & TableScan;
  objects: TieredObjectStore;
}

export class Stack {
  readonly stores: StackStores;
  readonly clock: CompressedClock;
  /** Chores of the maintenance that failed, by name. */
  readonly failed: string[] = [];
  /** Of values; what it would be of all the traffic is `SCALE` times as much. */
  bytesWritten = 0;
  private readonly writer: Broker;
  private readonly maintainer: Broker;
  private readonly random: Random = seededRandom(1);
  private readonly values: Uint8Array[];

  /** `open` gets the clock that the stack goes by. */
  static async open(open: (clock: Clock) => Promise<StackStores>): Promise<Stack> {
    const clock = new CompressedClock();
    const stack = new Stack(await open(clock), clock);
    for (const { topic: name, partitions, config } of TRAFFIC) {
      await createTopic(stack.writer, { name, partitions, config });
    }
    return stack;
  }

  private constructor(stores: StackStores, clock: CompressedClock) {
    this.stores = stores;
    this.clock = clock;
    const broker = (seed: number) =>
      createBroker({ ...stores, compression: nodeCompression, clock, random: seededRandom(seed) });
    this.writer = broker(2);
    this.maintainer = broker(3);
    this.values = Array.from({ length: 16 }, () => utf8(text(this.random, KIB)));
  }

  /** Traffic for so long, with a round of the maintenance every ten minutes; without `isBusy`, the rounds alone. */
  async pass(ms: number, { isBusy = true }: { isBusy?: boolean } = {}): Promise<void> {
    for (let passed = 0; passed < ms; ) {
      const step = isBusy ? FLUSH_SECONDS * 1_000 : maintenanceLimits.maintenanceIntervalMs;
      if (isBusy) await this.write();
      this.clock.pass(step);
      passed += step;
      if (passed % maintenanceLimits.maintenanceIntervalMs === 0) await this.maintain();
    }
  }

  /** To its end. Nothing that nobody refers to is reported before it is `checkGraceMs` old. */
  async check(): Promise<{ findings: Finding[]; counts: CheckCounts }> {
    const check = new Check({ broker: this.maintainer, table: this.stores.metadata });
    const findings: Finding[] = [];
    for (let place: CheckPlace | undefined; ; ) {
      const step = await check.step(place);
      findings.push(...step.findings);
      if (step.next === undefined) return { findings, counts: { ...check.counts } };
      place = step.next;
    }
  }

  private async write(): Promise<void> {
    await Promise.all(TRAFFIC.map((traffic) => this.writeTo(traffic)));
    await settled(this.writer);
  }

  private async writeTo(traffic: Traffic): Promise<void> {
    const records = Array.from({ length: traffic.records * FLUSH_SECONDS }, (_, index) => this.record(traffic, index));
    const outcomes = await produceRecords(this.writer, { topic: traffic.topic, records, acks: 'all' });
    if (outcomes.some(({ outcome }) => outcome !== 'written')) throw new Error('a record was not written');
    this.bytesWritten += records.length * KIB;
  }

  private record({ partitions, keys }: Traffic, index: number): ProduceRecord {
    const value = this.values[randomBelow(this.random, this.values.length)] as Uint8Array;
    if (keys === undefined) return { partition: index % partitions, key: null, value, headers: [] };
    const key = randomBelow(this.random, keys);
    return { partition: key % partitions, key: utf8(`customer-${key}`), value, headers: [] };
  }

  private async maintain(): Promise<void> {
    this.failed.push(...(await maintain(this.maintainer, { table: this.stores.metadata })));
    await settled(this.maintainer);
  }
}

export { SCALE };
