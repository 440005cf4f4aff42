/**
 * What a process remembers of share groups. Nothing is decided by it alone: every write has what it was decided on as
 * its condition, and bad news is looked at again before it is told.
 *
 * It also has the process's own requests take their turns at a share partition, so that they do not meet each other's
 * writes, and tells those that wait when one of them has changed it.
 */

import type { GroupState } from '../../coordination/groups/group-item.ts';
import {
  decodeGroupConfig,
  groupConfigKey,
  type ShareGroupConfig,
  shareGroupConfig,
} from '../../coordination/share-groups/group-config.ts';
import {
  decodeSharePartition,
  type SharePartitionId,
  type StoredSharePartition,
  sharePartitionKey,
} from '../../coordination/share-groups/share-partition-item.ts';
import {
  decodeShareTarget,
  type ShareTarget,
  shareTargetKey,
} from '../../coordination/share-groups/share-target-item.ts';
import type { Clock } from '../../kernel/clock.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { Consistency, MetadataStore } from '../../storage/metadata/port.ts';
import { ExpiringCache } from '../expiring-cache.ts';

/** A share partition as it was read or written; without `stored` there was none. */
export interface SeenSharePartition {
  stored: StoredSharePartition | undefined;
  /** By the monotonic clock. */
  atMs: number;
  /** It was just read strongly, or found by a write that was refused. */
  fresh: boolean;
}

export class ShareCache {
  private readonly metadata: MetadataStore;
  private readonly clock: Clock;
  private readonly partitions = new LruMap<string, SeenSharePartition>(shareGroupLimits.sharePartitionsRemembered);
  private readonly targets = new LruMap<string, ShareTarget>(shareGroupLimits.shareTargetsRemembered);
  private readonly configs: ExpiringCache<ShareGroupConfig>;
  /** The last of those who take turns at a share partition. */
  private readonly turns = new Map<string, Promise<unknown>>();
  private readonly listeners = new Map<string, Set<() => void>>();

  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    this.metadata = metadata;
    this.clock = clock;
    this.configs = new ExpiringCache({
      read: async (group) =>
        shareGroupConfig(decodeGroupConfig((await metadata.get(groupConfigKey(group), 'strong')) ?? {})),
      clock,
      entriesMax: shareGroupLimits.shareTargetsRemembered,
      ageMsMax: cacheLimits.topicCacheMs,
    });
  }

  async config(group: string): Promise<ShareGroupConfig> {
    return (await this.configs.get(group)) ?? shareGroupConfig({});
  }

  /** For whoever has changed it. */
  forgetConfig(group: string): void {
    this.configs.forget(group);
  }

  peek(id: SharePartitionId): SeenSharePartition | undefined {
    const seen = this.partitions.get(nameOf(id));
    return seen && { ...seen, fresh: false };
  }

  /** An eventually consistent read never takes back what is known. */
  async look(id: SharePartitionId, consistency: Consistency): Promise<SeenSharePartition> {
    const atMs = this.clock.monotonic();
    const attributes = await this.metadata.get(sharePartitionKey(id), consistency);
    const stored = attributes && decodeSharePartition(attributes);
    const known = this.partitions.get(nameOf(id))?.stored;
    const isOlder =
      consistency === 'eventual' &&
      known !== undefined &&
      (stored === undefined || (stored.nonce === known.nonce && stored.version < known.version));
    const seen = { stored: isOlder ? known : stored, atMs, fresh: consistency === 'strong' };
    this.partitions.set(nameOf(id), seen);
    return seen;
  }

  /** Takes note of what was written or found. */
  note(id: SharePartitionId, stored: StoredSharePartition | undefined): SeenSharePartition {
    const seen = { stored, atMs: this.clock.monotonic(), fresh: true };
    this.partitions.set(nameOf(id), seen);
    for (const listener of this.listeners.get(nameOf(id)) ?? []) listener();
    return seen;
  }

  /** Told of every change that this process makes or meets. */
  listen(id: SharePartitionId, listener: () => void): () => void {
    const name = nameOf(id);
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(name) === listeners) this.listeners.delete(name);
    };
  }

  /** Runs `work` when all have ended that came before for the same share partition. */
  inTurn<T>(id: SharePartitionId, work: () => Promise<T>): Promise<T> {
    const name = nameOf(id);
    const before = this.turns.get(name) ?? Promise.resolve();
    const turn = before.then(work, work);
    const kept = turn
      .catch(() => {})
      .then(() => {
        if (this.turns.get(name) === kept) this.turns.delete(name);
      });
    this.turns.set(name, kept);
    return turn;
  }

  /** A target that is as new as the state. `undefined`: the group has none. */
  async target(group: string, state: GroupState | undefined): Promise<ShareTarget | undefined> {
    if (state === undefined) return undefined;
    const known = this.targets.get(group);
    if (known?.nonce === state.nonce && known.epoch >= state.epoch) return known;
    const target = await readShareTarget(this.metadata, group);
    if (target !== undefined) this.noteTarget(group, target);
    return target;
  }

  noteTarget(group: string, target: ShareTarget): void {
    const known = this.targets.get(group);
    if (known?.nonce === target.nonce && known.epoch >= target.epoch) return;
    this.targets.set(group, target);
  }

  forgetTarget(group: string): void {
    this.targets.delete(group);
  }
}

export async function readShareTarget(metadata: MetadataStore, group: string): Promise<ShareTarget | undefined> {
  const attributes = await metadata.get(shareTargetKey(group), 'strong');
  return attributes && decodeShareTarget(attributes);
}

/** Group ids have any characters; the others come first, which have no spaces. */
function nameOf({ group, topicId, partition }: SharePartitionId): string {
  return `${partition} ${topicId} ${group}`;
}
