/**
 * From changes of ledger heads, as the table's stream has them, to what dispatchers are to be woken with. The order of
 * the changes does not matter, nor whether one comes twice: a partition is named where it has grown by any of them,
 * with its end by the newest. What is no head of a topic with triggers is passed over.
 */
import type { Broker } from '../broker/broker.ts';
import { highWatermark } from '../broker/ledger/replicated.ts';
import { topicsOfTrigger } from '../broker/triggers/find-trigger.ts';
import { wakeOf } from '../broker/triggers/wake.ts';
import { isDelivering, type TriggerRecord } from '../coordination/triggers/trigger-item.ts';
import type { TopicId } from '../kernel/ids.ts';
import type { Attributes, ItemKey } from '../kernel/items.ts';
import { storageLimits } from '../kernel/limits/storage.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import { chunked, mapBounded } from '../kernel/map-bounded.ts';
import { decodeHead, type LedgerHead } from '../log/ledger/head.ts';
import type { DispatchRequest, PartitionWork, TriggerLog } from './ports.ts';

/** An item before and after a write: without its key, or with it. */
export interface ItemChange {
  key: ItemKey;
  /** Absent: it has just been made. */
  before?: Attributes;
  /** Absent: it was deleted. */
  after?: Attributes;
}

/** A trigger that delivers, with the topics that it has. */
export interface TriggerRoute {
  trigger: string;
  topics: ReadonlyMap<TopicId, RoutedTopic>;
}

export interface RoutedTopic {
  name: string;
  ledgerPartitions: number;
}

export interface Routed {
  /** At most `triggerLimits.partitionsPerDispatchMax` partitions each. */
  requests: DispatchRequest[];
  /** Topics of heads that carry `wake`, and of which no trigger is known. */
  unknown: ReadonlySet<TopicId>;
  /** Changes that could not be read; they are logged. */
  unreadable: number;
}

export function routeHeads(changes: readonly ItemChange[], routes: readonly TriggerRoute[], log: TriggerLog): Routed {
  const grown = new Map<string, GrownLedger>();
  let unreadable = 0;
  for (const change of changes) {
    try {
      note(grown, change);
    } catch (error) {
      unreadable++;
      log.error('a change of a head cannot be read; the sweeper finds what it was about', { key: change.key, error });
    }
  }
  const unknown = new Set<TopicId>();
  const work = new Map<string, PartitionWork[]>();
  for (const ledger of grown.values()) {
    if (ledger.slots.size === 0) continue;
    const meant = routes.filter(({ topics }) => topics.has(ledger.topicId));
    if (meant.length === 0) unknown.add(ledger.topicId);
    for (const { trigger, topics } of meant) {
      const topic = topics.get(ledger.topicId) as RoutedTopic;
      work.set(trigger, [...(work.get(trigger) ?? []), ...workOf(ledger, topic)]);
    }
  }
  return { requests: [...work].flatMap(([trigger, all]) => requestsFor(trigger, all)), unknown, unreadable };
}

export function requestsFor(trigger: string, work: readonly PartitionWork[]): DispatchRequest[] {
  return chunked(work, triggerLimits.partitionsPerDispatchMax).map((some) => ({ trigger, work: some }));
}

interface GrownLedger {
  topicId: TopicId;
  index: number;
  newest: LedgerHead;
  /** That have grown by any of the changes. */
  slots: Set<number>;
}

const LEDGER_KEY = /^ledger#([A-Za-z0-9_-]{22})#(\d{1,9})$/;

function note(grown: Map<string, GrownLedger>, { key, before, after }: ItemChange): void {
  const [, topicId, index] = LEDGER_KEY.exec(key.pk) ?? [];
  if (topicId === undefined || key.sk !== 'head' || after === undefined || wakeOf(after) === undefined) return;
  const head = decodeHead(after);
  // Raised for its own sake, or with the first trigger: see broker/triggers/wake.ts.
  const isNew = before === undefined || wakeOf(before) !== wakeOf(after);
  const old = isNew ? undefined : decodeHead(before);
  const known = grown.get(key.pk) ?? { topicId, index: Number(index), newest: head, slots: new Set() };
  grown.set(key.pk, known);
  if (head.version > known.newest.version) known.newest = head;
  for (const slot of head.next.keys()) {
    if (highWatermark(head, slot) > (old === undefined ? 0 : highWatermark(old, slot))) known.slots.add(slot);
  }
}

function workOf({ topicId, index, newest, slots }: GrownLedger, topic: RoutedTopic): PartitionWork[] {
  return [...slots]
    .filter((slot) => slot < topic.ledgerPartitions)
    .sort((a, b) => a - b)
    .map((slot) => ({
      topic: topic.name,
      topicId,
      partition: index * topic.ledgerPartitions + slot,
      wanted: highWatermark(newest, slot),
    }));
}

/** Of the triggers that deliver. */
async function readRoutes(
  broker: Broker,
  triggers: readonly TriggerRecord[],
  how: { fresh?: boolean } = {},
): Promise<TriggerRoute[]> {
  return mapBounded(triggers.filter(isDelivering), storageLimits.storageFanOutMax, async ({ trigger }) => {
    const topics = await topicsOfTrigger(broker, trigger, how);
    const entries = topics.map(({ topicId, name, ledgerPartitions }) => [topicId, { name, ledgerPartitions }] as const);
    return { trigger: trigger.name, topics: new Map(entries) };
  });
}

/** By the triggers as this process knows them; read anew where heads are of a topic that none is known to have. */
export async function routeChanges(
  broker: Broker,
  changes: readonly ItemChange[],
  log: TriggerLog,
): Promise<DispatchRequest[]> {
  const routed = routeHeads(changes, await readRoutes(broker, await broker.triggers.list()), log);
  if (routed.unknown.size === 0) return routed.requests;
  const routes = await readRoutes(broker, await broker.triggers.listFresh(), { fresh: true });
  return routeHeads(changes, routes, log).requests;
}
