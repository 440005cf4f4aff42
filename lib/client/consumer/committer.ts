/**
 * Commits that the application asks for: one request at a time, with all that was asked for while the last was under
 * way.
 */
import { assert } from '../../kernel/assert.ts';
import { clientLimits } from '../../kernel/limits/client.ts';
import type { MillraceClientError } from '../errors.ts';
import { isFenced } from './fenced.ts';
import type { GroupsApi, JsonGroupOffset } from './groups-api.ts';
import type { Membership } from './membership.ts';
import type { OwnedPartition } from './owned-partition.ts';

export interface PartitionOffset {
  partition: OwnedPartition;
  offset: number;
  metadata?: string;
}

interface Call {
  offsets: readonly PartitionOffset[];
  done: PromiseWithResolvers<void>;
}

export class Committer {
  private readonly api: GroupsApi;
  private readonly membership: Membership;
  private readonly signal: AbortSignal;
  private calls: Call[] = [];
  private sending: Promise<void> | undefined;

  constructor({ api, membership, signal }: { api: GroupsApi; membership: Membership; signal: AbortSignal }) {
    this.api = api;
    this.membership = membership;
    this.signal = signal;
  }

  commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.calls.push({ offsets, done });
    this.sending ??= this.send().finally(() => {
      this.sending = undefined;
    });
    return done.promise;
  }

  /** Resolves when all that was asked for is settled. */
  async idle(): Promise<void> {
    await this.sending;
  }

  private async send(): Promise<void> {
    // What is asked for in the same turn goes with it.
    await Promise.resolve();
    while (this.calls.length > 0) {
      const calls = this.calls.splice(0);
      try {
        await this.sendAll(calls);
      } catch (error) {
        for (const { done } of calls) done.reject(error);
      }
    }
  }

  private async sendAll(calls: readonly Call[]): Promise<void> {
    const { membership } = this;
    for (let generations = 1; ; generations++) {
      const open = calls.filter(isOpen);
      const { memberId: member, generation } = membership;
      if (open.length === 0) return;
      assert(member !== undefined, 'who owns a partition is a member');
      const offsets = merged(open);
      try {
        await this.api.commit({ member, generation, offsets: [...offsets.values()] }, this.signal);
        for (const [partition, { offset }] of offsets) partition.noteCommitted(offset);
        for (const { done } of open) done.resolve();
        return;
      } catch (error) {
        if (!isFenced(error) || generations >= clientLimits.clientCommitGenerationsMax) throw error;
        await this.asked(error, generation);
      }
    }
  }

  /** The member's generation may have moved on, with a poll whose answer is still under way. Else it is fenced. */
  private async asked(error: MillraceClientError, generation: number): Promise<void> {
    if (this.membership.generation === generation) await this.membership.nextContact();
    if (this.membership.generation === generation) throw error;
  }
}

/** Of one whose partition is gone meanwhile, the caller is told so. */
function isOpen({ offsets, done }: Call): boolean {
  try {
    for (const { partition } of offsets) partition.requireOwned();
    return true;
  } catch (error) {
    done.reject(error);
    return false;
  }
}

/** What was asked for last counts. */
function merged(calls: readonly Call[]): Map<OwnedPartition, JsonGroupOffset> {
  const merged = new Map<OwnedPartition, JsonGroupOffset>();
  for (const { offsets } of calls) {
    for (const { partition, offset, metadata } of offsets) {
      merged.set(partition, { ...partition.name, offset, ...(metadata !== undefined && { metadata }) });
    }
  }
  return merged;
}
