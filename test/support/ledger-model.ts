/**
 * A ledger under any interleaving, beside a list of what was committed in which order, which is all that its readers
 * must ever see.
 *
 * Writers, sealers and sweepers are taken apart into their single writes. A write may come late, twice, or from someone
 * whose view of the head is old; only the order in which one writer learns and decides is kept, by the rules of the
 * sequencer: `seen` goes up after a refusal where every earlier attempt was refused, and else through a look at the
 * head and the pages.
 */
import assert from 'node:assert/strict';
import type { Attributes, Write } from '../../lib/kernel/items.ts';
import { ledgerLimits } from '../../lib/kernel/limits/ledger.ts';
import { topicLimits } from '../../lib/kernel/limits/topics.ts';
import {
  type AppendPlan,
  type AppendRefusal,
  acceptableBirth,
  explainRefusal,
  isRecent,
  offsetsInPage,
  offsetsInTail,
  planAppend,
  planSweepFence,
} from '../../lib/log/ledger/append.ts';
import { type Commit, idOf } from '../../lib/log/ledger/commit.ts';
import { decodeHead, encodeHead, headKey, initialHead, type LedgerHead, tailStart } from '../../lib/log/ledger/head.ts';
import { type LocatedRun, runsInPage, runsInTail } from '../../lib/log/ledger/locate.ts';
import { decodePage, type Page, pageEnd, pageKey } from '../../lib/log/ledger/page.ts';
import { pageOf, planPage, planTrim } from '../../lib/log/ledger/seal.ts';
import type { WriteResult } from '../../lib/storage/metadata/port.ts';
import { ItemTable } from './item-table.ts';
import { LEDGER } from './ledger-arbitraries.ts';

/** Something to do next. Numbers choose among what there is, modulo how much that is. */
export type Step =
  /** A writer whose view of the head is `view` versions old uploads and makes its first attempt, not yet delivered. */
  | { step: 'begin'; slots: number[]; records: number; view: number; expected?: number }
  /** An attempt reaches the store, for the first or another time. */
  | { step: 'deliver'; attempt: number; answered: boolean }
  /** A writer looks for its commit; if it is not there it makes another attempt. */
  | { step: 'settle'; writer: number }
  | { step: 'put page'; view: number }
  | { step: 'trim'; view: number }
  /** A page or a trim that was planned before reaches the store, again or for the first time. */
  | { step: 'late'; write: number }
  | { step: 'seal' }
  /** Someone commits to a slot, and someone seals. */
  | { step: 'turn'; slot: number }
  | { step: 'fence'; writer: number };

/** Takes a rule out of the protocol, to see whether the checks notice. */
export type Sabotage = (write: Write, model: LedgerModel) => Write;

interface Writer {
  commit: Commit;
  firstSeen: number;
  /** Whether an attempt's answer is not known. */
  unknown: boolean;
  /** No more attempts: found, failed, or swept. */
  done: boolean;
  expected?: { slot: number; offset: number };
}

interface Attempt {
  writer: Writer;
  plan: AppendPlan;
}

interface Version {
  head: LedgerHead;
  /** Commits applied up to this version. */
  applied: number;
}

interface Applied {
  commit: Commit;
  /** By slot. */
  bases: Map<number, number>;
}

export class LedgerModel {
  readonly table = new ItemTable();
  /** In the order in which they were applied. */
  readonly applied: Applied[] = [];
  readonly versions: Version[] = [];
  readonly refusals = new Map<AppendRefusal['reason'], number>();
  private readonly sabotage: Sabotage;
  private readonly next = Array<number>(topicLimits.partitionsPerLedgerMax).fill(0);
  private readonly writers: Writer[] = [];
  private readonly attempts: Attempt[] = [];
  private readonly sealWrites: Write[] = [];
  private readonly decoded = new WeakMap<Attributes, Page>();
  private fencedMs = 0;

  constructor(sabotage: Sabotage = (write) => write) {
    this.sabotage = sabotage;
    this.table.apply({ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(initialHead()) });
    this.versions.push({ head: initialHead(), applied: 0 });
  }

  run(steps: readonly Step[]): this {
    for (const step of steps) {
      const before = this.versions.length;
      this.take(step);
      if (this.versions.length > before) this.checkReader(this.versions.at(-1) as Version);
    }
    // Readers may have any head that ever was, however old.
    for (const version of this.versions) this.checkReader(version);
    this.checkWriters();
    return this;
  }

  get head(): LedgerHead {
    return decodeHead(this.table.get(headKey(LEDGER)) as Attributes);
  }

  page(sequence: number): Page | undefined {
    const item = this.table.get(pageKey(LEDGER, sequence));
    if (item === undefined) return undefined;
    const page = this.decoded.get(item) ?? decodePage(sequence, item);
    this.decoded.set(item, page);
    return page;
  }

