/**
 * Group commit of transactions. One that meets no other begins at once. One whose items are being written by another of
 * this process waits for it, since DynamoDB would only refuse it meanwhile; those that wait for the same ledgers then
 * share one atomic write where they fit. A shared write that is refused, for whoever's sake, or not answered, is
 * followed by one for each.
 *
 * Deliberately does not bring transactions together that share no ledger: DynamoDB bills items, not writes, and one
 * that is refused would hold the other up.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { Write } from '../../kernel/items.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { headKey } from '../../log/ledger/head.ts';
import { begin, CommitAttempts, type CommitterParts, type Progress, timedOut, writesOf } from './commit-attempts.ts';
import { type CommitOutcome, type Intent, intentKeys } from './intent.ts';
import { mergeAppends } from './ledger-appends.ts';

interface Waiting {
  intent: Intent;
  keys: readonly string[];
  resolve: (outcome: CommitOutcome) => void;
  reject: (error: unknown) => void;
}

export class Committer {
  private readonly parts: CommitterParts;
  private readonly attempts: CommitAttempts;
  private readonly queue: Waiting[] = [];
  /** The items of the writes under way. */
  private readonly busy = new Set<string>();
  /** By transactional id, the end of its line. */
  private readonly lines = new Map<string, Promise<void>>();
  private readonly running = new Set<Promise<void>>();
  private pending = 0;
  private pendingBytes = 0;

  constructor(parts: CommitterParts) {
    this.parts = parts;
    this.attempts = new CommitAttempts(parts);
  }

  /**
   * Counts a transaction among those of the process, from before its bytes are stored until the returned function is
   * called. Throws `THROTTLING_QUOTA_EXCEEDED` where there are too many.
   */
  admit(bytes: number): () => void {
    if (
      this.pending >= transactionLimits.pendingTransactionsMax ||
      this.pendingBytes + bytes > produceLimits.pendingBytesMax
    ) {
      const detail = `${this.pending} transactions of ${this.pendingBytes} bytes are under way in this process; try again.`;
      const facts = { retryAfterMs: requestLimits.retryAfterMsDefault };
      throw new MillraceError('THROTTLING_QUOTA_EXCEEDED', detail, { facts });
    }
    this.pending++;
    this.pendingBytes += bytes;
    return () => {
      this.pending--;
      this.pendingBytes -= bytes;
    };
  }

  /** Commits all of it or nothing. Throws with the fault's effect; see intent.ts for what else it may come to. */
  commit(intent: Intent): Promise<CommitOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<CommitOutcome>();
    this.queue.push({ intent, keys: intentKeys(intent, headKey), resolve, reject });
    this.pump();
    return promise;
  }

  /** Runs `work` after everything of this process that came before under the same transactional id. */
  async inLine<T>(transactionalId: string, work: () => Promise<T>): Promise<T> {
    const before = this.lines.get(transactionalId) ?? Promise.resolve();
    const turn = before.then(work);
    const done = turn.then(
      () => {},
      () => {},
    );
    this.lines.set(transactionalId, done);
    try {
      return await turn;
    } finally {
      if (this.lines.get(transactionalId) === done) this.lines.delete(transactionalId);
    }
  }

  /** Resolves when no transaction is waiting or being written. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private pump(): void {
    for (let group = this.takeGroup(); group.length > 0; group = this.takeGroup()) {
      const keys = group.flatMap((waiting) => waiting.keys);
      for (const key of keys) this.busy.add(key);
      const run = this.run(group).finally(() => {
        for (const key of keys) this.busy.delete(key);
        this.running.delete(run);
        this.pump();
      });
      this.running.add(run);
    }
  }

  /** The first that need not wait, and those behind it that share a ledger with it and fit the same write. */
  private takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    const fit = new Fit();
    // Nobody overtakes one that waits for the same items: it would wait for ever.
    const passed = new Set<string>();
    for (const waiting of this.queue.slice()) {
      const free = waiting.keys.every((key) => !this.busy.has(key) && !passed.has(key));
      if (free && (group.length === 0 || fit.takes(waiting))) {
        fit.add(waiting);
        group.push(waiting);
        this.queue.splice(this.queue.indexOf(waiting), 1);
      } else {
        for (const key of waiting.keys) passed.add(key);
      }
    }
    return group;
  }

  /** Never rejects. */
  private async run(group: readonly Waiting[]): Promise<void> {
    const progresses = group.map(({ intent }) => begin(intent));
    const done = group.length > 1 && (await this.share(group, progresses));
    if (done) return;
    await Promise.all(
      group.map(({ resolve, reject }, index) => this.attempts.run(progresses[index] as Progress).then(resolve, reject)),
    );
  }

  /** One write for all; whether it was applied, and everybody answered. */
  private async share(group: readonly Waiting[], progresses: readonly Progress[]): Promise<boolean> {
    const nowMs = this.parts.clock.monotonic();
    if (progresses.some(({ intent }) => nowMs >= intent.deadlineMs)) return false;
    // Those that have to wait for replicas do so by themselves.
    if (!progresses.every((progress) => this.attempts.isReady(progress))) return false;
    try {
      const result = await this.parts.metadata.write(sharedWrites(progresses));
      if (result.outcome === 'refused') return false;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.effect === 'unknown') {
        for (const progress of progresses) progress.unknown = true;
      }
      return false;
    }
    for (const progress of progresses) progress.unknown = true;
    await Promise.all(
      group.map(({ resolve, reject }, index) => {
        const progress = progresses[index] as Progress;
        // Whoever cannot be told at once where its records are finds out like after a lost answer.
        return this.attempts
          .afterApplied(progress)
          .catch(() => this.attempts.run(progress))
          .then(resolve, (error: unknown) => reject(error instanceof MillraceError ? error : timedOut(progress)));
      }),
    );
    return true;
  }
}

/** The writes of several transactions as one, with one update for each ledger. */
function sharedWrites(progresses: readonly Progress[]): Write[] {
  const byKey = new Map<string, Write[]>();
  for (const write of progresses.flatMap(writesOf)) {
    const key = JSON.stringify([write.key.pk, write.key.sk]);
    byKey.set(key, [...(byKey.get(key) ?? []), write]);
  }
  return [...byKey.values()].map((writes) => (writes.length === 1 ? (writes[0] as Write) : mergeAppends(writes)));
}

/** What a shared write holds so far. */
class Fit {
  private readonly keys = new Set<string>();
  private readonly commits = new Map<string, number>();

  takes({ intent, keys }: Waiting): boolean {
    const ledgers = ledgerKeys(intent);
    const shared = keys.filter((key) => this.keys.has(key));
    if (shared.length === 0 || shared.some((key) => !ledgers.has(key))) return false;
    if (this.keys.size + keys.length - shared.length > storageLimits.transactionItemsMax) return false;
    return shared.every(
      (key) => (this.commits.get(key) ?? 0) + (ledgers.get(key) ?? 0) <= transactionLimits.commitsPerSharedWriteMax,
    );
  }

  add({ intent, keys }: Waiting): void {
    for (const key of keys) this.keys.add(key);
    for (const [key, count] of ledgerKeys(intent)) this.commits.set(key, (this.commits.get(key) ?? 0) + count);
  }
}

/** How many commits the intent brings to each ledger, by the key of its head. */
function ledgerKeys({ ledgers }: Intent): Map<string, number> {
  return new Map(
    ledgers.map(({ ledger, commits }) => {
      const { pk, sk } = headKey(ledger);
      return [JSON.stringify([pk, sk]), commits.length];
    }),
  );
}
