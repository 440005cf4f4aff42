/** What an election writes: its plan, with the sequences of producers and the ranges that may be lost. */
import { type Election, lostInTail, planElection, truncate } from '../../coordination/replication/election.ts';
import type { LostRange } from '../../coordination/replication/epoch-item.ts';
import { type LedgerView, offsetAt } from '../../coordination/replication/ledger-view.ts';
import { rollBackProducers } from '../../coordination/replication/roll-back-producers.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Write } from '../../kernel/items.ts';
import { type LedgerHead, producerAttribute } from '../../log/ledger/head.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { findPaged } from './find-paged.ts';

type Elected = Exclude<Election, { election: 'none' }>;

export interface ElectionRequest {
  ledger: LedgerId;
  head: LedgerHead;
  /** Of that head. */
  view: LedgerView;
  election: Elected;
}

export async function electionWrites(pages: PageCache, request: ElectionRequest): Promise<Write[]> {
  const { head, view, election } = request;
  const cutOff = truncate(view, election.cut).cutOff.map(({ id }) => id);
  const set: Attributes = {};
  for (const [key, packed] of rollBackProducers(head.producers, cutOff)) set[producerAttribute(key)] = packed;
  const lost = election.election === 'unclean' ? await lostBy(pages, request, election) : undefined;
  return planElection(view, election, { rollBack: { set }, ...(lost && { lost }) });
}

/** By slot, what may be lost. */
async function lostBy(
  pages: PageCache,
  { ledger, head, view }: ElectionRequest,
  { lostFrom, cut }: Extract<Elected, { election: 'unclean' }>,
): Promise<LostRange[]> {
  if (lostFrom >= view.paged) return lostInTail(view, { lostFrom, cut });
  const { offsets } = await findPaged(pages, { ledger, head, number: lostFrom });
  return view.next.map((_, slot) => ({ from: offsets[slot] as number, to: offsetAt(view, slot, cut) }));
}
