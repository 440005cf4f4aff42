/**
 * A replicated ledger under any interleaving, beside what its buckets really hold.
 *
 * Writers, copiers, sealers and whoever changes the replicas are taken apart into uploads and single writes. Each acts
 * on a view of the head that may be old, and its write may reach the store late or twice. Who is thought to be alive is
 * arbitrary: health may be judged wrongly by anyone at any time.
 */
import assert from 'node:assert/strict';
import {
  decideElection,
  decidePreferred,
  type Election,
  planElection,
} from '../../lib/coordination/replication/election.ts';
import type { LostRange } from '../../lib/coordination/replication/epoch-item.ts';
import {
  coveredCommits,
  heldUpTo,
  type LedgerView,
  sealableCommits,
  visibleEnd,
} from '../../lib/coordination/replication/ledger-view.ts';
import { decideJoin, planCursor, planLeave, planStartJoining } from '../../lib/coordination/replication/membership.ts';
import { copiesDue, proposeChange, type ReplicaChange } from '../../lib/coordination/replication/propose-change.ts';
import {
  encodeReplication,
  has,
  initialReplication,
  maskOf,
  members,
  without,
} from '../../lib/coordination/replication/replica-state.ts';
import {
  type Acks,
  admit,
  judgeAck,
  judgeUploads,
  missingHolders,
} from '../../lib/coordination/replication/uploads.ts';
import { bytesEqual } from '../../lib/kernel/bytes.ts';
import type { Attributes, Write } from '../../lib/kernel/items.ts';
import { evaluate } from '../../lib/storage/metadata/apply.ts';
import { ItemTable } from './item-table.ts';
import {
  HEAD,
  idOf,
  type ModelCommit,
  pack,
  pageKey,
  planTrim,
  SEALS_REMEMBERED,
  SLOTS,
  unpack,
  viewOf,
} from './replication-items.ts';
import type { Purpose, Sabotage, Step } from './replication-steps.ts';

const REPLICAS = [0, 1, 2];

interface Writer {
  object: number;
  acks: Acks;
  slot: number;
  records: number;
  inline: boolean;
  held: number;
  view: LedgerView;
  acked: boolean;
  inLog: boolean;
}

interface Planned {
  writes: Write[];
  purpose: Purpose;
  applied?: () => void;
}

export class ReplicationModel {
  readonly table = new ItemTable();
  /** What was done, to see that the schedules reach everything. */
  readonly done = new Map<string, number>();
  private readonly sabotage: Sabotage;
  private readonly stores = REPLICAS.map(() => new Set<number>());
  private readonly writers: Writer[] = [];
  private readonly views: LedgerView[] = [];
  private readonly late: Planned[] = [];
  private readonly lost = new Set<number>();
  private reachable = maskOf(REPLICAS);
  private objects = 0;
  private visible: number[] = [];
  private ends: number[] = Array<number>(SLOTS).fill(0);

  constructor(sabotage: Sabotage = {}) {
    this.sabotage = sabotage;
    const fresh = { v: 0, e: 0, i: 0, t: [], r: [], c: [], x: 0, w: 0, b: 0 };
    const attributes = { ...fresh, ...encodeReplication(initialReplication(REPLICAS)) };
    this.table.apply({ kind: 'put', key: HEAD, attributes });
    this.views.push(this.view());
  }

  run(steps: readonly Step[]): this {
    for (const step of steps) {
      this.take(step);
      this.check();
    }
    return this;
  }

  /**
   * Everything can be reached again, and whoever looks after the ledger does what is proposed and copies what is due.
   * Returns the head in which nothing is left to do.
   */
  heal(): LedgerView {
    this.reachable = maskOf(REPLICAS);
    const sight = { alive: this.reachable, failed: 0, lagging: 0, failingSince: new Map() };
    for (let round = 0; round < 20; round++) {
      for (const { replica, from, to } of copiesDue(this.view())) {
        this.copy({ step: 'copy', replica, commits: to - from, view: 0, late: false });
        this.check();
      }
      const change = proposeChange(this.view(), sight, { uncleanAllowed: false, preferFirst: true });
      if (change.change === 'none' && copiesDue(this.view()).length === 0) return this.view();
      this.carryOut(change);
      this.check();
    }
    throw new Error('there is no end of what is to be done');
  }

