/**
 * Carries out what was proposed for a ledger's replicas, by conditional writes of its head. Whoever is first wins; all
 * others get the head that it made, and decide anew. So does who does not know what became of a write: the head tells.
 */
import { commitsEnd, type LedgerView } from '../../coordination/replication/ledger-view.ts';
import { planLeave, planStartJoining } from '../../coordination/replication/membership.ts';
import type { ReplicaChange } from '../../coordination/replication/propose-change.ts';
import { members } from '../../coordination/replication/replica-state.ts';
import { unreachable } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { decodeHead, type LedgerHead } from '../../log/ledger/head.ts';
import type { MetadataStore, WriteResult } from '../../storage/metadata/port.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { HeadCache } from '../ledger/head-cache.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { type ElectionRequest, electionWrites } from './elect.ts';

export type DueChange = Exclude<ReplicaChange, { change: 'none' | 'wait-for-leader' }>;

export interface ChangeRequest {
  ledger: LedgerId;
  head: LedgerHead;
  /** Of that head. */
  view: LedgerView;
  change: DueChange;
}

export class ReplicaChanges {
  private readonly metadata: MetadataStore;
  private readonly heads: HeadCache;
  private readonly pages: PageCache;
  private readonly log: BrokerLog;

  constructor(parts: { metadata: MetadataStore; heads: HeadCache; pages: PageCache; log: BrokerLog }) {
    this.metadata = parts.metadata;
    this.heads = parts.heads;
    this.pages = parts.pages;
    this.log = parts.log;
  }

  /** The head after it, whoever made it; `undefined` where the ledger is gone. */
  async carryOut(request: ChangeRequest): Promise<LedgerHead | undefined> {
    const writes = await this.writesOf(request);
    let result: WriteResult;
    try {
      result = await this.metadata.write(writes);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.effect === 'none') throw error;
      return this.heads.strong(request.ledger);
    }
    if (result.outcome === 'applied') this.tell(request);
    return this.headAfter(request.ledger, result, writes.length);
  }

  private writesOf(request: ChangeRequest): Promise<Write[]> | Write[] {
    const { view, change } = request;
    switch (change.change) {
      case 'elect':
        return electionWrites(this.pages, { ...request, election: change.election });
      case 'leave':
        return [planLeave(view, change.replicas)];
      case 'start-joining':
        return [planStartJoining(view, change.replica)];
      case 'join':
        return [change.write];
      default:
        return unreachable(change);
    }
  }

  private async headAfter(ledger: LedgerId, result: WriteResult, writes: number): Promise<LedgerHead | undefined> {
    // A transaction does not return what it made, and who is refused by its second write has not seen the first one's.
    if (writes > 1 && (result.outcome === 'applied' || result.index > 0)) return this.heads.strong(ledger);
    if (result.item !== undefined) return this.heads.update(ledger, decodeHead(result.item));
    this.heads.drop(ledger);
    return undefined;
  }

  private tell({ ledger, head, view, change }: ChangeRequest): void {
    const facts = { ledger: ledgerName(ledger), isrVersion: head.isrVersion + 1 };
    switch (change.change) {
      case 'elect':
        this.tellElection({ ledger, head, view, election: change.election });
        return;
      case 'leave':
        this.log.warn('Replicas left the in-sync set', { ...facts, replicas: members(change.replicas) });
        return;
      case 'start-joining':
        this.log.info('A replica starts joining the in-sync set', { ...facts, replica: change.replica });
        return;
      case 'join':
        this.log.info('A replica joined the in-sync set', { ...facts, replica: change.replica });
        return;
      default:
        unreachable(change);
    }
  }

  private tellElection(request: ElectionRequest): void {
    const { ledger, head, view, election } = request;
    const facts = {
      ledger: ledgerName(ledger),
      from: view.state.leader,
      to: election.leader,
      epoch: head.epoch + 1,
      cut: election.cut,
      cutOff: commitsEnd(view) - election.cut,
    };
    switch (election.election) {
      case 'preferred':
        this.log.info('The preferred replica leads again', facts);
        return;
      case 'clean':
        this.log.warn('A replica in sync was elected to lead', facts);
        return;
      case 'unclean':
        this.log.warn('A replica out of sync was elected to lead', { ...facts, lostFrom: election.lostFrom });
        return;
      default:
        unreachable(election);
    }
  }
}
