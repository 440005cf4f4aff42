/**
 * Share sessions (KIP-932): what a member has asked one virtual broker to fetch from, so that it need not say it again,
 * and the number of its next request. A process keeps them, and nothing depends on them: a client whose session is not
 * known here is told so and begins another, and what it may acknowledge is in the store. They end with the connection
 * that began them, as in Kafka.
 */
import type { Clock } from '../../kernel/clock.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';

/** Session epochs that begin and end a session; others count its requests. */
export const FIRST_EPOCH = 0;
export const FINAL_EPOCH = -1;
const EPOCH_MAX = 2 ** 31 - 1;

export interface SessionKey {
  group: string;
  memberId: string;
  /** The virtual broker: a client has a session with each. */
  nodeId: number;
}

export interface SessionPartition {
  topicId: TopicId;
  partition: number;
}

export class ShareSession {
  readonly key: SessionKey;
  /** Ends with the connection. */
  readonly signal: AbortSignal;
  /** That of the next request. */
  epoch = 1;
  usedMs: number;
  private readonly byName = new Map<string, SessionPartition>();

  constructor(key: SessionKey, { signal, nowMs }: { signal: AbortSignal; nowMs: number }) {
    this.key = key;
    this.signal = signal;
    this.usedMs = nowMs;
  }

  get partitions(): SessionPartition[] {
    return [...this.byName.values()];
  }

  has(partition: SessionPartition): boolean {
    return this.byName.has(partitionName(partition));
  }

  /** False, and nothing is changed, where it would have more than a session can have. */
  update(added: readonly SessionPartition[], forgotten: readonly SessionPartition[]): boolean {
    const names = new Set([...this.byName.keys(), ...added.map(partitionName)]);
    for (const partition of forgotten) names.delete(partitionName(partition));
    if (names.size > shareGroupLimits.shareSessionPartitionsMax) return false;
    for (const partition of added) this.byName.set(partitionName(partition), partition);
    for (const partition of forgotten) this.byName.delete(partitionName(partition));
    return true;
  }

  /** The partitions, another one first each time. */
  rotated(): SessionPartition[] {
    const { partitions } = this;
    const from = partitions.length === 0 ? 0 : this.epoch % partitions.length;
    return [...partitions.slice(from), ...partitions.slice(0, from)];
  }
}

export type SessionFound =
  | { session: ShareSession }
  /** There is none, its next request has another epoch, or there are as many as there can be. */
  | { missing: 'session' | 'epoch' | 'room' };

export class ShareSessions {
  private readonly clock: Clock;
  private readonly sessions = new Map<string, ShareSession>();
  private readonly watched = new WeakSet<AbortSignal>();

  constructor({ clock }: { clock: Clock }) {
    this.clock = clock;
  }

  /** In place of the one that the member may have. `ended`: told of it when it ends with its connection. */
  begin(key: SessionKey, signal: AbortSignal, ended: (session: ShareSession) => void): SessionFound {
    this.sessions.delete(nameOfKey(key));
    if (this.sessions.size >= shareGroupLimits.shareSessionsMax) this.forgetIdle();
    if (this.sessions.size >= shareGroupLimits.shareSessionsMax) return { missing: 'room' };
    const session = new ShareSession(key, { signal, nowMs: this.clock.monotonic() });
    this.sessions.set(nameOfKey(key), session);
    this.watch(signal, ended);
    return { session };
  }

  /** The session for its next request, which is counted; the last one (`FINAL_EPOCH`) may come at any time. */
  next(key: SessionKey, epoch: number): SessionFound {
    const session = this.sessions.get(nameOfKey(key));
    if (session === undefined) return { missing: 'session' };
    if (epoch === FINAL_EPOCH) return { session };
    if (epoch !== session.epoch) return { missing: 'epoch' };
    session.epoch = epoch === EPOCH_MAX ? 1 : epoch + 1;
    session.usedMs = this.clock.monotonic();
    return { session };
  }

  end(session: ShareSession): void {
    if (this.isOpen(session)) this.sessions.delete(nameOfKey(session.key));
  }

  private isOpen(session: ShareSession): boolean {
    return this.sessions.get(nameOfKey(session.key)) === session;
  }

  /** Once for a connection, however many sessions begin on it. */
  private watch(signal: AbortSignal, ended: (session: ShareSession) => void): void {
    if (this.watched.has(signal)) return;
    this.watched.add(signal);
    const end = () => {
      const own = [...this.sessions.values()].filter((session) => session.signal === signal);
      for (const session of own) {
        this.end(session);
        ended(session);
      }
    };
    signal.addEventListener('abort', end, { once: true });
  }

  private forgetIdle(): void {
    const sinceMs = this.clock.monotonic() - shareGroupLimits.shareSessionIdleMs;
    for (const session of this.sessions.values()) if (session.usedMs < sinceMs) this.end(session);
  }
}

export function partitionName({ topicId, partition }: SessionPartition): string {
  return `${topicId}:${partition}`;
}

function nameOfKey({ group, memberId, nodeId }: SessionKey): string {
  return JSON.stringify([nodeId, memberId, group]);
}
