/** A ledger with three replicas in memory that is appended to by hand: who has which bytes is the test's decision. */
import assert from 'node:assert/strict';
import { runOf } from '../../lib/broker/append/accept-batches.ts';
import { ledgerView } from '../../lib/broker/ledger/replicated.ts';
import { decideElection, lostInTail, planElection } from '../../lib/coordination/replication/election.ts';
import { heldUpTo, type LedgerView } from '../../lib/coordination/replication/ledger-view.ts';
import { planCursor } from '../../lib/coordination/replication/membership.ts';
import {
  encodeReplication,
  has,
  initialReplication,
  members,
  type ReplicaMask,
} from '../../lib/coordination/replication/replica-state.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { newObjectId } from '../../lib/kernel/ids.ts';
import type { Write } from '../../lib/kernel/items.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { planAppend } from '../../lib/log/ledger/append.ts';
import { encodeHead, headKey, initialHead, type LedgerHead } from '../../lib/log/ledger/head.ts';
import type { ArchiveClass } from '../../lib/log/segment/archive-class.ts';
import { layOut } from '../../lib/log/segment/layout.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createLocalPresigner } from '../../lib/storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import type { ByteRange, ObjectStore } from '../../lib/storage/objects/port.ts';
import { ReplicaSet } from '../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { gatheredUpload } from '../../lib/storage/objects/upload.ts';
import { batchOf, headOf, makeStores, makeTopic, type Stores } from './broker.ts';
import type { ManualClock } from './manual-clock.ts';

export const ALL: ReplicaMask = 0b111;

/** One replica, and what is wrong with it. */
export class FaultyReplica implements ObjectStore {
  /** `down`: every call fails. `read-only`: every change does. `hanging`: reads answer only when the test goes on. */
  fault: 'none' | 'down' | 'read-only' | 'hanging' = 'none';
  /** Names of calls, as `getRange <name>`. */
  readonly calls: string[] = [];
  private readonly gate = Promise.withResolvers<void>();
  private readonly store: ObjectStore;

  constructor(number: number, clock: ManualClock) {
    const secret = new Uint8Array(32).fill(number);
    const presigner = createLocalPresigner({ secret, baseUrl: () => `http://replica-${number}`, clock });
    this.store = createMemoryObjectStore({ presigner });
  }

  /** Lets hanging reads go on. */
  answer(): void {
    this.fault = 'none';
    this.gate.resolve();
  }

  put(name: string, chunks: readonly Uint8Array[]) {
    return this.changing(`put ${name}`, () => this.store.put(name, chunks));
  }
  upload(name: string) {
    return gatheredUpload((chunks) => this.put(name, chunks));
  }
  archive(name: string, storageClass: ArchiveClass) {
    return this.reading(`archive ${name}`, () => this.store.archive(name, storageClass));
  }
  delete(names: readonly string[]) {
    return this.changing(`delete ${names.join(' ')}`, () => this.store.delete(names));
  }
  getRange(name: string, range?: ByteRange) {
    return this.reading(`getRange ${name}`, () => this.store.getRange(name, range));
  }
  getTail(name: string, length: number) {
    return this.reading(`getTail ${name}`, () => this.store.getTail(name, length));
  }
  list(prefix: string, cursor?: string) {
    return this.reading(`list ${prefix}`, () => this.store.list(prefix, cursor));
  }
  presign(name: string, range: ByteRange, expiresInMs: number) {
    return this.store.presign(name, range, expiresInMs);
  }

  private async changing(call: string, change: () => Promise<void>): Promise<void> {
    this.calls.push(call);
    if (this.fault === 'down' || this.fault === 'read-only') throw unreachable();
    await change();
  }

  private async reading<T>(call: string, read: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    if (this.fault === 'down') throw unreachable();
    if (this.fault === 'hanging') await this.gate.promise;
    return read();
  }
}

function unreachable(): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', 'the replica cannot be reached');
}

export interface AppendByHand {
  values: string[];
  /** Who holds the object, and is said to. All by default. */
  holders?: ReplicaMask;
  /** Who holds it in truth, where that is someone else. */
  has?: ReplicaMask;
  slot?: number;
  inline?: boolean;
}