  private carryOut(change: ReplicaChange): void {
    const now = { view: 0, late: false };
    if (change.change === 'start-joining' || change.change === 'join') {
      this.changeMembership({ step: change.change, replica: change.replica, ...now });
    } else if (change.change === 'elect') {
      this.elect({ step: 'prefer', ...now });
    } else {
      assert.equal(change.change, 'none', 'nothing else is proposed while all are alive');
    }
  }

  private take(step: Step): void {
    switch (step.step) {
      case 'begin':
        return this.begin(step);
      case 'upload':
        return this.with(this.writers, step.writer, (writer) => this.upload(writer, step.replica));
      case 'append':
        return this.with(this.writers, step.writer, (writer) => this.append(writer, step.late));
      case 'produce':
        return this.produce(step.acks, step.slot);
      case 'look':
        return this.with(this.writers, step.writer, (writer) => this.look(writer, this.old(step.view)));
      case 'raise':
        return this.with(this.writers, step.writer, (writer) => this.raise(writer, step));
      case 'copy':
        return this.copy(step);
      case 'leave':
      case 'start-joining':
      case 'join':
        return this.changeMembership(step);
      case 'elect':
      case 'prefer':
        return this.elect(step);
      case 'seal':
        return this.seal(this.old(step.view), step.late);
      case 'late':
        return this.with(this.late, step.write, (planned) => this.deliver(planned));
      case 'heal':
        return void this.heal();
      case 'fail':
        this.reachable = without(this.reachable, maskOf([step.replica]));
        return;
      case 'restore':
        this.reachable |= maskOf([step.replica]);
    }
  }

  private begin({ acks, slot, records, inline, view }: Omit<Extract<Step, { step: 'begin' }>, 'step'>): void {
    const seen = this.old(view);
    if (admit(seen.state, { acks, minInSync: 1 }).admission !== 'upload') return;
    const object = this.objects++;
    this.writers.push({ object, acks, slot, records, inline, held: 0, view: seen, acked: false, inLog: false });
  }

  private upload(writer: Writer, replica: number): void {
    if (writer.inline || !has(this.reachable, replica)) return;
    (this.stores[replica] as Set<number>).add(writer.object);
    writer.held |= maskOf([replica]);
  }

  private append(writer: Writer, late: boolean): void {
    if (writer.inLog) return;
    const { acks, inline, view } = writer;
    const held = inline ? maskOf(REPLICAS) : writer.held;
    const verdict = judgeUploads(view.state, { acks, held, underWay: 0, waitedMs: 0 });
    if (verdict.verdict !== 'append') return;
    const commit = pack(writer, verdict.holders);
    this.send({ writes: [this.planAppend(writer, commit)], purpose: 'append' }, late, () => {
      const missing = missingHolders(this.view().state, acks, verdict.holders);
      assert.equal(missing, 0, 'what is appended is held by everyone who must hold it');
      if (acks === 'leader') this.noteAcked(writer);
      if (this.sabotage.ackOwnHolders && missingHolders(this.view().state, 'all', held) === 0) this.noteAcked(writer);
    });
  }

  /** As lib/log/ledger/append.ts does. */
  private planAppend({ view, object, slot, records }: Writer, packed: Uint8Array): Write {
    return {
      kind: 'update',
      key: HEAD,
      changes: { add: { v: 1, b: records, [`n${slot}`]: records }, append: { t: [packed], r: [idOf(object)] } },
      conditions: [
        { clause: 'equals', attribute: 'e', value: view.epoch },
        { clause: 'equals', attribute: 'i', value: view.isrVersion },
        { clause: 'lacks', attribute: 'r', value: idOf(object) },
        { clause: 'at-most', attribute: 'x', value: this.sealedOf(view) + SEALS_REMEMBERED },
        { clause: 'shorter', attribute: 't', length: 12 },
      ],
    };
  }

  private produce(acks: Acks, slot: number): void {
    this.begin({ acks, slot, records: 2, inline: false, view: 0 });
    const writer = this.writers.at(-1);
    if (writer === undefined) return;
    for (const replica of REPLICAS) this.upload(writer, replica);
    this.append(writer, false);
    this.look(writer, this.view());
  }

