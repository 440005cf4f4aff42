/**
 * What a transaction makes sure of before it is written, where it appends to replicated ledgers (docs/replication.md):
 *
 * - the objects of its commits are held by every replica in sync, as acks=all wants it. Who stored them here sends them
 *   on; those of parts that another process may have stored are copied from a replica that has them;
 * - nothing before them is missing in a replica in sync: not in the head that is looked at, and not later, since the
 *   append is conditioned on that head's epoch, in-sync set and number of gaps. So all of the transaction is below the
 *   high watermarks from the moment of its write: readers see it together, as they do without replicas, and no election
 *   ever cuts it off. (That is why its commits keep their ids when the epoch changes: an id that was applied is there
 *   for good, and an attempt of an old epoch cannot be applied any more.)
 */
import { commitsEnd, coveredCommits, type HeadView } from '../../coordination/replication/ledger-view.ts';
import {
  count,
  maskOf,
  members,
  type ReplicaId,
  type ReplicaMask,
  type ReplicaState,
  without,
} from '../../coordination/replication/replica-state.ts';
import { missingHolders } from '../../coordination/replication/uploads.ts';
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ObjectName } from '../../storage/objects/port.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import { awaitHolders, SINGLE, targetsOf } from '../append/holders.ts';
import { Looks } from '../append/looks.ts';
import { type AppenderParts, goneError } from '../append/parts.ts';
import type { Placement } from '../append/placement.ts';
import { headView } from '../ledger/replicated.ts';
import type { StoredCommit, StoredLedger } from './intent.ts';

export type ReadinessParts = Pick<AppenderParts, 'heads' | 'watcher' | 'keeper' | 'objects' | 'clock' | 'random'>;

/** Commits as they may be appended to this head's epoch and in-sync set. */
export interface PlacedCommits {
  head: LedgerHead;
  commits: Commit[];
}

export class Readiness {
  private readonly parts: ReadinessParts;

  constructor(parts: ReadinessParts) {
    this.parts = parts;
  }

  /** The newest head of the ledger that is known here. */
  newest({ ledger, head }: Pick<StoredLedger, 'ledger' | 'head'>): LedgerHead {
    const known = this.parts.heads.peek(ledger);
    return known !== undefined && known.version > head.version ? known : head;
  }

  /** Throws `NOT_ENOUGH_REPLICAS`, and faults of storage, both with `effect: none`. */
  async place(stored: StoredLedger, deadlineMs: number): Promise<PlacedCommits> {
    const held = new Map(stored.commits.flatMap(objectsOf));
    const looks = new Looks(this.parts, stored);
    for (let retry = 0; ; ) {
      await checkInSync(this.parts, { ...stored, head: this.newest(stored) });
      await this.send(stored, held, deadlineMs);
      const head = this.newest(stored);
      const missing = missingOf((headView(head) as HeadView).state, held);
      if (missing.length === 0) return { head, commits: placed(stored.commits, held, head) };
      if (this.parts.clock.monotonic() >= deadlineMs) throw notHeld();
      const fault = await this.copy(missing, held);
      if (fault === undefined) continue;
      if (retry === 0) looks.now();
      await this.parts.clock.sleep(retryPauseMs(retry++, this.parts.random));
      await looks.ifDue();
    }
  }

  /** Waits until the newest head has no gap. */
  async untilCovered(stored: StoredLedger, deadlineMs: number): Promise<void> {
    if (!hasGap(this.newest(stored))) return;
    const { clock, watcher } = this.parts;
    const { ledger, rules } = stored;
    const looks = new Looks(this.parts, { ledger, rules });
    looks.now();
    for (let leftMs = deadlineMs - clock.monotonic(); leftMs > 0; leftMs = deadlineMs - clock.monotonic()) {
      await looks.ifDue();
      const timeoutMs = Math.min(leftMs, replicationLimits.replicaLookMs);
      const head = await watcher.wait(ledger, (newer) => !hasGap(newer), { timeoutMs });
      if (head === undefined) throw goneError();
      if (!hasGap(head)) return;
    }
    throw notHeld();
  }

  /** What this process has stored itself is sent on from here. */
  private async send(stored: StoredLedger, held: Map<ObjectName, ReplicaMask>, deadlineMs: number): Promise<void> {
    for (const { placement } of stored.commits) {
      if (placement === undefined) continue;
      const request = { ...stored, head: this.newest(stored), acks: 'all' as const, deadlineMs };
      await awaitHolders(this.parts, placement, request);
      held.set(placement.name, placement.held);
    }
  }

