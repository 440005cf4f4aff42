/** Raises log starts of a ledger, against whoever else writes its head meanwhile. */
import type { LedgerId } from '../../kernel/ids.ts';
import { decodeHead, type LedgerHead } from '../../log/ledger/head.ts';
import { type LogStarts, planRaise } from '../../log/retention/raise-starts.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';

/**
 * The head in which no start is below what was asked for; `undefined` where the ledger is gone. This process serves
 * nothing below the starts from then on. Safe to repeat, and so is every attempt: a start never goes down.
 *
 * `seen` is a head in which each of the starts is at or below the high watermark.
 */
export async function raiseLogStarts(
  broker: Broker,
  { ledger, seen, starts }: { ledger: LedgerId; seen: LedgerHead; starts: LogStarts },
): Promise<LedgerHead | undefined> {
  let first: LedgerHead | undefined = seen;
  return decideAgain('change of log starts', async () => {
    const head = first ?? (await broker.heads.strong(ledger));
    // Whatever becomes of this attempt, the next one looks at the head as it is then.
    first = undefined;
    if (head === undefined) return { done: undefined };
    const write = planRaise(ledger, head, starts);
    if (write === undefined) return { done: head };
    const result = await broker.metadata.write([write]);
    if (result.outcome === 'refused' || result.item === undefined) return 'again';
    return { done: broker.heads.update(ledger, decodeHead(result.item)) };
  });
}