  /** The writer learns from a head: it is in, it may be answered, or it must go by another epoch or set. */
  private look(writer: Writer, view: LedgerView): void {
    const isIn = view.recent.some((id) => bytesEqual(id, idOf(writer.object)));
    if (isIn && !writer.acked && writer.acks === 'all') {
      if (judgeAck(view, idOf(writer.object), { minInSync: 1 }).ack === 'now') this.noteAcked(writer);
    }
    if (isIn || view.version < this.view().version) return;
    // A strongly read head without the id. Were it forgotten, the condition on seals would have refused; see append.ts.
    if (this.log().some(({ object }) => object === writer.object)) return;
    writer.inLog = false;
    writer.view = view;
  }

  private noteAcked(writer: Writer): void {
    this.count(`acked ${writer.acks}`);
    writer.acked = true;
    writer.inLog = true;
  }

  /** A writer's upload ended after its commit was appended. */
  private raise(writer: Writer, { replica, view, late }: { replica: number; view: number; late: boolean }): void {
    const seen = this.old(view);
    const mine = idOf(writer.object);
    const upTo = heldUpTo(seen, replica, (commit) => bytesEqual(commit.id, mine) && has(writer.held, replica));
    const write = planCursor(seen, replica, upTo);
    if (write !== undefined) this.send({ writes: [write], purpose: 'cursor' }, late);
  }

  private copy({ replica, commits, view, late }: Extract<Step, { step: 'copy' }>): void {
    if (!has(this.reachable, replica)) return;
    const seen = this.old(view);
    const from = heldUpTo(seen, replica);
    // Pages never change; of the tail the copier knows what its view has.
    const numbered = [...this.log().slice(0, seen.paged), ...seen.tail.map(unpack)];
    let upTo = from;
    for (const { object, inline } of numbered.slice(from, from + commits)) {
      const source = REPLICAS.find((id) => has(this.reachable, id) && this.stores[id]?.has(object));
      if (source === undefined && !inline && !this.lost.has(object)) break;
      if (source !== undefined) (this.stores[replica] as Set<number>).add(object);
      upTo++;
    }
    const write = planCursor(seen, replica, upTo);
    if (write !== undefined) this.send({ writes: [write], purpose: 'cursor' }, late);
  }

  private changeMembership(step: Extract<Step, { step: 'leave' | 'start-joining' | 'join' }>): void {
    const { replica, late } = step;
    const view = this.old(step.view);
    const { inSync, joining, leader } = view.state;
    if (step.step === 'leave' && replica !== leader && has(inSync | joining, replica)) {
      this.send({ writes: [planLeave(view, maskOf([replica]))], purpose: 'leave' }, late);
    } else if (step.step === 'start-joining' && !has(inSync | joining, replica)) {
      this.send({ writes: [planStartJoining(view, replica)], purpose: 'start-joining' }, late);
    } else if (step.step === 'join' && has(joining, replica)) {
      const decision = decideJoin(view, replica);
      if (decision.join === 'now') this.send({ writes: [decision.write], purpose: 'join' }, late);
    }
  }

  private elect(step: Extract<Step, { step: 'elect' | 'prefer' }>): void {
    const view = this.old(step.view);
    const election =
      step.step === 'prefer'
        ? decidePreferred(view, { alive: this.reachable })
        : decideElection(view, {
            alive: step.alive,
            uncleanAllowed: step.unclean,
          });
    if (election.election === 'none') return;
    const lost = election.election === 'unclean' ? this.lostRanges(view, election) : undefined;
    this.send({ writes: planElection(view, election, { lost }), purpose: 'elect' }, step.late, () => {
      this.count(election.election);
      if (election.election !== 'unclean') return;
      for (const { object, inline } of this.log().slice(election.lostFrom, election.cut)) {
        if (!inline && !this.stores[election.leader]?.has(object)) this.lost.add(object);
      }
    });
  }

  private lostRanges(view: LedgerView, { lostFrom, cut }: Extract<Election, { election: 'unclean' }>): LostRange[] {
    const numbered = [...this.log().slice(0, view.paged), ...view.tail.map(unpack)];
    const end = (slot: number, number: number) =>
      numbered.slice(0, number).reduce((sum, commit) => sum + (commit.slot === slot ? commit.records : 0), 0);
    return view.next.map((_, slot) => ({ from: end(slot, lostFrom), to: end(slot, cut) }));
  }

