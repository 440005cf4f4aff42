/**
 * Whether no ledger has an object and none can get it any more; of many objects at once, each ledger looked at once for
 * all.
 *
 * That an object is not in its ledgers now does not mean that it never will be: its writer may be frozen and wake up.
 * So the order is: look; if it is not there, raise `swept` in every ledger that the footer names and that is not closed
 * to it yet, after which no object of that age can be committed; and look again, at the head that this has made. A
 * ledger whose topic is deleted, or that has retired the pages, has nothing of it.
 *
 * The first look is not for nothing: most of what several ledgers share is still needed by one of them, which a read
 * says for less than a write; and a fence refuses whatever else was born by then and is on its way, so it is raised no
 * further than for the newest object that no ledger has. Who is refused uploads anew. Of retired pages and swept
 * objects that can only be what was uploaded a grace ago, longer than any write or transaction lasts; of a topic that
 * was deleted just now it may be younger.
 */
import { ledgerName } from '../../kernel/ids.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { decodeFooter, type Footer, footerBytes } from '../../log/segment/footer.ts';
import type { Broker } from '../broker.ts';
import { LedgerLook, nameOf } from './ledger-look.ts';
import type { ObjectParts } from './object-parts.ts';

/** Those that are orphans. Costs a look at each of their ledgers, so they should have many in common. */
export async function orphansAmong<T extends ObjectParts>(broker: Broker, objects: readonly T[]): Promise<T[]> {
  const { looks, named } = looksFor(broker, objects);
  // Of a few objects most are found in the first ledgers, and then the others need not be looked at.
  const inFlightMax = Math.min(objects.length, sweeperLimits.sweepExaminationsInFlightMax);
  await mapBounded(looks, inFlightMax, (look) => look.look());
  await mapBounded(looks, inFlightMax, (look) => look.lookBehindFence());
  return objects.filter(({ object }) => !named.has(nameOf(object)));
}

/** `undefined` where someone deleted the object meanwhile. */
export async function footerOf(broker: Broker, name: string): Promise<Footer | undefined> {
  let tail = await broker.objects.getTail(name, sweeperLimits.footerBytesGuess);
  if (tail === undefined) return undefined;
  const wanted = footerBytes(tail.bytes);
  if (wanted > tail.bytes.length) {
    tail = await broker.objects.getTail(name, wanted);
    if (tail === undefined) return undefined;
  }
  return decodeFooter(tail.bytes);
}

/** Whether a ledger has a part of it. */
export async function isCommitted(broker: Broker, footer: Footer): Promise<boolean> {
  const { looks, named } = looksFor(broker, [footer]);
  for (const look of looks) await look.look();
  return named.size > 0;
}

interface Looks {
  looks: readonly LedgerLook[];
  /** Objects that a ledger was found to name. */
  named: ReadonlySet<string>;
}

function looksFor(broker: Broker, objects: readonly ObjectParts[]): Looks {
  const named = new Set<string>();
  const looks = new Map<string, LedgerLook>();
  for (const { object, parts } of objects) {
    for (const { ledger, seen } of parts) {
      const look = looks.get(ledgerName(ledger)) ?? new LedgerLook(broker, { ledger, named });
      looks.set(ledgerName(ledger), look);
      look.want(object, seen);
    }
  }
  return { looks: [...looks.values()], named };
}
