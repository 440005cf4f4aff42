/**
 * What a process remembers of groups. Nothing is decided by it alone: whatever follows from an old state or target is
 * safe (coordination/groups/follow.ts), and is done anew where a write finds that they have changed.
 *
 * It also tells requests of the process that wait when a group changes here, so that they need not wait for their next
 * look.
 */
import type { GroupState } from '../../coordination/groups/group-item.ts';
import type { Target } from '../../coordination/groups/target-item.ts';
import type { Clock } from '../../kernel/clock.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import { ExpiringCache } from '../expiring-cache.ts';
import { readState, readTarget } from './group-items.ts';
import { readDirectoryOfTopics, type TopicDirectory } from './topic-directory.ts';
import { TopicMatches } from './topic-matches.ts';

/**
 * `target`: who is to own what. `release`: somebody has given partitions up. `round`: a classic group has taken a step.
 */
export type GroupChange = 'target' | 'release' | 'round';

type Listener = (change: GroupChange) => void;

interface Known<T> {
  value: T;
  /** By the monotonic clock. */
  atMs: number;
}

interface Runs<T> {
  current: Promise<T>;
  following?: Promise<T>;
}

export class GroupCache {
  readonly matches: TopicMatches;
  private readonly metadata: MetadataStore;
  private readonly clock: Clock;
  private readonly states = new LruMap<string, Known<GroupState | undefined>>(groupLimits.groupCacheEntries);
  private readonly reads = new Map<string, Promise<GroupState | undefined>>();
  private readonly targets = new LruMap<string, Target>(groupLimits.groupCacheEntries);
  private readonly listed = new LruMap<string, number>(groupLimits.groupCacheEntries);
  private readonly instances = new LruMap<string, string>(groupLimits.groupInstancesRemembered);
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly runs = new Map<string, Runs<unknown>>();
  private readonly alone = new Set<string>();
  private readonly directory: ExpiringCache<TopicDirectory>;

  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    this.metadata = metadata;
    this.clock = clock;
    this.matches = new TopicMatches({ clock });
    this.directory = new ExpiringCache({
      read: () => readDirectoryOfTopics(metadata),
      clock,
      entriesMax: 1,
      ageMsMax: cacheLimits.topicCacheMs,
    });
  }

  /** As it was at most this long ago, or, of other processes' writes, a little longer. */
  async state(group: string, ageMs: number = groupLimits.groupStateAgeMs): Promise<GroupState | undefined> {
    const known = this.states.get(group);
    if (known?.value !== undefined && this.clock.monotonic() - known.atMs < ageMs) return known.value;
    const reading = this.reads.get(group) ?? this.read(group);
    this.reads.set(group, reading);
    return reading;
  }

  /** Takes note of a state that was written or strongly read. */
  note(group: string, state: GroupState | undefined): void {
    this.states.set(group, { value: state, atMs: this.clock.monotonic() });
  }

  /** A target that is as new as the state. `undefined`: the group has none. */
  async target(group: string, state: GroupState | undefined): Promise<Target | undefined> {
    if (state === undefined) return undefined;
    const known = this.targets.get(group);
    if (known?.nonce === state.nonce && known.epoch >= state.epoch) return known;
    const target = await readTarget(this.metadata, group);
    if (target !== undefined) this.noteTarget(group, target);
    return target;
  }

  noteTarget(group: string, target: Target): void {
    const known = this.targets.get(group);
    if (known?.nonce === target.nonce && known.epoch >= target.epoch) return;
    this.targets.set(group, target);
    this.tell(group, 'target');
  }

  forget(group: string): void {
    this.states.delete(group);
    this.targets.delete(group);
    this.listed.delete(group);
  }

  /** All topics by name. */
  async topics(options: { fresh?: boolean } = {}): Promise<TopicDirectory> {
    const directory = options.fresh === true ? this.directory.getFresh('') : this.directory.get('');
    return (await directory) ?? new Map();
  }

  isListed(group: string): boolean {
    const atMs = this.listed.get(group);
    return atMs !== undefined && this.clock.monotonic() - atMs < groupLimits.groupListedMs;
  }

  noteListed(group: string): void {
    this.listed.set(group, this.clock.monotonic());
  }

  /** The instance id with which a member has come. */
  instanceOf(group: string, memberId: string): string | undefined {
    return this.instances.get(JSON.stringify([group, memberId]));
  }

  noteInstance(group: string, memberId: string, instanceId: string): void {
    this.instances.set(JSON.stringify([group, memberId]), instanceId);
  }

  listen(group: string, listener: Listener): () => void {
    const listeners = this.listeners.get(group) ?? new Set();
    this.listeners.set(group, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(group) === listeners) this.listeners.delete(group);
    };
  }

  tell(group: string, change: GroupChange): void {
    for (const listener of this.listeners.get(group) ?? []) listener(change);
  }

  /**
   * Runs `work`, once at a time for each name. Calls during a run share the one that follows it, which sees all that
   * was there when they came.
   */
  shared<T>(name: string, work: () => Promise<T>): Promise<T> {
    const under = this.runs.get(name) as Runs<T> | undefined;
    if (under === undefined) return this.begin(name, work());
    under.following ??= under.current.then(
      () => this.begin(name, work()),
      () => this.begin(name, work()),
    );
    return under.following;
  }

  /** Runs `work`, unless the process is at it already; then `undefined`. */
  async unlessUnderWay<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.alone.has(name)) return undefined;
    this.alone.add(name);
    try {
      return await work();
    } finally {
      this.alone.delete(name);
    }
  }

  private begin<T>(name: string, current: Promise<T>): Promise<T> {
    const runs: Runs<T> = { current };
    this.runs.set(name, runs);
    const end = () => {
      if (this.runs.get(name) === runs && runs.following === undefined) this.runs.delete(name);
    };
    current.then(end, end);
    return current;
  }

  private async read(group: string): Promise<GroupState | undefined> {
    try {
      const state = await readState(this.metadata, group, 'eventual');
      const known = this.states.get(group)?.value;
      const isOlder = state !== undefined && known?.nonce === state.nonce && known.version > state.version;
      this.note(group, isOlder ? known : state);
      return isOlder ? known : state;
    } finally {
      this.reads.delete(group);
    }
  }
}
