/**
 * The replicas of a simulated world: buckets with faults of their own, behind the network. A bucket may be down, take
 * no writes, answer late or not until the caller gives up, or fail at random; and one process may not reach what others
 * reach. None is ever emptied.
 */
import { maskOf, type ReplicaId, type ReplicaMask } from '../../lib/coordination/replication/replica-state.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { ReplicaSet } from '../../lib/storage/objects/replicated.ts';
import { gatheredUpload } from '../../lib/storage/objects/upload.ts';
import type { Network } from './network.ts';
import { type Scheduler, SimulatedProcess } from './scheduler.ts';
import { objectsOver } from './stores.ts';

export const REPLICAS: readonly ReplicaId[] = [0, 1, 2];
export const RACKS = 'abc';

const CONDITIONS = ['down', 'read-only', 'silent', 'slow', 'failing'] as const;
const WITHOUT_WRITES = ['down', 'read-only', 'silent'] as const;
type Condition = (typeof CONDITIONS)[number];

/** What keeps a bucket from its work, and for whom. */
interface Trouble {
  replica: ReplicaId;
  condition: Condition;
  /** Of the only process that meets it; all do where absent. */
  process?: SimulatedProcess;
}

/** Whom it would hit hardest. */
export interface LedgersInStorm {
  /** Of some ledger. */
  leader(): ReplicaId | undefined;
  /** Whether the leader of some ledger has what another replica in sync lacks. */
  hasGap(leader: ReplicaId): boolean;
}

const SQUALL_STEP_MS = 100;

interface BucketsParts {
  /** In the order of their numbers. */
  stores: readonly ObjectStore[];
  network: Network;
  scheduler: Scheduler;
  /** Told of each copy: an object that a process brings to a bucket, and another process has made. */
  onCopy: () => void;
}

export class ReplicaBuckets {
  private readonly stores: readonly ObjectStore[];
  private readonly network: Network;
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private readonly onCopy: () => void;
  private readonly sky = new SimulatedProcess('sky');
  private readonly troubles = new Set<Trouble>();
  private readonly processes: SimulatedProcess[] = [];
  private readonly held = REPLICAS.map(() => new Set<string>());
  private readonly makers = new Map<string, string>();

  constructor({ stores, network, scheduler, onCopy }: BucketsParts) {
    this.stores = stores;
    this.network = network;
    this.scheduler = scheduler;
    this.random = scheduler.random;
    this.onCopy = onCopy;
  }

  /** Which buckets have the object, whether they can be reached or not. */
  holdersOf(name: string): ReplicaMask {
    return maskOf(REPLICAS.filter((replica) => this.held[replica]?.has(name)));
  }

  /** All that is stored, by bucket. */
  names(): readonly ReadonlySet<string>[] {
    return this.held;
  }

  /** The buckets as this process reaches them, with a view of their health of its own. */
  of(process: SimulatedProcess, planted: (store: ObjectStore) => ObjectStore): ReplicaSet {
    this.processes.push(process);
    const replicas = REPLICAS.map((id) => ({
      id,
      name: `r${id}`,
      rack: RACKS.charAt(id),
      store: planted(this.storeOf(id, process)),
    }));
    return new ReplicaSet({ replicas, clock: this.scheduler.clockOf(process) });
  }

  /** One bucket at a time is in trouble, or any number of them. */
  storm(atMost: 'one' | 'any', ledgers: LedgersInStorm): void {
    this.nextTrouble(() => this.anyReplica(), { everyMsMax: 9_000, of: 'one process' });
    if (atMost === 'one') {
      this.nextTrouble(() => this.anyReplica(), { everyMsMax: 9_000 });
    } else {
      for (const replica of REPLICAS) this.nextTrouble(() => replica, { everyMsMax: 30_000 });
      this.nextSquall(ledgers);
    }
  }

  /** From now on all is well, for everyone. */
  calm(): void {
    this.sky.alive = false;
    this.troubles.clear();
  }

  private nextTrouble(replicaOf: () => ReplicaId, line: { everyMsMax: number; of?: 'one process' }): void {
    const { scheduler, random, sky } = this;
    scheduler.schedule(sky, random.fraction() * line.everyMsMax, () => {
      const process = line.of && this.processes[randomBelow(random, this.processes.length)];
      // Shorter than it takes to count as failed, or long enough for everything that follows from it.
      const lastsMs = random.fraction() < 0.25 ? random.fraction() * 2_000 : 3_000 + random.fraction() * 14_000;
      this.trouble(replicaOf(), { lastsMs, process }, () => this.nextTrouble(replicaOf, line));
    });
  }

  /**
   * All but a leader, and then the leader, often just when it is the only one to have something: that may be cut off,
   * or be out of reach.
   */
  private nextSquall(ledgers: LedgersInStorm): void {
    const { scheduler, random, sky } = this;
    scheduler.schedule(sky, random.fraction() * 10_000, () => {
      const last = ledgers.leader() ?? this.anyReplica();
      const condition = WITHOUT_WRITES[randomBelow(random, WITHOUT_WRITES.length)];
      const lastsMs = 500 + random.fraction() * (random.fraction() < 0.5 ? 2_000 : 9_000);
      const ends = REPLICAS.filter((replica) => replica !== last).map((replica) =>
        this.trouble(replica, { lastsMs, condition }),
      );
      const endMs = scheduler.nowMs + lastsMs;
      const wait = () => {
        const isOver = scheduler.nowMs >= endMs || (ledgers.hasGap(last) && random.fraction() < 0.5);
        if (!isOver) return scheduler.schedule(sky, SQUALL_STEP_MS, wait);
        for (const end of ends) end();
        const downMs = 4_000 + random.fraction() * 12_000;
        this.trouble(last, { lastsMs: downMs, condition: 'down' }, () => this.nextSquall(ledgers));
      };
      wait();
    });
  }