/** A topic `t` of two partitions in one ledger, with the replicas 0, 1 and 2 in the racks a, b and c. */
export async function readingWorld() {
  const { metadata, presigner, clock } = makeStores();
  const replicas = [0, 1, 2].map((number) => new FaultyReplica(number, clock));
  const set = new ReplicaSet({
    replicas: replicas.map((store, id) => ({ id, name: `bucket-${id}`, rack: 'abc'[id] as string, store })),
    clock,
  });
  const inline = createInlineObjectStore({ metadata, clock });
  const objects = createTieredObjectStore({ inline, bucket: set, inlineBytesMax: 0 });
  const stores: Stores = { metadata, objects, presigner, clock };
  const process = await makeTopic({ stores, partitions: 2 });
  const { ledger } = process;
  const random = seededRandom(77);

  const apply = async (writes: Write[]): Promise<void> => {
    assert.equal((await metadata.write(writes)).outcome, 'applied');
  };
  const head = (): Promise<LedgerHead> => headOf(metadata, ledger);
  const view = async (): Promise<LedgerView> => ledgerView(ledger, await head()) as LedgerView;
  const fresh = encodeHead(initialHead(encodeReplication(initialReplication([0, 1, 2]))));
  await apply([{ kind: 'put', key: headKey(ledger), attributes: fresh }]);
  process.broker.heads.drop(ledger);

  const upload = async ({ values, holders = ALL, has: there = holders, slot = 0, inline = false }: AppendByHand) => {
    const { sealed: seen, epoch, isrVersion } = await head();
    const object = newObjectId(clock.now(), random);
    const run = runOf([batchOf(...values)]);
    const { chunks, parts } = layOut(object, [{ ledger, seen, slots: new Map([[slot, [run]]]) }]);
    const [{ part, position }] = parts as [(typeof parts)[number]];
    const tier = inline ? 'inline' : 'segments';
    const name = objectName(tier, object);
    if (inline) await objects.put(name, chunks);
    else for (const replica of members(there)) await (replicas[replica] as FaultyReplica).put(name, chunks);
    const commit = { tier, object, part: 0, position, runs: part.runs, replicated: { holders, epoch } } as const;
    return { name, append: planAppend({ ledger, commit, epoch, isrVersion, seen }) };
  };

  return {
    ...process,
    stores,
    replicas,
    head,
    apply,

    /** Who died before the object was committed. Returns its name. */
    async orphan(there: ReplicaMask): Promise<string> {
      return (await upload({ values: ['orphan'], has: there })).name;
    },

    /** One commit; returns the name of its object. */
    async append(by: AppendByHand): Promise<string> {
      const { name, append } = await upload(by);
      await apply([append]);
      return name;
    },

    /** As the copier, or a late upload, says that the replica holds all commits below this number. */
    async raise(replica: number, upTo: number): Promise<void> {
      await apply([planCursor(await view(), replica, upTo) as Write]);
    },

    /** The leader and all others of the set have failed, but for `alive`. */
    async elect(alive: ReplicaMask): Promise<void> {
      const now = await view();
      const election = decideElection(now, { alive, uncleanAllowed: true });
      assert(election.election !== 'none');
      const lost = election.election === 'unclean' ? lostInTail(now, election) : undefined;
      await apply(planElection(now, election, { lost }));
    },

    /** Only these are in sync from now on, the first of them leads. */
    async shrinkTo(inSync: ReplicaMask): Promise<void> {
      const now = await view();
      const leader = has(inSync, now.state.leader) ? now.state.leader : (members(inSync)[0] as number);
      const cursors = now.cursors.map((cursor, replica) => (replica < 3 ? heldUpTo(now, replica) : cursor));
      const set = encodeReplication({ state: { ...now.state, leader, inSync }, cursors, paged: now.paged });
      await apply([{ kind: 'update', key: headKey(ledger), changes: { set, add: { v: 1, i: 1 } } }]);
    },
  };
}

export type ReadingWorld = Awaited<ReturnType<typeof readingWorld>>;

/**
 * Offset 0 is everywhere; 1 and 2 were on replica 0 alone when it failed and lost them; 3 came after the unclean
 * election of replica 1. `comeBack` brings the lost objects back to replica 0.
 */
export async function afterUncleanElection() {
  const world = await readingWorld();
  const [old] = world.replicas as [FaultyReplica];
  await world.append({ values: ['a'] });
  await world.shrinkTo(0b001);
  const names = [
    await world.append({ values: ['b'], holders: 0b001 }),
    await world.append({ values: ['c'], holders: 0b001 }),
  ];
  await world.elect(0b110);
  await world.append({ values: ['d'], holders: 0b010 });
  const kept = await Promise.all(names.map((name) => old.getRange(name)));
  await old.delete(names);
  const comeBack = async (): Promise<void> => {
    for (const [index, name] of names.entries()) await old.put(name, [kept[index] as Uint8Array]);
  };
  return { ...world, comeBack };
}
