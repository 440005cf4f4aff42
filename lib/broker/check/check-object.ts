/**
 * One object of a flush, from its own side: something refers to it.
 *
 * What seems to belong to nothing is looked at again: a commit may have been moved from the tail to a page meanwhile.
 * While pages of its ledger are being retired, or its topic is being deleted, an object that nothing refers to any more
 * is about to go.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import type { Footer } from '../../log/segment/footer.ts';
import { deletedTopicKey } from '../../log/topic/deleted-topic-item.ts';
import type { Broker } from '../broker.ts';
import { lifecycleOf } from '../lifecycle/ledger-lifecycle.ts';
import { footerOf, isCommitted } from '../lifecycle/orphans.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';
import { checkStoredObject } from './stored-object.ts';

export function checkObject(context: CheckContext, object: string): Promise<Finding[]> {
  const { broker } = context;
  const readFooter = () => footerOf(broker, object);
  return checkStoredObject(context, object, {
    readFooter,
    unneeded: async (footer) => {
      if (await isReferredTo(broker, footer)) return undefined;
      // It may have been deleted, and said to be, since it was found.
      if ((await readFooter()) === undefined) return undefined;
      return finding('object-unreferenced', { object }, `Nothing refers to the object ${object}.`);
    },
  });
}

async function isReferredTo(broker: Broker, footer: Footer): Promise<boolean> {
  if ((await isCommitted(broker, footer)) || (await isCommitted(broker, footer))) return true;
  for (const { ledger } of footer.parts) if (await isClearedUp(broker, ledger)) return true;
  return false;
}

/** Whether someone is at deleting what the ledger needs no longer. */
async function isClearedUp(broker: Broker, ledger: LedgerId): Promise<boolean> {
  const head = await broker.heads.strong(ledger);
  if (head === undefined) return (await broker.metadata.get(deletedTopicKey(ledger.topicId), 'strong')) !== undefined;
  const lifecycle = await lifecycleOf(broker, ledger);
  return lifecycle.deleted < head.retired;
}
