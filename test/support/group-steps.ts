/** What can happen to a group in the model, and what can be taken out of its protocol. */
import type { Cursor } from '../../lib/coordination/groups/cursor.ts';
import type { FollowInput } from '../../lib/coordination/groups/follow.ts';
import type { Write } from '../../lib/kernel/items.ts';

/**
 * Something to do next. `client` and `process` choose among what there is; ages are how many changes of the table ago
 * an item was read; what is late reaches the table when a `late` step picks it, if ever, and its answer is lost.
 */
export type Step =
  | { step: 'join'; client: number; late: boolean }
  | {
      step: 'heartbeat';
      client: number;
      itemAge: number;
      targetAge: number;
      slow: boolean;
      lost: boolean;
      late: boolean;
    }
  | { step: 'drop'; client: number }
  | { step: 'leave'; client: number; keepSeat: boolean; late: boolean }
  | { step: 'commit'; client: number; partition: number; late: boolean }
  | { step: 'regroup'; process: number; late: boolean }
  | { step: 'look'; process: number; late: boolean }
  /** Who finds the group empty deletes it. */
  | { step: 'die'; late: boolean }
  | { step: 'freeze' | 'crash' | 'subscribe'; client: number }
  | { step: 'tick'; ms: number }
  | { step: 'jump'; process: number; ms: number }
  | { step: 'grow' | 'vanish' | 'appear'; topic: number }
  | { step: 'late'; write: number };

export type Purpose = 'join' | 'follow' | 'leave' | 'commit' | 'regroup' | 'look' | 'suspect' | 'remove' | 'die';

/** Takes rules out of the protocol, to see whether the checks notice. */
export interface Sabotage {
  alter?: (write: Write, purpose: Purpose) => Write;
  follow?: (input: FollowInput) => FollowInput;
  cursor?: (cursor: Cursor | undefined) => Cursor | undefined;
  /** Of the members that a regroup of one process sees; it has to read them after the target. */
  membersAge?: number;
}
