/**
 * Looks at the items of a classic group right after each write of the table, and notes what must never be: a commit of
 * somebody who is not, or no longer, who was assigned the partition; a generation that is handed out twice, or after a
 * later one.
 */
import { decodeGeneration, generationKey } from '../../../lib/coordination/groups/classic/generation-item.ts';
import { decodeMember } from '../../../lib/coordination/groups/member-item.ts';
import {
  decodeOffsets,
  groupKey,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../../../lib/coordination/groups/offsets-item.ts';
import { MEMBER_PREFIX, type Seat, seatOfKey } from '../../../lib/coordination/groups/seat.ts';
import type { WrittenItem } from '../table-watch.ts';

/** What a commit says of itself, as its metadata. */
export interface Committer {
  seat: Seat;
  memberId: string;
  generation: number;
  /** Different for each commit. */
  number: number;
}

export class ClassicWatch {
  readonly violations: string[] = [];
  /** By generation: what each seat was assigned. */
  readonly handedOut = new Map<number, ReadonlyMap<Seat, readonly number[]>>();
  /** By partition. */
  readonly committed = new Map<number, Committer>();
  commits = 0;
  private readonly group: string;
  private readonly memberIds = new Map<Seat, string | undefined>();

  constructor(group: string) {
    this.group = group;
  }

  get newest(): number {
    return Math.max(0, ...this.handedOut.keys());
  }

  note(written: readonly WrittenItem[]): void {
    const own = written.filter(({ key }) => key.pk === groupKey(this.group));
    for (const { key, item } of own) {
      if (!key.sk.startsWith(MEMBER_PREFIX)) continue;
      const seat = seatOfKey(key);
      this.memberIds.set(seat, item && decodeMember(seat, item).memberId);
    }
    for (const { key, item } of own) {
      if (item === undefined) continue;
      if (key.sk === generationKey(this.group).sk) this.noteGeneration(item);
      if (key.sk.startsWith(OFFSETS_PREFIX)) this.noteOffsets(key.sk, item);
    }
  }

  private noteGeneration(item: Parameters<typeof decodeGeneration>[0]): void {
    const { generation, members, assignments } = decodeGeneration(item);
    if (assignments === undefined) return;
    if (generation <= this.newest) this.violations.push(`generation ${generation} is handed out after ${this.newest}`);
    const parts = members.map(({ seat }, at) => [seat, [...(assignments[at] ?? [])]] as const);
    this.handedOut.set(generation, new Map(parts));
  }

  private noteOffsets(sk: string, item: Parameters<typeof decodeOffsets>[0]): void {
    const { index } = parseOffsetsKey(sk);
    for (const [slot, entry] of decodeOffsets(item).slots.entries()) {
      if (entry?.metadata === undefined) continue;
      const partition = index * OFFSETS_PER_ITEM + slot;
      const committer = JSON.parse(entry.metadata) as Committer;
      if (this.committed.get(partition)?.number === committer.number) continue;
      this.committed.set(partition, committer);
      this.commits++;
      this.judge(partition, committer);
    }
  }

  private judge(partition: number, { seat, memberId, generation }: Committer): void {
    const who = `${memberId} of generation ${generation}`;
    if (generation !== this.newest) this.violations.push(`${who} commits while ${this.newest} is handed out`);
    const assigned = this.handedOut.get(generation)?.get(seat) ?? [];
    if (!assigned.includes(partition)) this.violations.push(`${who} commits partition ${partition} of somebody else`);
    if (this.memberIds.get(seat) !== memberId) this.violations.push(`${who} commits, and its seat is another's`);
  }
}
