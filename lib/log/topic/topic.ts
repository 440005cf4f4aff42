/** A topic as every layer sees it, and how its partitions are spread over ledgers. */
import type { LedgerId, TopicId } from '../../kernel/ids.ts';
import type { TopicConfigOverrides, TopicConfigValues } from './config.ts';

export interface Topic {
  name: string;
  topicId: TopicId;
  partitions: number;
  replicationFactor: number;
  /** 1 to 16, fixed at creation by the config `ledger.partitions`. */
  ledgerPartitions: number;
  /** The configs that were set, as text, exactly as given. */
  overrides: TopicConfigOverrides;
  /** Every config with its value: the overrides over the defaults. */
  config: TopicConfigValues;
  /** Goes up with every change of the topic's item; the condition of each change. */
  version: number;
  /** A topic being deleted is unknown to everyone but who finishes the deletion. */
  state: 'ready' | 'deleting';
}

/** Where a partition's truth is: its ledger and its slot (0–15) there. */
export function ledgerOf(topic: Topic, partition: number): { ledger: LedgerId; slot: number } {
  return {
    ledger: { topicId: topic.topicId, index: Math.floor(partition / topic.ledgerPartitions) },
    slot: partition % topic.ledgerPartitions,
  };
}

/** The partitions that are in the ledger, in the order of their slots. */
export function partitionsIn(
  { partitions, ledgerPartitions }: Pick<Topic, 'partitions' | 'ledgerPartitions'>,
  { index }: Pick<LedgerId, 'index'>,
): number[] {
  const first = index * ledgerPartitions;
  return Array.from({ length: Math.min(ledgerPartitions, partitions - first) }, (_, slot) => first + slot);
}

export function ledgerCount(partitions: number, ledgerPartitions: number): number {
  return Math.ceil(partitions / ledgerPartitions);
}
