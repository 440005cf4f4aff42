/**
 * A lease that this process holds: takes it, writes what becomes of it together with the group's offset, and gives it
 * back.
 *
 * Every write is on the condition of the lease's epoch and version, so whoever has lost the lease changes nothing any
 * more. The offset is written on the condition that it still is what this process knows, so a reset of the group
 * meanwhile is not undone.
 */
import { OFFSETS_PER_ITEM, offsetsKey, planOffsets } from '../coordination/groups/offsets-item.ts';
import {
  decodeLease,
  type Lease,
  type LeaseId,
  leaseKey,
  planDrop,
  planKeep,
  planRelease,
  planTake,
  planWanted,
  taken,
} from '../coordination/triggers/lease-item.ts';
import { decideTake, type TakeDecision } from '../coordination/triggers/take.ts';
import { toHex } from '../kernel/bytes.ts';
import { MillraceError } from '../kernel/errors.ts';
import type { Attributes, Condition, Write } from '../kernel/items.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import { type LeaseStore, writeLease } from './lease-write.ts';

export interface TakeLease {
  id: LeaseId;
  topic: string;
  trigger: string;
  batchSize: number;
  wanted: number;
  /** Holds while the trigger is there. A lease is made only then: its deletion has removed those that it had. */
  guard?: Write;
}

export type TakenLease =
  | { outcome: 'taken'; keeper: LeaseKeeper; why: 'new' | 'free' | 'expired' }
  /** The trigger is no longer. */
  | { outcome: 'disabled' }
  | Exclude<TakeDecision, { outcome: 'take' }>;

/** Takes it, or leaves what is wanted for whoever has it. */
export async function takeLease(store: LeaseStore, request: TakeLease): Promise<TakenLease> {
  const { id } = request;
  let lease = read(await store.metadata.get(leaseKey(id), 'strong'));
  for (let attempt = 0; attempt < triggerLimits.triggerLeaseWritesMax; attempt++) {
    const nowMs = store.clock.now();
    const decision = decideTake(lease, { ...request, nowMs });
    if (decision.outcome === 'held' && decision.leave && lease !== undefined) {
      const left = await writeLease(store, [planWanted(id, lease, request.wanted)]);
      if (left.outcome === 'applied') return decision;
      lease = read(left.item);
      continue;
    }
    if (decision.outcome !== 'take') return decision;
    const holder = toHex(store.random.bytes(HOLDER_BYTES));
    const untilMs = nowMs + triggerLimits.triggerIdleLeaseMs;
    const after = taken(lease, { ...request, holder, untilMs, nowMs });
    const guards = lease === undefined && request.guard !== undefined ? [request.guard] : [];
    const written = await writeLease(store, [planTake(id, lease, after), ...guards]);
    if (written.outcome === 'applied') {
      return { outcome: 'taken', keeper: new LeaseKeeper(store, id, after), why: decision.why };
    }
    if (written.index === 1) return { outcome: 'disabled' };
    lease = read(written.item);
    if (lease?.holder === holder) {
      return { outcome: 'taken', keeper: new LeaseKeeper(store, id, lease), why: decision.why };
    }
  }
  throw new MillraceError('REQUEST_TIMED_OUT', 'The lease was wanted by too many others.');
}

const HOLDER_BYTES = 8;

function read(item: Attributes | undefined): Lease | undefined {
  return item === undefined ? undefined : decodeLease(item);
}

/** What the holder may change of it. */
export type LeaseChanges = Pick<Lease, 'lanes' | 'untilMs'> &
  Partial<Pick<Lease, 'runsUntilMs' | 'nextMs' | 'fillingSinceMs' | 'window' | 'error'>>;

export interface OffsetChange {
  /** As it was read, or written last; `undefined`: there was none. */
  from: number | undefined;
  to: number;
}

export type Kept =
  | { outcome: 'kept' }
  /** Someone else has it. */
  | { outcome: 'lost' }
  /** The group was reset: the committed offset is another one. */
  | { outcome: 'reset' }
  /** More is wanted: only of a release. */
  | { outcome: 'wanted'; wanted: number };

export class LeaseKeeper {
  private readonly store: LeaseStore;
  private readonly id: LeaseId;
  private current: Lease;

  constructor(store: LeaseStore, id: LeaseId, lease: Lease) {
    this.store = store;
    this.id = id;
    this.current = lease;
  }

  /** As this process wrote it last. */
  get lease(): Lease {
    return this.current;
  }

  /**
   * What is written of lanes and windows from now on is of this offset: whoever takes the lease later goes on with
   * them.
   */
  standAt(committed: number | undefined): void {
    const { committed: _, ...rest } = this.current;
    this.current = { ...rest, ...(committed !== undefined && { committed }) };
  }

  /** Writes the lease, and the offset where it has moved. */
  async keep(changes: LeaseChanges, offset?: OffsetChange): Promise<Kept> {
    const after = this.after(changes, offset);
    return this.write(planKeep(this.id, this.current, after), after, offset);
  }

  /** Gives it back, unless someone wants more than `reached`. */
  async release(changes: Omit<LeaseChanges, 'untilMs'>, reached: number, offset?: OffsetChange): Promise<Kept> {
    const { holder: _, ...after } = this.after({ ...changes, untilMs: 0 }, offset);
    return this.write(planRelease(this.id, this.current, after, reached), after, offset);
  }

  /** There is no such partition any more. */
  async drop(): Promise<void> {
    await writeLease(this.store, [planDrop(this.id, this.current)]);
  }

  private after(changes: LeaseChanges, offset: OffsetChange | undefined): Lease {
    const { topic, trigger, epoch, version, holder, wanted, committed: before } = this.current;
    const committed = offset?.to ?? before;
    const kept = { topic, trigger, epoch, version: version + 1, holder, wanted };
    return { ...kept, ...(committed !== undefined && { committed }), ...changes };
  }

  private async write(write: Write, after: Lease, offset: OffsetChange | undefined): Promise<Kept> {
    const writes = offset === undefined ? [write] : [write, this.offsetWrite(offset)];
    const written = await writeLease(this.store, writes);
    if (written.outcome === 'applied') return this.kept(after);
    if (written.index === 1) return { outcome: 'reset' };
    const found = read(written.item);
    if (found === undefined || found.epoch !== after.epoch) return { outcome: 'lost' };
    if (found.version === after.version && written.wasUnknown) return this.kept(after);
    if (found.version !== this.current.version) return { outcome: 'lost' };
    this.current = { ...this.current, wanted: found.wanted };
    return { outcome: 'wanted', wanted: found.wanted };
  }

  private kept(after: Lease): Kept {
    this.current = after;
    return { outcome: 'kept' };
  }

  private offsetWrite({ from, to }: OffsetChange): Write {
    const { group, topicId, partition } = this.id;
    const id = { group, topicId, index: Math.floor(partition / OFFSETS_PER_ITEM) };
    const slot = partition % OFFSETS_PER_ITEM;
    const committed = { offset: to, committedMs: this.store.clock.now() };
    const condition: Condition =
      from === undefined
        ? { clause: 'absent', attribute: `o${slot}` }
        : { clause: 'equals', attribute: `o${slot}`, value: from };
    const write = planOffsets(id, this.current.topic, new Map([[slot, committed]]));
    return { ...write, key: offsetsKey(id), conditions: [condition] };
  }
}
