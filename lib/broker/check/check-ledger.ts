/**
 * A ledger, some of its pages at a time.
 *
 * The ledger is written to meanwhile: what a look finds may be what another has moved between two of its reads.
 * Whatever is found is looked for once more, from a newer head, and reported if it is found again at the same place:
 * pages that were retired are below the head's mark by then, commits that were sealed are in the pages up to the newer
 * head's tail, and a topic that was deleted is gone.
 */
import { checkLimits } from '../../kernel/limits/check.ts';
import { decodeHead, headKey } from '../../log/ledger/head.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import { checkPages, checkTail } from './check-pages.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding, inBoth } from './finding.ts';
import type { LedgerInView } from './ledger-in-view.ts';
import { decoded } from './unreadable.ts';

export interface LedgerPlace {
  topic: Topic;
  index: number;
  /** The first page that was not looked at yet. */
  page: number;
}

export interface LedgerLook {
  findings: Finding[];
  /** Where to go on with the ledger; absent at its end. */
  nextPage?: number;
}

export async function checkLedger(context: CheckContext, place: LedgerPlace): Promise<LedgerLook> {
  const first = await look(context, place);
  if (first.findings.length === 0) return first;
  const second = await look(context, place);
  return { ...second, findings: inBoth(first.findings, second.findings) };
}

async function look(context: CheckContext, { topic, index, page }: LedgerPlace): Promise<LedgerLook> {
  const ledger = { topicId: topic.topicId, index };
  const item = headKey(ledger);
  const attributes = await context.broker.metadata.get(item, 'strong');
  if (attributes === undefined) return { findings: (await isThere(context, topic)) ? [headMissing(topic, index)] : [] };
  const { value: head, reason } = decoded(() => decodeHead(attributes));
  if (head === undefined) {
    const what = `The head of ledger ${index} of the topic ${topic.name} cannot be read: ${reason}.`;
    return { findings: [finding('item-unreadable', { topic: topic.name, item }, what)] };
  }
  const partitionOf = (slot: number) => index * topic.ledgerPartitions + slot;
  const view: LedgerInView = { topic, ledger, head, partitionOf };
  const from = Math.min(Math.max(page, head.retired), head.sealed);
  const to = Math.min(from + checkLimits.checkPagesPerStep, head.sealed);
  const { findings, border } = await checkPages(context, view, { from, to });
  if (to < head.sealed) return { findings, nextPage: to };
  return { findings: [...findings, ...(await checkTail(context, view, border)), ...headFindings(view)] };
}

function headFindings({ topic, ledger, head, partitionOf }: LedgerInView): Finding[] {
  const found: Finding[] = [];
  const place = { topic: topic.name, item: headKey(ledger) };
  for (const [slot, start] of head.start.entries()) {
    const next = head.next[slot] as number;
    if (start <= next) continue;
    const partition = partitionOf(slot);
    const what = `The log start of partition ${partition}, ${start}, is above its next offset, ${next}.`;
    found.push(finding('start-above-next', { ...place, affected: [{ partition, from: next, to: start }] }, what));
  }
  const { retired, merged, sealed } = head;
  if (retired > merged || merged > sealed) {
    const what = `Of ${sealed} pages ${merged} are said to be merged, and ${retired} to be retired.`;
    found.push(finding('marks-disagree', place, what));
  }
  return found;
}

/** Whether there still is the topic with this ledger. */
async function isThere({ broker }: CheckContext, { name, topicId }: Topic): Promise<boolean> {
  const attributes = await broker.metadata.get(topicKey(name), 'strong');
  const topic = attributes && decoded(() => decodeTopic(name, attributes)).value;
  return topic?.topicId === topicId && topic.state === 'ready';
}

function headMissing({ name, topicId, partitions, ledgerPartitions }: Topic, index: number): Finding {
  const first = index * ledgerPartitions;
  const last = Math.min(first + ledgerPartitions, partitions) - 1;
  const what = `The head of ledger ${index} of the topic ${name} is missing: its partitions ${first} to ${last} can be neither read nor written.`;
  return finding('head-missing', { topic: name, item: headKey({ topicId, index }) }, what);
}
