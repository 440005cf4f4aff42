/** What can happen to a replicated ledger in the model, and what can be taken out of its protocol. */
import type { Acks } from '../../lib/coordination/replication/uploads.ts';
import type { Write } from '../../lib/kernel/items.ts';

/** Something to do next. Numbers choose among what there is, modulo how much that is; `view` is how many heads ago. */
export type Step =
  | { step: 'begin'; acks: Acks; slot: number; records: number; inline: boolean; view: number }
  | { step: 'upload'; writer: number; replica: number }
  | { step: 'append'; writer: number; late: boolean }
  /** Uploads to everyone, appends, and learns of it. */
  | { step: 'produce'; acks: Acks; slot: number }
  | { step: 'look'; writer: number; view: number }
  | { step: 'raise'; writer: number; replica: number; view: number; late: boolean }
  | { step: 'copy'; replica: number; commits: number; view: number; late: boolean }
  | { step: 'leave'; replica: number; view: number; late: boolean }
  | { step: 'start-joining'; replica: number; view: number; late: boolean }
  | { step: 'join'; replica: number; view: number; late: boolean }
  | { step: 'elect'; alive: number; unclean: boolean; view: number; late: boolean }
  | { step: 'prefer'; view: number; late: boolean }
  | { step: 'seal'; view: number; late: boolean }
  | { step: 'late'; write: number }
  | { step: 'fail' | 'restore'; replica: number }
  | { step: 'heal' };

export type Purpose = 'append' | 'cursor' | 'leave' | 'start-joining' | 'join' | 'elect' | 'page' | 'trim';

/** Takes rules out of the protocol, to see whether the checks notice. */
export interface Sabotage {
  alter?: (write: Write, purpose: Purpose) => Write;
  /** Answers as soon as its own bytes are held by everyone in sync, whatever lies below. */
  ackOwnHolders?: boolean;
  /** Seals the whole tail. */
  sealEverything?: boolean;
}
