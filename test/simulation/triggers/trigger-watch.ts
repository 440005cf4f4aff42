/**
 * Looks at the items of triggers right after each write of the table: leases, the offsets of the groups that they
 * drive, and the triggers themselves. No process, cache or fault is between the table and the watch.
 */
import {
  decodeOffsets,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../../../lib/coordination/groups/offsets-item.ts';
import { decodeLease, parseLeaseKey } from '../../../lib/coordination/triggers/lease-item.ts';
import { decodeTrigger, TRIGGER_DIRECTORY } from '../../../lib/coordination/triggers/trigger-item.ts';
import type { Attributes } from '../../../lib/kernel/items.ts';
import { nameOf } from '../groups/group-watch.ts';
import type { WrittenItem } from '../table-watch.ts';
import type { LeaseStep, TriggerHistory } from './trigger-history.ts';

const LEASES = 'lease#';
const GROUPS = 'group#';

export class TriggerWatch {
  private readonly history: TriggerHistory;
  private readonly nowMs: () => number;
  /** By name: the group that it drives. */
  private readonly groups = new Map<string, string>();

  constructor(history: TriggerHistory, nowMs: () => number) {
    this.history = history;
    this.nowMs = nowMs;
  }

  /** What one write, of one or several items, has made of them. */
  note(written: readonly WrittenItem[]): void {
    const own = written.filter(({ key }) => isOfTriggers(key.pk, key.sk));
    if (own.length === 0) return;
    const moment = this.history.tick();
    // A commit counts by what the same write has made of the lease.
    const kept = new Set(own.flatMap((one) => (one.key.pk.startsWith(LEASES) ? this.noteLease(one, moment) : [])));
    for (const one of own) {
      if (one.key.pk === TRIGGER_DIRECTORY) this.noteTrigger(one, moment);
      else if (one.key.pk.startsWith(GROUPS)) this.noteOffsets(one, moment, kept);
    }
  }

  /** The lease's name, where its holder has written it. */
  private noteLease({ key, item }: WrittenItem, moment: number): string[] {
    const name = `${key.pk.slice(LEASES.length)}/${nameOf(parseLeaseKey(key.sk))}`;
    const steps = this.history.leases.get(name) ?? [];
    this.history.leases.set(name, steps);
    const before = steps.at(-1);
    if (item === undefined && before?.lease === undefined) return [];
    const step = this.leaseStep(before, item, moment);
    steps.push(step);
    if (before?.lease?.holder !== undefined && step.lease?.holder !== undefined) {
      if (before.lease.holder !== step.lease.holder) this.history.count('leases taken over');
    }
    return step.isFence || step.lease === undefined ? [] : [name];
  }

  private leaseStep(before: LeaseStep | undefined, item: Attributes | undefined, moment: number): LeaseStep {
    const lineage = before?.lineage ?? 0;
    const common = { moment, atMs: this.nowMs() };
    if (item === undefined) return { ...common, isFence: false, lineage: lineage + 1 };
    const lease = decodeLease(item);
    const old = before?.lease;
    const isFence = old !== undefined && lease.epoch === old.epoch + 1 && lease.version === old.version;
    const isAnew = isFence || (old !== undefined && old.lanes.length > 0 && old.lanes.length !== lease.lanes.length);
    return { ...common, lease, isFence, lineage: isAnew ? lineage + 1 : lineage };
  }

  private noteOffsets({ key, item }: WrittenItem, moment: number, kept: ReadonlySet<string>): void {
    if (item === undefined) return;
    const { topicId, index } = parseOffsetsKey(key.sk);
    for (const [slot, committed] of decodeOffsets(item).slots.entries()) {
      if (committed === undefined) continue;
      const partition = index * OFFSETS_PER_ITEM + slot;
      const name = `${key.pk.slice(GROUPS.length)}/${nameOf({ topicId, partition })}`;
      const steps = this.history.commits.get(name) ?? [];
      this.history.commits.set(name, steps);
      const isDelivery = kept.has(name);
      // Other slots of the item are of other partitions, which this write has not touched.
      if (steps.at(-1)?.offset === committed.offset && !this.isReset(name, moment)) continue;
      steps.push({ moment, atMs: this.nowMs(), offset: committed.offset, isDelivery });
    }
  }

  private isReset(name: string, moment: number): boolean {
    const last = this.history.leases.get(name)?.at(-1);
    return last?.moment === moment && last.isFence;
  }

  private noteTrigger({ key, item }: WrittenItem, moment: number): void {
    const record = item && decodeTrigger(key.sk, item);
    const group = record?.trigger.group ?? this.groups.get(key.sk);
    if (group === undefined) return;
    this.groups.set(key.sk, group);
    const steps = this.history.triggers.get(group) ?? [];
    this.history.triggers.set(group, steps);
    steps.push({ moment, atMs: this.nowMs(), ...(record && { record }) });
  }
}

function isOfTriggers(pk: string, sk: string): boolean {
  return pk === TRIGGER_DIRECTORY || pk.startsWith(LEASES) || (pk.startsWith(GROUPS) && sk.startsWith(OFFSETS_PREFIX));
}
