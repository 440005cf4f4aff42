/**
 * Looks at the items of one group right after each write of the table: who owns what from which moment on, what is
 * committed by whom, who is removed. No process, cache or fault is between the table and the watch.
 */
import { type ConsumerMember, decodeMember } from '../../../lib/coordination/groups/member-item.ts';
import {
  decodeOffsets,
  groupKey,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../../../lib/coordination/groups/offsets-item.ts';
import { eachPartition, type TopicPartition } from '../../../lib/coordination/groups/partitions.ts';
import { MEMBER_PREFIX, type Seat, seatOfKey } from '../../../lib/coordination/groups/seat.ts';
import { decodeTarget, targetKey } from '../../../lib/coordination/groups/target-item.ts';
import { decodeDirectoryEntry, TOPIC_DIRECTORY } from '../../../lib/log/topic/topic-item.ts';
import type { WrittenItem } from '../table-watch.ts';
import type { GroupHistory, PartitionName, Tenure } from './group-history.ts';

export class GroupWatch {
  private readonly group: string;
  private readonly history: GroupHistory;
  private readonly nowMs: () => number;
  private readonly members = new Map<Seat, ConsumerMember>();
  private readonly open = new Map<PartitionName, Tenure[]>();
  /** Since when a seat is its member's. */
  private readonly seatedAt = new Map<Seat, number>();
  /** Members that lost their seats, each with its epoch then: what the fence of their commits names. */
  private readonly fenced = new Set<string>();
  private readonly slots = new Map<PartitionName, string>();
  readonly committed = new Map<PartitionName, number>();

  constructor(group: string, history: GroupHistory, nowMs: () => number) {
    this.group = group;
    this.history = history;
    this.nowMs = nowMs;
  }

  /** What one write, of one or several items, has made of them. */
  note(written: readonly WrittenItem[]): void {
    for (const { key, item } of written) {
      if (key.pk !== TOPIC_DIRECTORY || item === undefined) continue;
      this.history.topicNames.set(decodeDirectoryEntry(key.sk, item).topicId, key.sk);
    }
    const own = written.filter(({ key }) => key.pk === groupKey(this.group));
    if (own.length === 0) return;
    const moment = this.history.tick();
    const ofMembers = own.filter(({ key }) => key.sk.startsWith(MEMBER_PREFIX));
    const [first] = ofMembers;
    const committer = first && this.members.get(seatOfKey(first.key))?.memberId;
    // Commits count by what was so before: the same write may give the partition up.
    for (const one of own) if (one.key.sk.startsWith(OFFSETS_PREFIX)) this.noteOffsets(one, moment, committer);
    for (const one of ofMembers) this.noteMember(one, moment);
    for (const { key, item } of own) {
      if (key.sk !== targetKey(this.group).sk || item === undefined) continue;
      this.history.targets.push({ moment, atMs: this.nowMs(), target: decodeTarget(item) });
    }
  }

  ownersOf(partition: PartitionName): string[] {
    return (this.open.get(partition) ?? []).map(({ member }) => member);
  }

  private noteOffsets({ key, item }: WrittenItem, moment: number, member: string | undefined): void {
    if (item === undefined) return;
    const { topicId, index } = parseOffsetsKey(key.sk);
    for (const [slot, committed] of decodeOffsets(item).slots.entries()) {
      if (committed === undefined) continue;
      const partition = nameOf({ topicId, partition: index * OFFSETS_PER_ITEM + slot });
      const text = JSON.stringify(committed);
      if (this.slots.get(partition) === text) continue;
      this.slots.set(partition, text);
      this.committed.set(partition, committed.offset);
      this.history.commits.push({
        moment,
        partition,
        offset: committed.offset,
        ...(member !== undefined && { member }),
        ...(committed.metadata !== undefined && { metadata: committed.metadata }),
        owners: (this.open.get(partition) ?? []).map((tenure) => ({
          member: tenure.member,
          committed: tenure.committed,
        })),
      });
    }
  }

  private noteMember({ key, item }: WrittenItem, moment: number): void {
    const seat = seatOfKey(key);
    const before = this.members.get(seat);
    const decoded = item && decodeMember(seat, item);
    const after = decoded?.kind === 'consumer' ? decoded : undefined;
    if (after === undefined) this.members.delete(seat);
    else this.members.set(seat, after);
    const since = this.seatedAt.get(seat) ?? moment;
    const isSame = before?.nonce === after?.nonce && before?.memberId === after?.memberId;
    if (!isSame) {
      this.seatedAt.set(seat, moment);
      if (before?.memberId !== undefined) this.fenced.add(fenceOf(before));
    }
    const isNew = after !== undefined && after.epoch > 0 && !(isSame && before?.epoch === after.epoch);
    if (isNew && this.fenced.has(fenceOf(after))) {
      this.history.returns.push(`${after.memberId} has its epoch ${after.epoch} again at ${moment}`);
    }
    const had = new Set(before?.memberId === undefined ? [] : namesOf(before));
    const has = new Set(after?.memberId === undefined ? [] : namesOf(after));
    for (const partition of had) if (!isSame || !has.has(partition)) this.end(partition, seat, moment);
    for (const partition of has) {
      if (!isSame || !had.has(partition)) this.begin(partition, seat, String(after?.memberId), moment);
    }
    if (before?.memberId !== undefined && after === undefined) this.noteRemoval(before, { since, moment });
  }

  private noteRemoval(before: ConsumerMember, { since, moment }: { since: number; moment: number }): void {
    const { seat, nonce, followed, writes } = before;
    const overdue = this.history.targets.some(({ target }) =>
      target.withdrawals.some((one) => one.seat === seat && one.nonce === nonce && one.epoch > followed),
    );
    const suspected = before.suspectMs !== undefined;
    const member = String(before.memberId);
    this.history.removals.push({ since, moment, member, untouched: writes === 1, suspected, overdue });
  }

  private end(partition: PartitionName, seat: Seat, moment: number): void {
    const tenures = this.open.get(partition) ?? [];
    for (const tenure of tenures) if (tenure.seat === seat) tenure.until = moment;
    this.open.set(
      partition,
      tenures.filter((tenure) => tenure.seat !== seat),
    );
  }

  private begin(partition: PartitionName, seat: Seat, member: string, moment: number): void {
    const others = this.open.get(partition) ?? [];
    for (const other of others) {
      this.history.overlaps.push(`${partition} is ${member}'s from ${moment} on, and ${other.member}'s too`);
    }
    const committed = this.committed.get(partition) ?? 0;
    const until = Number.POSITIVE_INFINITY;
    const tenure: Tenure = { partition, seat, member, from: moment, until, committed };
    this.history.tenures.push(tenure);
    this.open.set(partition, [...others, tenure]);
  }
}

export function nameOf({ topicId, partition }: TopicPartition): PartitionName {
  return `${topicId}:${partition}`;
}

/** What the fence of a member's commits holds its item to. */
function fenceOf({ seat, memberId, epoch }: ConsumerMember): string {
  return `${seat} ${memberId} ${epoch}`;
}

function namesOf({ owned }: ConsumerMember): PartitionName[] {
  return Array.from(eachPartition(owned), nameOf);
}
