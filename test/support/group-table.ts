/**
 * The table that a group in the model lives in: what it has been, so that it can be read as it was; writes under way;
 * and processes with clocks of their own.
 */
import { decodeGroup, type GroupState, stateKey } from '../../lib/coordination/groups/group-item.ts';
import { decodeMember, type Member } from '../../lib/coordination/groups/member-item.ts';
import { memberKey, type Seat } from '../../lib/coordination/groups/seat.ts';
import { decodeTarget, type Target, targetKey } from '../../lib/coordination/groups/target-item.ts';
import type { Attributes, Write } from '../../lib/kernel/items.ts';
import { evaluate } from '../../lib/storage/metadata/apply.ts';
import type { Purpose, Sabotage } from './group-steps.ts';
import { ItemTable } from './item-table.ts';

export const GROUP = 'g';
const PROCESSES = 3;

interface Snapshot {
  state: Attributes | undefined;
  target: Attributes | undefined;
  members: ReadonlyMap<Seat, Attributes>;
}

interface Planned {
  writes: Write[];
  purpose: Purpose;
  /** Checked in the moment in which it is applied. */
  applied?: () => void;
}

export class GroupTable {
  readonly table = new ItemTable();
  /** What was done, to see that the schedules reach everything. */
  readonly done = new Map<string, number>();
  /** All that ever were. */
  readonly seats = new Set<Seat>();
  nowMs = 1_000_000;
  private readonly alter: NonNullable<Sabotage['alter']>;
  private readonly snapshots: Snapshot[] = [];
  private late: Planned[] = [];
  private readonly skews = Array<number>(PROCESSES).fill(0);
  private names = 0;

  constructor({ alter = (write) => write }: Sabotage) {
    this.alter = alter;
    this.snapshots.push(this.snapshot());
  }

  /** Now, or kept for later; whether it was applied and answered. */
  send(planned: Planned, late: boolean): boolean {
    const kept = { ...planned, writes: planned.writes.map((write) => this.alter(write, planned.purpose)) };
    if (!late) return this.deliver(kept);
    this.late.push(kept);
    return false;
  }

  arrive(choice: number): void {
    const [planned] = this.late.splice(choice % Math.max(1, this.late.length), 1);
    if (planned !== undefined) this.deliver(planned);
  }

  private deliver({ writes, purpose, applied }: Planned): boolean {
    if (!writes.every((write) => evaluate(write.conditions ?? [], this.table.get(write.key)))) {
      this.count(`${purpose} refused`);
      return false;
    }
    for (const write of writes) this.table.apply(write);
    this.count(purpose);
    this.snapshots.push(this.snapshot());
    applied?.();
    return true;
  }

  /** Nothing is under way any more, and all clocks are right. */
  calm(): void {
    this.late = [];
    this.skews.fill(0);
  }

  now(process: number): number {
    return this.nowMs + (this.skews[process % PROCESSES] as number);
  }

  jump(process: number, ms: number): void {
    this.skews[process % PROCESSES] = ms;
  }

  /** Ages are how many changes of the table ago. */
  members(age = 0): ReadonlyMap<Seat, Member> {
    const { members } = this.old(age);
    return new Map(
      [...members].map(([seat, attributes]) => [seat, decoded(attributes, () => decodeMember(seat, attributes))]),
    );
  }

  state(): GroupState | undefined {
    const { state } = this.old(0);
    return state && decodeGroup(state);
  }

  target(age: number): Target | undefined {
    const { target } = this.old(age);
    return target && decoded(target, () => decodeTarget(target));
  }

  /** A name that nothing else has. */
  name(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  private old(age: number): Snapshot {
    return this.snapshots[Math.max(0, this.snapshots.length - 1 - age)] as Snapshot;
  }

  private snapshot(): Snapshot {
    const members = new Map<Seat, Attributes>();
    for (const seat of this.seats) {
      const attributes = this.table.get(memberKey(GROUP, seat));
      if (attributes !== undefined) members.set(seat, attributes);
    }
    return { state: this.table.get(stateKey(GROUP)), target: this.table.get(targetKey(GROUP)), members };
  }
}

/** Items are replaced and not changed, so that each is decoded once. */
const known = new WeakMap<Attributes, unknown>();

function decoded<T>(attributes: Attributes, decode: () => T): T {
  const value = (known.get(attributes) as T | undefined) ?? decode();
  known.set(attributes, value);
  return value;
}
