/**
 * One object, from its own side: something refers to it. Objects younger than the grace are left alone: their writer, or who
 * clears up after it, may still be at it.
 *
 * What seems to belong to nothing is looked at again: a commit may have been moved from the tail to a page meanwhile. While
 * pages of its ledger are being retired, or its topic is being deleted, an object that nothing refers to any more is about to go.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { sentence } from '../../kernel/sentence.ts';
import { decodeLifecycle, lifecycleKey } from '../../log/merged/lifecycle-item.ts';
import type { Footer } from '../../log/segment/footer.ts';
import { objectName, parseObjectName } from '../../log/segment/object-name.ts';
import { deletedTopicKey } from '../../log/topic/deleted-topic-item.ts';
import type { Broker } from '../broker.ts';
import { footerOf, isCommitted } from '../lifecycle/orphans.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';

export async function checkObject(context: CheckContext, object: string): Promise<Finding[]> {
  context.counts.objects++;
  const { broker } = context;
  const parsed = parseObjectName(object);
  if (parsed === undefined) {
    return [finding('object-misnamed', { object }, `The object ${object} has a name that no object gets.`)];
  }
  if (parsed.id.birthMs > broker.clock.now() - limits.checkGraceMs) return [];
  try {
    const footer = await footerOf(broker, object);
    if (footer === undefined) return [];
    if (objectName(parsed.tier, footer.object) !== object) return [otherName(object)];
    if (await isReferredTo(broker, footer)) return [];
    // It may have been deleted, and said to be, since it was found.
    if ((await footerOf(broker, object)) === undefined) return [];
    return [finding('object-unreferenced', { object }, `Nothing refers to the object ${object}.`)];
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if (!error.retriable) {
      return [
        finding(
          'object-unreadable',
          { object },
          sentence(`It cannot be told whose the object ${object} is: ${error.message}`),
        ),
      ];
    }
    context.counts.unjudged++;
    broker.log.warn('An object could not be judged', { object, error });
    return [];
  }
}

/** Readers ask for it by the name that its id makes, and so by no other. */
export function otherName(object: string): Finding {
  return finding(
    'object-misnamed',
    { object },
    `The object ${object} is another one, by its footer, than its name says.`,
  );
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
  const lifecycle = decodeLifecycle(await broker.metadata.get(lifecycleKey(ledger), 'strong'));
  return lifecycle.deleted < head.retired;
}