  /** As lib/log/ledger/seal.ts does, with only what may be sealed. */
  private seal(view: LedgerView, late: boolean): void {
    const length = this.sabotage.sealEverything ? view.tail.length : sealableCommits(view);
    const sealed = this.sealedOf(view);
    if (length > 0) {
      const attributes = { c: view.tail.slice(0, length).map(({ packed }) => packed) };
      const write: Write = { kind: 'put', key: pageKey(sealed), attributes, conditions: [{ clause: 'item-absent' }] };
      this.send({ writes: [write], purpose: 'page' }, late);
    }
    const page = this.table.get(pageKey(sealed))?.c as Uint8Array[] | undefined;
    const current = this.view();
    if (page === undefined || this.sealedOf(current) !== sealed) return;
    const trim = planTrim(this.table.get(HEAD) as Attributes, page);
    this.send({ writes: [trim], purpose: 'trim' }, late);
  }

  /** Now, or kept for later; what was delivered may come again too. */
  private send(planned: Planned, late: boolean, applied?: () => void): void {
    const alter = this.sabotage.alter ?? ((write: Write) => write);
    const kept = { ...planned, writes: planned.writes.map((write) => alter(write, planned.purpose)), applied };
    this.late.push(kept);
    if (!late) this.deliver(kept);
  }

  private deliver({ writes, purpose, applied }: Planned): void {
    if (!writes.every((write) => evaluate(write.conditions ?? [], this.table.get(write.key)))) {
      this.count(`${purpose} refused`);
      return;
    }
    for (const write of writes) this.table.apply(write);
    this.count(purpose);
    this.views.push(this.view());
    applied?.();
  }

  private check(): void {
    const view = this.view();
    const log = this.log();
    const objects = log.map(({ object }) => object);
    assert.equal(new Set(objects).size, objects.length, 'a commit is in the ledger once');
    const covered = coveredCommits(view);
    const visible = objects.slice(0, covered);
    assert.deepEqual(
      visible.slice(0, this.visible.length),
      this.visible,
      'nothing below the high watermark disappears',
    );
    this.visible = visible;
    for (let slot = 0; slot < SLOTS; slot++) {
      const records = log.reduce((sum, commit) => sum + (commit.slot === slot ? commit.records : 0), 0);
      assert.equal(view.next[slot], records, 'the next offset is the number of records');
      const end = visibleEnd(view, slot);
      assert(end >= (this.ends[slot] as number), 'the high watermark does not go down');
      this.ends[slot] = end;
    }
    for (const replica of REPLICAS) this.checkHolder(replica, log.slice(0, heldUpTo(view, replica)));
    this.checkHolder(view.state.leader, log);
    for (const replica of members(view.state.inSync)) this.checkHolder(replica, log.slice(0, covered));
    for (const writer of this.writers) {
      if (!writer.acked || writer.acks !== 'all') continue;
      assert(
        visible.includes(writer.object),
        'what was answered with acks=all is in the ledger, below the high watermark',
      );
    }
  }

  private checkHolder(replica: number, commits: readonly ModelCommit[]): void {
    for (const { object, inline } of commits) {
      const there = inline || this.lost.has(object) || this.stores[replica]?.has(object);
      assert(there, `replica ${replica} holds what the head says it holds`);
    }
  }

  private log(): ModelCommit[] {
    const view = this.view();
    const pages = Array.from({ length: this.sealedOf(view) }, (_, sequence) => {
      return this.table.get(pageKey(sequence))?.c as Uint8Array[];
    });
    const paged = pages.flat().map((packed) => unpack({ packed }));
    assert.equal(paged.length, view.paged, 'pages hold as many commits as the head says');
    return [...paged, ...view.tail.map(unpack)];
  }

  private sealedOf({ version }: LedgerView): number {
    return this.sealCounts.get(version) as number;
  }

  private readonly sealCounts = new Map<number, number>();

  private view(): LedgerView {
    const attributes = this.table.get(HEAD) as Attributes;
    this.sealCounts.set(attributes.v as number, attributes.x as number);
    return viewOf(attributes);
  }

  private old(age: number): LedgerView {
    return this.views[Math.max(0, this.views.length - 1 - age)] as LedgerView;
  }

  private with<T>(items: readonly T[], choice: number, use: (item: T) => void): void {
    const item = items.at(-1 - (choice % Math.max(1, items.length)));
    if (item !== undefined) use(item);
  }

  private count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }
}
