/**
 * What the checks of objects have in common, whichever objects these are: their names, their age, and what cannot be
 * read of them. Objects younger than the grace are left alone: their writer, or who clears up after it, may still be at
 * it.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { ObjectId } from '../../kernel/ids.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { sentence } from '../../kernel/sentence.ts';
import { objectName, parseObjectName } from '../../log/segment/object-name.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';

export interface ObjectChecks<T> {
  /** `undefined` where there is no such object any more. */
  readFooter: () => Promise<T | undefined>;
  /** Why nothing needs an object with this footer; `undefined` where something does. */
  unneeded: (footer: T) => Promise<Finding | undefined>;
}

export async function checkStoredObject<T extends { object: ObjectId }>(
  context: CheckContext,
  object: string,
  { readFooter, unneeded }: ObjectChecks<T>,
): Promise<Finding[]> {
  context.counts.objects++;
  const { clock, log } = context.broker;
  const parsed = parseObjectName(object);
  if (parsed === undefined) return [misnamed(object, 'has a name that no object gets')];
  if (parsed.id.birthMs > clock.now() - checkLimits.checkGraceMs) return [];
  try {
    const footer = await readFooter();
    if (footer === undefined) return [];
    // Readers ask for it by the name that its id makes, and so by no other.
    const isAnother = objectName(parsed.tier, footer.object) !== object;
    if (isAnother) return [misnamed(object, 'is another one, by its footer, than its name says')];
    const found = await unneeded(footer);
    return found === undefined ? [] : [found];
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if (!error.retriable) {
      const what = sentence(`It cannot be told whose the object ${object} is: ${error.message}`);
      return [finding('object-unreadable', { object }, what)];
    }
    context.counts.unjudged++;
    log.warn('An object could not be judged', { object, error });
    return [];
  }
}

function misnamed(object: string, what: string): Finding {
  return finding('object-misnamed', { object }, `The object ${object} ${what}.`);
}
