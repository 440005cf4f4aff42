/**
 * Items of ledgers and partitions, by their keys: of topics that are gone, of pages that nobody reads, or long overdue.
 */

import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId, TopicId } from '../../kernel/ids.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { sentence } from '../../kernel/sentence.ts';
import { isBundleKey } from '../../log/ledger/bundle.ts';
import { decodeHead, headKey, ledgerKey } from '../../log/ledger/head.ts';
import { PAGES_START } from '../../log/ledger/page.ts';
import { CONDEMNED_START, condemnedAtMs } from '../../log/merged/condemned-item.ts';
import { DELETED_TOPICS, decodeDeletedTopic } from '../../log/topic/deleted-topic-item.ts';
import { bundleBirth, strayBundlesAmong } from '../lifecycle/stray-bundles.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';
import { decoded, isUndecodable } from './unreadable.ts';

export async function checkLedgerItems(
  context: CheckContext,
  keys: readonly ItemKey[],
  forsaken: ReadonlySet<TopicId>,
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [pk, sks] of byPartitionKey(keys)) {
    const [kind, id = '', index = ''] = pk.split('#');
    if (kind === DELETED_TOPICS) found.push(...(await overdueDeletions(context, sks)));
    if (kind !== 'ledger' && kind !== 'partition') continue;
    if (forsaken.has(id)) found.push(...(await forsakenItems(context, pk, id)));
    else if (kind === 'ledger') {
      found.push(...(await strayPages(context, { topicId: id, index: Number(index) }, sks)));
      found.push(...(await overdueCondemned(context, pk, sks)));
      found.push(...(await strayBundles(context, { topicId: id, index: Number(index) }, sks)));
    }
  }
  return found;
}

function byPartitionKey(keys: readonly ItemKey[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { pk, sk } of keys) {
    const group = groups.get(pk);
    if (group === undefined) groups.set(pk, [sk]);
    else group.push(sk);
  }
  return groups;
}

/** One finding for all of them: they are of the same deletion, or of a creation that crashed. */
async function forsakenItems({ broker }: CheckContext, pk: string, topicId: TopicId): Promise<Finding[]> {
  const { items } = await broker.metadata.query({ pk, limit: 1, consistency: 'strong' });
  const [item] = items;
  if (item === undefined) return [];
  return [
    finding('item-stray', { item: item.key }, `There are items below ${pk}, and no topic has the id ${topicId}.`),
  ];
}

/**
 * Pages above the seal under way. The head is read after the key was: no page can have been put meanwhile that is above
 * it. Those that count as deleted go whenever the ledger is cleared.
 */
async function strayPages({ broker }: CheckContext, ledger: LedgerId, sks: readonly string[]): Promise<Finding[]> {
  const pages = sks.filter((sk) => sk.startsWith(PAGES_START));
  if (pages.length === 0) return [];
  const attributes = await broker.metadata.get(headKey(ledger), 'strong');
  const head = attributes && decoded(() => decodeHead(attributes)).value;
  if (head === undefined) return [];
  const found: Finding[] = [];
  for (const sk of pages) {
    const number = Number(sk.slice(PAGES_START.length));
    if (number <= head.sealed) continue;
    const item = { ...headKey(ledger), sk };
    if ((await broker.metadata.get(item, 'strong')) === undefined) continue;
    found.push(finding('item-stray', { item }, `Nobody reads the page ${number} of the ledger ${item.pk}.`));
  }
  return found;
}

/** Who wrote a young one may still append its entry. */
async function strayBundles(context: CheckContext, ledger: LedgerId, sks: readonly string[]): Promise<Finding[]> {
  const { broker } = context;
  const items = sks.map((sk) => ({ pk: ledgerKey(ledger), sk })).filter(isBundleKey);
  if (items.length === 0) return [];
  const found: Finding[] = [];
  for (const item of await unnamedBundles(context, ledger, items)) {
    const attributes = await broker.metadata.get(item, 'strong');
    if (attributes === undefined) continue;
    const { value: birthMs, reason } = decoded(() => bundleBirth(attributes));
    if (birthMs !== undefined && birthMs > broker.clock.now() - checkLimits.checkGraceMs) continue;
    const what = `No entry of the ledger ${item.pk} names the commits of a transaction in ${item.sk}`;
    found.push(finding('bundle-stray', { item }, sentence(reason === undefined ? what : `${what}: ${reason}`)));
  }
  return found;
}

/** None where a page is missing or damaged, which may name them; that is found with the ledger's pages. */
async function unnamedBundles(
  { broker, counts }: CheckContext,
  ledger: LedgerId,
  items: readonly ItemKey[],
): Promise<ItemKey[]> {
  try {
    return await strayBundlesAmong(broker, ledger, items);
  } catch (error) {
    if (!isUndecodable(error) && !(error instanceof MillraceError && error.retriable)) throw error;
    counts.unjudged += items.length;
    return [];
  }
}

async function overdueCondemned({ broker }: CheckContext, pk: string, sks: readonly string[]): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const sk of sks) {
    if (!sk.startsWith(CONDEMNED_START)) continue;
    const ageMs = broker.clock.now() - condemnedAtMs(sk);
    if (ageMs <= checkLimits.checkGraceMs || (await broker.metadata.get({ pk, sk }, 'strong')) === undefined) continue;
    const what = `Objects of the ledger ${pk} were condemned ${hours(ageMs)} hours ago, and are not deleted.`;
    found.push(finding('item-overdue', { item: { pk, sk } }, what));
  }
  return found;
}

async function overdueDeletions({ broker }: CheckContext, ids: readonly TopicId[]): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const topicId of ids) {
    const item = { pk: DELETED_TOPICS, sk: topicId };
    const attributes = await broker.metadata.get(item, 'strong');
    if (attributes === undefined) continue;
    const { value: topic, reason } = decoded(() => decodeDeletedTopic(topicId, attributes));
    if (topic === undefined) {
      found.push(finding('item-unreadable', { item }, `A deleted topic's item cannot be read: ${reason}.`));
      continue;
    }
    const ageMs = broker.clock.now() - topic.sinceMs;
    if (ageMs <= checkLimits.checkGraceMs) continue;
    const what = `The deletion of the topic ${topic.name} (${topicId}) has not gone on for ${hours(ageMs)} hours.`;
    found.push(finding('item-overdue', { topic: topic.name, item }, what));
  }
  return found;
}

function hours(ms: number): number {
  return Math.round(ms / 3_600_000);
}