  private take(step: Step): void {
    switch (step.step) {
      case 'begin':
        return this.begin(step);
      case 'deliver': {
        const attempt = pick(this.attempts, step.attempt);
        return attempt && this.deliver(attempt, step.answered);
      }
      case 'settle': {
        const writer = pick(this.writers, step.writer);
        return writer?.done === false ? this.settle(writer) : undefined;
      }
      case 'put page':
        return this.putPage(this.view(step.view));
      case 'trim':
        return this.trim(this.view(step.view));
      case 'late': {
        const write = pick(this.sealWrites, step.write);
        return write && void this.write(write);
      }
      case 'turn':
        this.begin({ step: 'begin', slots: [step.slot], records: 1, view: 0 });
        this.deliver(this.attempts.at(-1) as Attempt, true);
        return this.take({ step: 'seal' });
      case 'seal':
        this.putPage(this.head);
        return this.trim(this.head);
      case 'fence': {
        const writer = pick(this.writers, step.writer);
        return writer && this.fence(writer.commit.object.birthMs);
      }
    }
  }

  private begin({ slots, records, view, expected }: Extract<Step, { step: 'begin' }>): void {
    const number = this.writers.length;
    const seen = this.view(view);
    const random = new Uint8Array(8);
    new DataView(random.buffer).setUint32(0, number);
    const birthMs = acceptableBirth(1_000 + number, [seen.swept]);
    const commit: Commit = {
      tier: 'segments',
      object: { birthMs, random },
      part: number % 256,
      position: number,
      runs: slots.map((slot) => ({
        slot,
        bytes: 100 + slot,
        records: records + (slot % 3),
        maxTimestamp: number,
        crc32c: number,
      })),
    };
    const slot = slots[0] as number;
    const offset = (seen.next[slot] as number) + (expected ?? 0);
    const writer: Writer = {
      commit,
      firstSeen: seen.sealed,
      unknown: false,
      done: false,
      expected: expected === undefined ? undefined : { slot, offset },
    };
    this.writers.push(writer);
    this.attempt(writer, seen.sealed);
  }

  private attempt(writer: Writer, seen: number): void {
    const { commit, expected } = writer;
    this.attempts.push({ writer, plan: { ledger: LEDGER, commit, epoch: 0, isrVersion: 0, seen, expected } });
  }

  private deliver({ writer, plan }: Attempt, answered: boolean): void {
    const result = this.write(planAppend(plan));
    if (result.outcome === 'applied') {
      this.noteApplied(plan);
      if (answered) writer.done = true;
      else writer.unknown = true;
      return;
    }
    const refusal = explainRefusal(plan, result.item);
    this.refusals.set(refusal.reason, (this.refusals.get(refusal.reason) ?? 0) + 1);
    if (refusal.reason === 'committed') this.look(writer, refusal.head);
    if (!answered) writer.unknown = true;
    else if (!writer.done) this.afterRefusal(writer, refusal);
  }

  private afterRefusal(writer: Writer, refusal: AppendRefusal): void {
    switch (refusal.reason) {
      case 'stale':
        if (writer.unknown) return; // it settles
        assert(!this.isApplied(writer.commit), 'a commit with only refused attempts was applied');
        writer.firstSeen = refusal.head.sealed;
        return this.attempt(writer, refusal.head.sealed);
      case 'full':
        writer.unknown = true; // this attempt would pass if it came again after a seal
        return;
      case 'offset-mismatch':
        if (refusal.nextOffset < (writer.expected?.offset ?? 0)) writer.unknown = true;
        else writer.done = true;
        return;
      case 'committed':
      case 'swept':
        writer.done = true;
        return;
      case 'fenced':
      case 'gone':
      case 'sequences':
        assert.fail(`nothing makes a head ${refusal.reason} here`);
    }
  }

  private noteApplied({ commit, expected }: AppendPlan): void {
    assert(!this.isApplied(commit), 'a commit was applied twice');
    assert(commit.object.birthMs > this.fencedMs, 'a commit was applied after the fence of its object');
    const bases = new Map(commit.runs.map(({ slot }) => [slot, this.next[slot] as number]));
    if (expected !== undefined) assert.equal(bases.get(expected.slot), expected.offset);
    for (const { slot, records } of commit.runs) this.next[slot] = (this.next[slot] as number) + records;
    this.applied.push({ commit, bases });
    const head = this.head;
    this.versions.push({ head, applied: this.applied.length });
    assert.deepEqual(offsetsInTail(head, idOf(commit)), bases, 'the answer to an append has its offsets');
    assert(isRecent(head, idOf(commit)));
    assert(head.tail.length <= ledgerLimits.tailEntriesMax);
  }

