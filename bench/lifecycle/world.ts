/**
 * A deployment in virtual time, for what the storage lifecycle costs: the embedded table with its units counted by
 * DynamoDB's rules, and the real S3 adapter over files with its requests counted. Every call takes as long as
 * bench/dollars.ts says.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import type { MetadataStore, TableScan } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { createS3ObjectStore } from '../../lib/storage/objects/s3.ts';
import { Spool, type SpoolOptions } from '../../lib/storage/objects/spool.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { Scheduler, SimulatedProcess } from '../../test/simulation/scheduler.ts';
import { Meter, meteredTable } from '../counted/triggers-stores.ts';
import type { Use } from '../counted/triggers-use.ts';
import { ASSUMED_MS, addCounts, scaleCounts } from '../dollars.ts';
import { createFileS3 } from './file-s3.ts';

const EVENTS_MAX = 50_000_000;

/** What the maintenance uses of its disk (lib/infra/millrace-maintenance.ts, `storageLimits.spoolPercent`). */
export const DISK_BYTES = 9 * 2 ** 30;

export class LifecycleWorld {
  readonly scheduler = new Scheduler(seededRandom(1));
  readonly table: MetadataStore & TableScan = openSqliteMetadataStore({ path: ':memory:' });
  private readonly meter = new Meter();
  private readonly process = new SimulatedProcess('process');
  private readonly directory: string;
  private started = 0;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(join(directory, 'objects'), { recursive: true });
  }

  /** A process that has just started; with `hasDisk` one with the disk of the function that merges. */
  startProcess({ hasDisk = false }: { hasDisk?: boolean } = {}): Broker {
    const { scheduler, process, meter } = this;
    const spool = hasDisk ? new WorldSpool(scheduler, { directory: this.directory, bytesMax: DISK_BYTES }) : undefined;
    const clock = scheduler.clockOf(process);
    const random = seededRandom(++this.started);
    const call = async <T>(what: 'table' | 'bucket', work: () => Promise<T>): Promise<T> => {
      const half = (what === 'table' ? ASSUMED_MS.tableCall : ASSUMED_MS.bucketCall) / 2;
      await scheduler.pause(process, half);
      const result = await scheduler.within(work);
      await scheduler.pause(process, half);
      return result;
    };
    const metadata = meteredTable(this.table, { call, meter, onChange: () => {} });
    const client = createFileS3(this.directory, async (as, answer) => {
      meter.add({ puts: as === 'put' ? 1 : 0, gets: as === 'get' ? 1 : 0, bucketCalls: 1 });
      const answered = await call('bucket', answer);
      // Streams take turns of the thread, in which virtual time must not go on.
      const body = answered instanceof Object && 'Body' in answered ? answered.Body : undefined;
      if (body instanceof Readable) void scheduler.within(() => finished(body).catch(() => {}));
      return answered;
    });
    const bucket = withoutSignatures(createS3ObjectStore({ client, bucket: 'b', clock, random, spool }));
    const inline = createInlineObjectStore({ metadata, clock, random });
    const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: storageLimits.inlineBytesMaxDefault });
    return createBroker({ metadata, objects, compression: nodeCompression, clock, random, spool });
  }

  /** Lets time pass until the work is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const settle = () => {
      isDone = true;
    };
    work.then(settle, settle);
    const ended = await this.scheduler.run(() => isDone, EVENTS_MAX);
    if (ended !== 'done') throw new Error(`the work is not done, and the world is ${ended}`);
    return work;
  }

  pause(ms: number): Promise<void> {
    return this.scheduler.pause(this.process, ms);
  }

  /** What it used as one invocation: the time is what it waited for the stores, and the CPU that it took. */
  async use(broker: Broker, work: () => Promise<unknown>): Promise<Use> {
    const [before, begunMs, cpu] = [this.meter.counts, this.scheduler.nowMs, process.cpuUsage()];
    await this.run(work().then(() => settled(broker)));
    const { user, system } = process.cpuUsage(cpu);
    const ms = this.scheduler.nowMs - begunMs + (user + system) / 1_000;
    return { invocations: 1, ms, counts: addCounts(this.meter.counts, scaleCounts(before, -1)) };
  }

  close(): Promise<void> {
    return this.table.close();
  }
}

/** The disk takes no time but the CPU's, which virtual time does not pass for. */
class WorldSpool extends Spool {
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler, options: SpoolOptions) {
    super(options);
    this.scheduler = scheduler;
  }

  override open(): Promise<number> {
    return this.scheduler.within(() => super.open());
  }

  override write(file: number, bytes: Uint8Array): Promise<void> {
    return this.scheduler.within(() => super.write(file, bytes));
  }

  override read(file: number, start: number, end: number): Promise<Uint8Array> {
    return this.scheduler.within(() => super.read(file, start, end));
  }
}

/** Signing asks nobody, and who would use the URL is not here. */
function withoutSignatures(store: ObjectStore): ObjectStore {
  return {
    put: (name, chunks) => store.put(name, chunks),
    upload: (name) => store.upload(name),
    getRange: (name, range) => store.getRange(name, range),
    getTail: (name, length) => store.getTail(name, length),
    delete: (names) => store.delete(names),
    archive: (name, storageClass) => store.archive(name, storageClass),
    list: (prefix, cursor) => store.list(prefix, cursor),
    presign: async (name, { start, end }) => {
      return { url: `https://b/${name}?${start}-${end}`, headers: {}, expiresAtMs: Number.MAX_SAFE_INTEGER };
    },
  };
}
