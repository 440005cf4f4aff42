/** A ledger as one look of the check sees it. */
import type { LedgerId } from '../../kernel/ids.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Topic } from '../../log/topic/topic.ts';

export interface LedgerInView {
  topic: Topic;
  ledger: LedgerId;
  /** Strongly read; what is looked at after it can only be newer. */
  head: LedgerHead;
  partitionOf: (slot: number) => number;
}