  /** Whichever fails is tried again by who asks; its fault. */
  private async copy(
    missing: readonly { name: ObjectName; replicas: ReplicaMask }[],
    held: Map<ObjectName, ReplicaMask>,
  ): Promise<MillraceError | undefined> {
    const { replicas: set } = this.parts.objects;
    assert(set !== undefined, 'a ledger has several replicas where there are several buckets');
    let fault: MillraceError | undefined;
    await mapBounded(missing, replicationLimits.replicaCopiesInFlightMax, async ({ name, replicas }) => {
      for (const replica of members(replicas)) {
        try {
          if (!(await set.copy(name, replica))) throw lost(name);
          held.set(name, (held.get(name) ?? 0) | (1 << replica));
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
          fault = error;
        }
      }
    });
    return fault;
  }
}

/**
 * Throws `NOT_ENOUGH_REPLICAS` where fewer replicas are in sync than the topic wants: by a strongly read head only,
 * since what is known here may be long over. Answers the newest head.
 */
export async function checkInSync(
  { heads, keeper }: Pick<ReadinessParts, 'heads' | 'keeper'>,
  { ledger, head, rules }: Pick<StoredLedger, 'ledger' | 'head' | 'rules'>,
): Promise<LedgerHead> {
  const stateOf = (one: LedgerHead) => headView(one)?.state ?? SINGLE;
  if (count(stateOf(head).inSync) >= rules.minInSync) return head;
  const fresh = await heads.strong(ledger);
  if (fresh === undefined) throw goneError();
  // Where all writes are refused, nobody else may look whether a replica has come back.
  if (count(stateOf(fresh).inSync) < rules.minInSync) void keeper.look(ledger, rules);
  targetsOf(stateOf(fresh), { acks: 'all', rules });
  return fresh;
}

/** Whether a commit is missing in a replica in sync: then what is appended behind it is not seen at once. */
export function hasGap(head: LedgerHead): boolean {
  const view = headView(head);
  return view !== undefined && coveredCommits(view) < commitsEnd(view);
}

/**
 * Whether the commits say of their holders what the head's epoch and in-sync set want, because they were stored for it;
 * if not they must be placed before they are appended.
 */
export function isPlaced({ head, commits, rules }: StoredLedger): boolean {
  const view = headView(head);
  if (view === undefined) return true;
  if (count(view.state.inSync) < rules.minInSync) return false;
  return commits.every(({ commit: { tier, replicated } }) => {
    if (replicated?.epoch !== view.epoch) return false;
    return tier === 'inline' || missingHolders(view.state, 'all', replicated.holders) === 0;
  });
}

/** Replicas that are joining may have had the object only after the commit was made. */
export function noteArrivals(
  { keeper }: Pick<ReadinessParts, 'keeper'>,
  ledger: LedgerId,
  commit: Commit,
  placement: Placement,
): void {
  const { replicated, tier } = commit;
  if (replicated === undefined || tier === 'inline') return;
  const arrived = (replica: ReplicaId) => keeper.arrived(ledger, idOf(commit), replica);
  for (const replica of members(without(placement.held, replicated.holders))) arrived(replica);
  if (placement.underWay !== 0) placement.onArrival(arrived);
}

/** What a commit's objects are, and who holds them by its own word; inline ones are items of the table, held by all. */
function objectsOf({ commit, bundled = [commit] }: StoredCommit): [ObjectName, ReplicaMask][] {
  return bundled
    .filter(({ tier }) => tier !== 'inline')
    .map(({ tier, object, replicated }) => [objectName(tier, object), replicated?.holders ?? 0]);
}

function missingOf(
  state: ReplicaState,
  held: ReadonlyMap<ObjectName, ReplicaMask>,
): { name: ObjectName; replicas: ReplicaMask }[] {
  return [...held]
    .map(([name, holders]) => ({ name, replicas: missingHolders(state, 'all', holders) }))
    .filter(({ replicas }) => replicas !== 0);
}

/** Of a bundle, whoever holds all its objects holds it. */
function placed(
  commits: readonly StoredCommit[],
  held: ReadonlyMap<ObjectName, ReplicaMask>,
  head: LedgerHead,
): Commit[] {
  const { replicas } = (headView(head) as HeadView).state;
  return commits.map((stored) => {
    const holders = objectsOf(stored).reduce((mask, [name]) => mask & (held.get(name) ?? 0), maskOf(replicas));
    return { ...stored.commit, replicated: { holders, epoch: head.epoch } };
  });
}

const RETRY = { retryAfterMs: requestLimits.retryAfterMsDefault };

function notHeld(): MillraceError {
  const detail = 'The replicas that are in sync did not all have the records, or those before them, in time.';
  return new MillraceError('NOT_ENOUGH_REPLICAS', detail, { facts: RETRY });
}

function lost(name: ObjectName): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `The object ${name} of the transaction is in no replica.`);
}
