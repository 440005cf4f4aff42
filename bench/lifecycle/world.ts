/**
 * A deployment in virtual time, for what the storage lifecycle costs: the embedded table with its units counted by DynamoDB's
 * rules, and the real S3 adapter over files with its requests counted. Every call takes as long as bench/dollars.ts says.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { limits } from '../../lib/kernel/limits.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import type { MetadataStore, TableScan } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { createS3ObjectStore } from '../../lib/storage/objects/s3.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { Scheduler, SimulatedProcess } from '../../test/simulation/scheduler.ts';
import { Meter, meteredTable } from '../counted/triggers-stores.ts';
import type { Use } from '../counted/triggers-use.ts';
import { ASSUMED_MS, addCounts, scaleCounts } from '../dollars.ts';
import { createFileS3 } from './file-s3.ts';

const EVENTS_MAX = 50_000_000;

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

  /** A process that has just started. */
  startProcess(): Broker {
    const { scheduler, process, meter } = this;
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
    const client = createFileS3(this.directory, (as, answer) => {
      meter.add({ puts: as === 'put' ? 1 : 0, gets: as === 'get' ? 1 : 0, bucketCalls: 1 });
      return call('bucket', answer);
    });
    const bucket = withoutSignatures(createS3ObjectStore({ client, bucket: 'b', clock, random }));
    const inline = createInlineObjectStore({ metadata, clock, random });
    const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: limits.inlineBytesMaxDefault });
    return createBroker({ metadata, objects, compression: nodeCompression, clock, random });
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
