/**
 * One simulated history: several processes with the real use cases over shared stores, each doing its work while calls
 * fail and processes crash and freeze; then peace, a last sweep, and a fresh process that reads everything.
 */

import { type Broker, createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { createTopic } from '../../lib/broker/create-topic.ts';
import { fetchRecords } from '../../lib/broker/fetch.ts';
import { listOffsets } from '../../lib/broker/list-offsets.ts';
import { produceRecords } from '../../lib/broker/produce.ts';
import { sweep } from '../../lib/broker/sweep.ts';
import { utf8, utf8Text } from '../../lib/kernel/bytes.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow, seededRandom } from '../../lib/kernel/random.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { check, type Violation } from './checkers.ts';
import { type FetchEvent, History, type ProduceEvent } from './history.ts';
import { anyWeather, Network, NO_FAULTS } from './network.ts';
import { PassingTopics } from './passing-topics.ts';
import { type PlantName, plantOf } from './plants.ts';
import { EPOCH_MS, Scheduler, SimulatedProcess } from './scheduler.ts';
import { metadataOver, objectsOver, SharedTable } from './stores.ts';

export interface HistoryOptions {
  seed: number;
  plant?: PlantName;
  /** What stands for the bucket; memory by default, which is faster. Empty, and closed by the caller. */
  bucket?: ObjectStore;
  /** Called with every step, for a replay. */
  trace?: (line: string) => void;
}

export interface HistoryResult {
  seed: number;
  violations: Violation[];
  /** Sums up every step; equal for equal runs. */
  fingerprint: number;
  events: number;
  acked: number;
  /** Topics that were deleted, for sure. */
  deleted: number;
  faults: Record<string, number>;
}

/** Runs one history. The same options give the same result, step by step. */
export async function simulate(options: HistoryOptions): Promise<HistoryResult> {
  return new World(options).run();
}

const EVENTS_MAX = 60_000;
const ORPHAN_AGE_MS = 1_500;
const TOPIC = 'simulated';

class World {
  private readonly seed: number;
  private readonly plant: PlantName | undefined;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly network: Network;
  private readonly history = new History();
  private readonly store: MetadataStore;
  private readonly table: SharedTable;
  private readonly bucket: ObjectStore;
  private readonly partitions: number;
  /** Records of inline size only, of segment size only, or both. */
  private readonly inlineBytesMax: number;
  private readonly keeper = new SimulatedProcess('keeper');
  private readonly passing: PassingTopics;
  private fingerprint = 0;
  private working = 0;
  private processes = 0;
  private fault: unknown;

  constructor({ seed, plant, trace, bucket = createMemoryObjectStore() }: HistoryOptions) {
    this.seed = seed;
    this.plant = plant;
    this.random = seededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    this.network = new Network(this.scheduler, (line) => {
      for (let index = 0; index < line.length; index++) {
        this.fingerprint = (Math.imul(this.fingerprint, 31) + line.charCodeAt(index)) | 0;
      }
      trace?.(line);
    });
    this.passing = new PassingTopics(this.history, this.scheduler);
    this.store = openSqliteMetadataStore({ path: ':memory:' });
    this.table = new SharedTable(this.store, this.scheduler);
    this.bucket = bucket;
    this.partitions = 1 + randomBelow(this.random, 3);
    this.inlineBytesMax = [0, 400, 4_096][randomBelow(this.random, 3)] as number;
  }

  async run(): Promise<HistoryResult> {
    try {
      await this.storm();
      await this.peace();
    } finally {
      await this.store.close();
    }
    const acked = this.history.produces.filter(({ answer }) => answer.kind === 'acked').length;
    return {
      seed: this.seed,
      violations: check(this.history),
      fingerprint: this.fingerprint,
      events: this.scheduler.events,
      acked,
      deleted: this.history.passing.topics.filter(({ action, answer }) => action === 'delete' && answer.kind === 'done')
        .length,
      faults: Object.fromEntries(this.network.counts),
    };
  }

  /** The processes do their work, with faults. */
  private async storm(): Promise<void> {
    const founder = this.broker(new SimulatedProcess('founder'));
    const config = { 'ledger.partitions': 1 + randomBelow(this.random, 3) };
    await this.complete(
      createTopic(founder, { name: TOPIC, partitions: this.partitions, config }).then(() => undefined),
    );
    this.network.rates = anyWeather(this.random);
    const writers = 2 + randomBelow(this.random, 3);
    const requests = 60 + randomBelow(this.random, 60);
    for (let index = 0; index < writers; index++)
      this.start(`writer${index}`, (b, p) => this.write(b, p, Math.ceil(requests / writers)));
    for (let index = 0; index < 2; index++) this.start(`reader${index}`, (b, p) => this.read(b, p));
    this.start('sweeper', (b, p) => this.sweepOften(b, p));
    for (let index = 0; index < 2; index++) this.start(`owner${index}`, (b, p) => this.passing.own(b, p));
    await this.until(() => this.working === 0);
  }

  /** No more faults: everything that was under way ends; then the log is read by someone who has seen nothing. */
  private async peace(): Promise<void> {
    this.network.rates = NO_FAULTS;
    await this.until(() => false);
    await this.complete(this.scheduler.pause(this.keeper, ORPHAN_AGE_MS * 4));
    await this.complete(this.lastSweep(this.broker(new SimulatedProcess('last sweeper'))));
    const auditor = new SimulatedProcess('auditor');
    await this.complete(this.audit(this.broker(auditor)));
    await this.complete(this.passing.audit(this.broker(auditor), auditor));
    if (this.fault !== undefined) throw this.fault;
  }

  /** Starts a process that may crash and freeze; a crashed one is followed by another that has seen nothing. */
  private start(name: string, work: (broker: Broker, process: SimulatedProcess) => Promise<void>): void {
    this.working++;
    const skewMs = randomBelow(this.random, 200) - 100;
    const process = new SimulatedProcess(`${name}.${this.processes++}`, skewMs);
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      this.working--;
    };
    work(this.broker(process), process).then(end, (error: unknown) => {
      this.fault ??= error;
      end();
    });
    const fate = this.random.fraction();
    if (fate < 0.25) {
      this.scheduler.schedule(this.keeper, this.random.fraction() * 1_500, () => {
        if (ended) return;
        process.alive = false;
        end();
        if (this.processes < 24) this.start(name, work);
      });
    } else if (fate < 0.5) {
      this.scheduler.schedule(this.keeper, this.random.fraction() * 1_500, () => {
        process.frozenUntilMs = this.scheduler.nowMs + this.random.fraction() * 6_000;
      });
    }
  }

  private broker(process: SimulatedProcess): Broker {
    const site = { scheduler: this.scheduler, process, table: this.table };
    const plant = plantOf(this.plant);
    const parts = { process, network: this.network };
    const honest = metadataOver(this.table, parts);
    const metadata = plant?.metadata?.(honest, site) ?? honest;
    const honestBucket = objectsOver(this.bucket, parts);
    const bucket = plant?.bucket?.(honestBucket, site) ?? honestBucket;
    const clock = this.scheduler.clockOf(process);
    const objects = createTieredObjectStore({
      inline: createInlineObjectStore({ metadata, clock }),
      bucket,
      inlineBytesMax: this.inlineBytesMax,
    });
    return createBroker({ metadata, objects, compression: nodeCompression, clock, random: this.random });
  }

  private async write(broker: Broker, process: SimulatedProcess, requests: number): Promise<void> {
    const lanes = 1 + randomBelow(this.random, 3);
    let left = requests;
    const lane = async () => {
      while (left-- > 0) {
        await this.produceOnce(broker, process, left);
        if (this.random.fraction() < 0.15) await this.passing.produceOnce(broker, process);
        if (this.random.fraction() < 0.2) await this.scheduler.pause(process, this.random.fraction() * 100);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  private async produceOnce(broker: Broker, process: SimulatedProcess, number: number): Promise<void> {
    const partition = randomBelow(this.random, this.partitions);
    const count = 1 + randomBelow(this.random, 3);
    const values = Array.from({ length: count }, (_, index) => `${process.name}/${number}/${index}`);
    const expectedOffset = this.random.fraction() < 0.1 ? this.guessNext(partition) : undefined;
    const event: ProduceEvent = {
      writer: process.name,
      topic: TOPIC,
      partition,
      values,
      askedAt: this.history.tick(),
      expectedOffset,
      answer: { kind: 'none' },
    };
    this.history.produces.push(event);
    // Some values are padded, so that a request may be of inline or of segment size.
    const padding = this.random.fraction() < 0.3 ? 'x'.repeat(600) : '';
    const records = values.map((value) => ({ partition, key: null, value: utf8(value + padding), headers: [] }));
    try {
      const [first] = await produceRecords(broker, { topic: TOPIC, records, acks: 'all', expectedOffset });
      const answeredAt = this.history.tick();
      if (first?.outcome === 'written') event.answer = { kind: 'acked', baseOffset: first.offset, answeredAt };
      if (first?.outcome === 'failed') {
        event.answer = { kind: 'failed', code: first.error.code, effect: first.error.effect, answeredAt };
      }
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      event.answer = { kind: 'failed', code: error.code, effect: error.effect, answeredAt: this.history.tick() };
    }
  }

  /** One past what was acked last, which somebody may have gone beyond. */
  private guessNext(partition: number): number {
    const acked = this.history.produces.flatMap(({ answer, partition: p, values }) =>
      answer.kind === 'acked' && p === partition ? [answer.baseOffset + values.length] : [],
    );
    return Math.max(0, ...acked);
  }

  /** Follows each partition from the start, and now and then asks for the end, until the writers are done. */
  private async read(broker: Broker, process: SimulatedProcess): Promise<void> {
    const follow = async (partition: number) => {
      let offset = 0;
      for (let fetches = 0; fetches < 60; fetches++) {
        const next = await this.fetchOnce(broker, process, partition, offset);
        // A reader may also look elsewhere: at what was acked last, which its own head may not know of.
        if (this.random.fraction() < 0.2) {
          const acked = this.guessNext(partition);
          if (acked > 0) await this.fetchOnce(broker, process, partition, acked - 1);
        }
        if (this.random.fraction() < 0.1) await this.latestOnce(broker, process, partition);
        if (this.random.fraction() < 0.1) await this.passing.readOnce(broker, process);
        offset = next;
        await this.scheduler.pause(process, this.random.fraction() * 60);
      }
    };
    await Promise.all(Array.from({ length: this.partitions }, (_, partition) => follow(partition)));
  }

  private async fetchOnce(
    broker: Broker,
    process: SimulatedProcess,
    partition: number,
    offset: number,
  ): Promise<number> {
    const event: FetchEvent = {
      reader: process.name,
      topic: TOPIC,
      partition,
      offset,
      askedAt: this.history.tick(),
      answer: { kind: 'none' },
    };
    this.history.fetches.push(event);
    const waitMs = this.random.fraction() < 0.3 ? randomBelow(this.random, 500) : 0;
    try {
      const fetched = await fetchRecords(broker, {
        topic: TOPIC,
        partition,
        position: { at: 'offset', offset },
        maxBytes: 200 + randomBelow(this.random, 4_000),
        maxRecords: 1 + randomBelow(this.random, 40),
        minBytes: 1,
        waitMs,
      });
      const values = fetched.records.map((record) => ({ offset: record.offset, value: textOf(record.value) }));
      const { nextOffset, highWatermark } = fetched;
      event.answer = { kind: 'records', values, nextOffset, highWatermark };
      return nextOffset;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      event.answer =
        error.code === 'OFFSET_OUT_OF_RANGE'
          ? { kind: 'outOfRange', highWatermark: error.facts.highWatermark ?? -1 }
          : { kind: 'failed', code: error.code };
      return offset;
    }
  }

  private async latestOnce(broker: Broker, process: SimulatedProcess, partition: number): Promise<void> {
    const askedAt = this.history.tick();
    try {
      const { offset } = await listOffsets(broker, { topic: TOPIC, partition, at: { at: 'latest' } });
      this.history.latests.push({ reader: process.name, topic: TOPIC, partition, askedAt, latest: offset ?? -1 });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
    }
  }

  private async sweepOften(broker: Broker, process: SimulatedProcess): Promise<void> {
    for (let pass = 0; pass < 8; pass++) {
      await this.scheduler.pause(process, 200 + this.random.fraction() * 1_200);
      await this.sweepOnce(broker).catch((error: unknown) => {
        if (!(error instanceof MillraceError)) throw error;
      });
    }
  }

  private sweepOnce(broker: Broker) {
    const toMs = broker.clock.now();
    return sweep(broker, { fromMs: EPOCH_MS - 1_000, toMs, orphanAgeMs: ORPHAN_AGE_MS });
  }

  /** After it, everything that is stored is in a ledger: a second sweep finds nothing to delete. */
  private async lastSweep(broker: Broker): Promise<void> {
    await this.sweepOnce(broker);
    const { deleted } = await this.sweepOnce(broker);
    if (deleted > 0) this.history.orphans.push(`${deleted} objects of a second sweep`);
  }

  private async audit(broker: Broker): Promise<void> {
    for (let partition = 0; partition < this.partitions; partition++) {
      const values: { offset: number; value: string }[] = [];
      const { offset: latest } = await listOffsets(broker, { topic: TOPIC, partition, at: { at: 'latest' } });
      const highWatermark = latest ?? 0;
      let failure: string | undefined;
      for (let offset = 0; offset < highWatermark && failure === undefined; ) {
        try {
          const position = { at: 'offset' as const, offset };
          const request = {
            topic: TOPIC,
            partition,
            position,
            maxBytes: 50_000,
            maxRecords: 500,
            minBytes: 1,
            waitMs: 0,
          };
          const fetched = await fetchRecords(broker, request);
          for (const record of fetched.records) values.push({ offset: record.offset, value: textOf(record.value) });
          if (fetched.nextOffset <= offset) failure = `the fetch of ${offset} does not advance`;
          offset = fetched.nextOffset;
        } catch (error) {
          failure = `offset ${offset}: ${String(error)}`;
        }
      }
      this.history.finals.push({ topic: TOPIC, partition, highWatermark, values, failure });
    }
  }

  private async complete(work: Promise<void>): Promise<void> {
    let state: 'running' | 'done' | 'failed' = 'running';
    work.then(
      () => (state = 'done'),
      (error: unknown) => {
        state = 'failed';
        this.fault ??= error;
      },
    );
    await this.until(() => state !== 'running');
    if (this.fault !== undefined) throw this.fault;
    if (state === 'running') throw new Error(`history ${this.seed} came to rest before its work was done`);
  }

  private async until(done: () => boolean): Promise<void> {
    const end = await this.scheduler.run(done, EVENTS_MAX);
    if (end === 'limit') throw new Error(`history ${this.seed} does not end within ${EVENTS_MAX} events`);
  }
}

/** The value without its padding. */
function textOf(value: Uint8Array | null): string {
  return (value === null ? 'null' : (utf8Text(value) ?? 'binary')).replace(/x*$/, '');
}
