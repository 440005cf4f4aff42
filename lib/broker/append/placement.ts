/**
 * One object on its way into the replicas that are to hold it: who has it, who is being sent it, and who failed. It
 * decides nothing: how long to wait and whom to try again is for those who place a commit (holders.ts).
 *
 * The object's bytes are looked at by uploads that nobody waits for any more. What may change the bytes, such as the
 * cache, which writes offsets into them, comes after `over`.
 */
import {
  has,
  maskOf,
  members,
  type ReplicaId,
  type ReplicaMask,
  without,
} from '../../coordination/replication/replica-state.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ObjectName } from '../../storage/objects/port.ts';
import type { TieredObjectStore } from '../../storage/objects/tiered.ts';

interface PlacementParts {
  objects: TieredObjectStore;
  clock: Clock;
}

/** Called when a replica has the object. */
type Arrival = (replica: ReplicaId) => void;

export class Placement {
  readonly name: ObjectName;
  private readonly parts: PlacementParts;
  private readonly chunks: readonly Uint8Array[];
  private readonly faults = new Map<ReplicaId, unknown>();
  private readonly times = new Map<ReplicaId, number>();
  private readonly arrivals: Arrival[] = [];
  private readonly ended = Promise.withResolvers<void>();
  private change = Promise.withResolvers<void>();
  private users: number;
  private tried: ReplicaMask = 0;
  private holding: ReplicaMask = 0;
  private sending: ReplicaMask = 0;

  /** `users` are those who may still have it sent to more replicas; each says so with `leave`. */
  constructor(parts: PlacementParts, object: { name: ObjectName; chunks: readonly Uint8Array[]; users: number }) {
    this.parts = parts;
    this.name = object.name;
    this.chunks = object.chunks;
    this.users = object.users;
  }

  get held(): ReplicaMask {
    return this.holding;
  }

  get underWay(): ReplicaMask {
    return this.sending;
  }

  /** Sends it to those of `targets` that it was never sent to. */
  send(targets: ReplicaMask): void {
    this.start(without(targets, this.tried));
  }

  /** How often it was sent to these, all together. */
  timesSent(replicas: ReplicaMask): number {
    return members(replicas).reduce((sum, replica) => sum + (this.times.get(replica) ?? 0), 0);
  }

  /**
   * Sends it once more to those that do not have it, unless someone has since it was sent to these so many times: all
   * who wait for an upload that failed want to try again, and each after a pause of its own.
   */
  sendAgain(targets: ReplicaMask, timesSent: number): void {
    if (this.timesSent(targets) === timesSent) this.start(without(targets, this.holding | this.sending));
  }

  /** Why an upload to one of these failed last. */
  faultOf(replicas: ReplicaMask): unknown {
    return members(replicas)
      .map((replica) => this.faults.get(replica))
      .find((fault) => fault !== undefined);
  }

  /** Resolves when an upload ends, or after so many milliseconds. */
  async changed(timeoutMs: number): Promise<void> {
    if (timeoutMs === Number.POSITIVE_INFINITY) return this.change.promise;
    const stop = new AbortController();
    const slept = this.parts.clock.sleep(timeoutMs, stop.signal);
    await Promise.race([this.change.promise, slept]);
    stop.abort();
  }

  /** Calls `arrival` for every replica that has the object from now on. */
  onArrival(arrival: Arrival): void {
    this.arrivals.push(arrival);
  }

  /** So many more may have it sent to more replicas. */
  join(users: number): void {
    this.users += users;
    this.endIfOver();
  }

  /** One of its users will have it sent nowhere any more. */
  leave(): void {
    this.users--;
    this.endIfOver();
  }

  /** Resolves when no upload is under way and none will be. */
  get over(): Promise<void> {
    return this.ended.promise;
  }

  /** Whether `over` has resolved, so that what waits for it may be done at once. */
  get isOver(): boolean {
    return this.users <= 0 && this.sending === 0;
  }

  private start(targets: ReplicaMask): void {
    this.tried |= targets;
    if (targets === 0) return;
    for (const { replicas, outcome } of this.parts.objects.putTo(targets, this.name, this.chunks)) {
      this.sending |= replicas;
      this.tried |= replicas;
      for (const replica of members(replicas)) this.times.set(replica, this.timesSent(maskOf([replica])) + 1);
      void outcome.then((put) => {
        this.sending = without(this.sending, replicas);
        if (put.put === 'failed') for (const replica of members(replicas)) this.faults.set(replica, put.error);
        else this.arrived(replicas);
        this.change.resolve();
        this.change = Promise.withResolvers<void>();
        this.endIfOver();
      });
    }
  }

  private arrived(replicas: ReplicaMask): void {
    const before = this.holding;
    this.holding |= replicas;
    for (const replica of members(replicas)) {
      if (!has(before, replica)) for (const arrival of this.arrivals) arrival(replica);
    }
  }

  private endIfOver(): void {
    if (this.isOver) this.ended.resolve();
  }
}