  private settle(writer: Writer): void {
    const head = this.head;
    if (this.look(writer, head)) {
      writer.done = true;
    } else {
      assert(!this.isApplied(writer.commit), 'settling did not find a commit that was applied');
      this.attempt(writer, head.sealed);
    }
  }

  /** What the writer finds in this head and the pages since its first attempt must be what the model knows. */
  private look(writer: Writer, head: LedgerHead): boolean {
    const id = idOf(writer.commit);
    let found = offsetsInTail(head, id);
    for (let sequence = head.sealed - 1; found === undefined && sequence >= writer.firstSeen; sequence--) {
      found = offsetsInPage(this.page(sequence) as Page, id);
    }
    if (found === undefined) return false;
    const known = this.applied.find(({ commit }) => commit === writer.commit);
    assert.deepEqual(found, known?.bases, 'the commit was found at other offsets than it got');
    return true;
  }

  private putPage(view: LedgerHead): void {
    if (view.tail.length === 0) return;
    const previous = view.sealed === 0 ? undefined : this.page(view.sealed - 1);
    this.sealWrites.push(planPage(LEDGER, pageOf(view, previous)));
    this.write(this.sealWrites.at(-1) as Write);
  }

  /** As the sealer does: by the stored page, and with a fresh head where the page knows more than the view. */
  private trim(view: LedgerHead): void {
    const stored = this.page(view.sealed);
    if (stored === undefined) return;
    const current = stored.commits.length > view.tail.length ? this.head : view;
    if (current.sealed !== stored.sequence) return;
    this.sealWrites.push(planTrim(LEDGER, current, stored));
    this.write(this.sealWrites.at(-1) as Write);
  }

  private fence(birthMs: number): void {
    this.write(planSweepFence(LEDGER, birthMs));
    this.fencedMs = Math.max(this.fencedMs, birthMs);
  }

  private write(write: Write): WriteResult {
    const result = this.table.apply(this.sabotage(write, this));
    const version = this.versions.at(-1)?.head.version;
    if (result.outcome === 'applied' && write.key.sk === 'head' && !isAppend(write)) {
      const head = this.head;
      assert.equal(head.version, (version as number) + 1, 'every write of the head counts its version up');
      this.versions.push({ head, applied: this.applied.length });
    }
    return result;
  }

  /** A head shows, with the pages below its seal count, exactly what was committed until then. */
  private checkReader({ head, applied }: Version): void {
    const seen = this.next.map((): number[] => []);
    const ends = this.next.map(() => 0);
    const see = (runs: LocatedRun[]) => {
      for (const { slot, baseOffset, endOffset, commit } of runs) {
        assert.equal(baseOffset, ends[slot], 'offsets are dense');
        ends[slot] = endOffset;
        (seen[slot] as number[]).push(numberOf(commit));
      }
    };
    for (let slot = 0; slot < seen.length; slot++) {
      for (let sequence = 0; sequence < head.sealed; sequence++) {
        const page = this.page(sequence);
        assert(page !== undefined, `page ${sequence} of ${head.sealed} is there`);
        see(runsInPage(page, slot));
        assert.equal(pageEnd(page, slot), ends[slot]);
      }
      assert.equal(tailStart(head, slot), ends[slot]);
      see(runsInTail(head, slot));
      assert.equal(head.next[slot], ends[slot]);
    }
    const expected = this.next.map((): number[] => []);
    for (const { commit } of this.applied.slice(0, applied)) {
      for (const { slot } of commit.runs) (expected[slot] as number[]).push(numberOf(commit));
    }
    assert.deepEqual(seen, expected, 'readers see what was committed, in its order');
    this.checkRecent(head);
  }

  /** The head remembers the ids of its tail and of the last K seals, and nothing else. */
  private checkRecent(head: LedgerHead): void {
    const first = Math.max(0, head.sealed - ledgerLimits.sealsRemembered);
    const pages = Array.from({ length: head.sealed - first }, (_, i) => (this.page(first + i) as Page).commits);
    assert.deepEqual(
      head.recentSealed,
      pages.map(({ length }) => length),
    );
    assert.deepEqual(head.recent, [...pages.flat(), ...head.tail].map(idOf));
  }

  private checkWriters(): void {
    for (const writer of this.writers) assert.equal(this.look(writer, this.head), this.isApplied(writer.commit));
  }

  private isApplied(commit: Commit): boolean {
    return this.applied.some((one) => one.commit === commit);
  }

  private view(age: number): LedgerHead {
    return (this.versions[Math.max(0, this.versions.length - 1 - age)] as Version).head;
  }
}

/** Which writer's commit it is; see `begin`. */
function numberOf(commit: Commit): number {
  return commit.position;
}

function isAppend(write: Write): boolean {
  return write.kind === 'update' && write.changes.append !== undefined;
}

function pick<T>(items: readonly T[], choice: number): T | undefined {
  return items.at(-1 - (choice % Math.max(1, items.length)));
}
