/**
 * Whether no ledger has an object and none can get it any more.
 *
 * That an object is not in its ledgers now does not mean that it never will be: its writer may be frozen and wake up. So the
 * order is: look; if it is not there, raise `swept` in every ledger that the footer names and that is not closed to it yet,
 * after which no object of that age can be committed; and look again, by strong reads. A ledger whose topic is deleted, or
 * that has retired the pages, has nothing of it.
 */
import type { LedgerId, ObjectId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { commitsObject, planSweepFence, remembersObject } from '../../log/ledger/append.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { decodeFooter, type Footer, footerBytes, type Part } from '../../log/segment/footer.ts';
import type { Broker } from '../broker.ts';

/** Not of an object that is gone already. */
export async function isOrphan(broker: Broker, name: string): Promise<boolean> {
  const footer = await footerOf(broker, name);
  if (footer === undefined) return false;
  const found = await lookFor(broker, footer);
  if (found !== 'open') return found === 'closed';
  for (const { ledger } of footer.parts) await broker.metadata.write([planSweepFence(ledger, footer.object.birthMs)]);
  return (await lookFor(broker, footer)) !== 'committed';
}

/** `undefined` where someone deleted the object meanwhile. */
export async function footerOf(broker: Broker, name: string): Promise<Footer | undefined> {
  let tail = await broker.objects.getTail(name, limits.footerBytesGuess);
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
  return (await lookFor(broker, footer)) === 'committed';
}

/** `open`: a ledger could still get it. `closed`: none has it, and none ever will. */
async function lookFor(broker: Broker, { object, parts }: Footer): Promise<'committed' | 'open' | 'closed'> {
  let isOpen = false;
  for (const part of parts) {
    const head = await broker.heads.strong(part.ledger);
    if (head === undefined) continue; // the topic is deleted
    if (await isPartCommitted(broker, { object, part, head })) return 'committed';
    isOpen ||= head.swept < object.birthMs;
  }
  return isOpen ? 'open' : 'closed';
}

/**
 * Any part counts, not only that of the footer: a commit whose producers were refused goes on as others, under numbers that
 * the footer does not have.
 */
async function isPartCommitted(
  broker: Broker,
  { object, part, head }: { object: ObjectId; part: Part; head: LedgerHead },
): Promise<boolean> {
  const { ledger, seen } = part;
  // What a head remembers is in the tail or in the pages of the last seals, which are never retired.
  if (remembersObject(head, object) || commitsObject(head.tail, object)) return true;
  if (await isBundled(broker, ledger, object, head.tail)) return true;
  for (let sequence = Math.max(seen, head.retired); sequence < head.sealed; sequence++) {
    const { commits } = await broker.pages.get(ledger, sequence);
    if (commitsObject(commits, object) || (await isBundled(broker, ledger, object, commits))) return true;
  }
  return false;
}

/** Whether a bundle among the entries commits the object: nothing else would name it then. */
async function isBundled(
  broker: Broker,
  ledger: LedgerId,
  object: ObjectId,
  entries: readonly Commit[],
): Promise<boolean> {
  for (const entry of entries) {
    // A bundle's birth is that of its oldest commit.
    if (!isBundle(entry) || object.birthMs < entry.object.birthMs) continue;
    if (commitsObject(await broker.pages.bundle(ledger, entry), object)) return true;
  }
  return false;
}