  private trouble(
    replica: ReplicaId,
    {
      lastsMs,
      process,
      condition = this.anyCondition(),
    }: Omit<Trouble, 'replica' | 'condition'> & {
      lastsMs: number;
      condition?: Condition;
    },
    then: () => void = () => {},
  ): () => void {
    const trouble: Trouble = { replica, condition, ...(process && { process }) };
    this.troubles.add(trouble);
    this.network.note(`sky ${condition} r${replica} ${process?.name ?? ''}`);
    const end = () => {
      if (this.troubles.delete(trouble)) this.network.note(`sky over r${replica}`);
    };
    this.scheduler.schedule(this.sky, lastsMs, () => {
      end();
      then();
    });
    return end;
  }

  private anyCondition(): Condition {
    return CONDITIONS[randomBelow(this.random, CONDITIONS.length)] as Condition;
  }

  private anyReplica(): ReplicaId {
    return randomBelow(this.random, REPLICAS.length);
  }

  private storeOf(id: ReplicaId, process: SimulatedProcess): ObjectStore {
    const counted = this.counted(id, process);
    const distant = objectsOver(counted, { process, network: this.network, where: ` r${id}` });
    const through = <T>(kind: 'read' | 'write', call: () => Promise<T>) => this.through(id, process, kind, call);
    return {
      put: (name, chunks) => through('write', () => distant.put(name, chunks)),
      upload: (name) => gatheredUpload((chunks) => through('write', () => distant.put(name, chunks))),
      archive: (name, storageClass) => through('write', () => distant.archive(name, storageClass)),
      getRange: (name, range) => through('read', () => distant.getRange(name, range)),
      getTail: (name, length) => through('read', () => distant.getTail(name, length)),
      delete: (names) => through('write', () => distant.delete(names)),
      list: (prefix, cursor) => through('read', () => distant.list(prefix, cursor)),
      presign: (name, range, expiresInMs) => distant.presign(name, range, expiresInMs),
    };
  }

  private counted(id: ReplicaId, process: SimulatedProcess): ObjectStore {
    const store = this.stores[id] as ObjectStore;
    const held = this.held[id] as Set<string>;
    const put = async (name: string, chunks: readonly Uint8Array[]) => {
      await store.put(name, chunks);
      if (!this.makers.has(name)) this.makers.set(name, process.name);
      else if (!held.has(name) && this.makers.get(name) !== process.name) this.onCopy();
      held.add(name);
    };
    return {
      put,
      upload: (name) => gatheredUpload((chunks) => put(name, chunks)),
      archive: (name, storageClass) => store.archive(name, storageClass),
      getRange: (name, range) => store.getRange(name, range),
      getTail: (name, length) => store.getTail(name, length),
      delete: async (names) => {
        await store.delete(names);
        for (const name of names) held.delete(name);
      },
      list: (prefix, cursor) => store.list(prefix, cursor),
      presign: (name, range, expiresInMs) => store.presign(name, range, expiresInMs),
    };
  }

  private async through<T>(
    replica: ReplicaId,
    process: SimulatedProcess,
    kind: 'read' | 'write',
    call: () => Promise<T>,
  ): Promise<T> {
    const { scheduler, random } = this;
    switch (this.conditionOf(replica, process)) {
      case undefined:
        return call();
      case 'read-only':
        return kind === 'read' ? call() : this.fail(replica, process);
      case 'failing':
        return random.fraction() < 0.3 ? call() : this.fail(replica, process);
      case 'down':
        return this.fail(replica, process);
      case 'slow':
        await scheduler.pause(process, random.fraction() * 3_000);
        return call();
      case 'silent':
        this.network.note(`${process.name} hears nothing of r${replica}`);
        // Some of what is sent arrives all the same.
        if (random.fraction() < 0.5) scheduler.schedule(process, random.fraction() * 12_000, () => void ignored(call));
        await scheduler.pause(process, storageLimits.objectCallMsMax);
        throw fault(replica);
    }
  }

  private conditionOf(replica: ReplicaId, process: SimulatedProcess): Condition | undefined {
    for (const trouble of this.troubles) {
      if (trouble.replica !== replica) continue;
      if (trouble.process === undefined || trouble.process === process) return trouble.condition;
    }
    return undefined;
  }

  private async fail(replica: ReplicaId, process: SimulatedProcess): Promise<never> {
    await this.scheduler.pause(process, 1 + this.random.fraction() * 20);
    this.network.note(`${process.name} fails at r${replica}`);
    throw fault(replica);
  }
}

function fault(replica: ReplicaId): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `simulated fault of r${replica}`, { effect: 'unknown' });
}

async function ignored<T>(call: () => Promise<T>): Promise<void> {
  await call().catch(() => undefined);
}
