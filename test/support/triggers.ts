/** Triggers over a topic `t` with two partitions in ledgers of their own. */

import { readCommitted } from '../../lib/broker/groups/group-items.ts';
import { createTrigger } from '../../lib/broker/triggers/create-trigger.ts';
import { arnPatternPolicy } from '../../lib/broker/triggers/target-policy.ts';
import { wakeOf } from '../../lib/broker/triggers/wake.ts';
import type { TriggerInput } from '../../lib/coordination/triggers/check-trigger.ts';
import type { TriggerRecord } from '../../lib/coordination/triggers/trigger-item.ts';
import { headKey } from '../../lib/log/ledger/head.ts';
import { ledgersOf } from '../../lib/log/topic/topic-writes.ts';
import { append } from './appending.ts';
import { makeTopic, type Process, type Stores } from './broker.ts';

export const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:';
export const allFunctions = arnPatternPolicy([`${ARN}*`, 'arn:aws:sqs:*']);

export function triggerWorld(stores?: Stores): Promise<Process> {
  return makeTopic({ stores, partitions: 2, config: { 'ledger.partitions': 1 } });
}

export function makeTrigger({ broker }: Process, change: Partial<TriggerInput> = {}): Promise<TriggerRecord> {
  return createTrigger(broker, allFunctions, {
    name: 'orders',
    group: 'g',
    topics: { names: ['t'] },
    target: `${ARN}orders`,
    startingPosition: { position: 'LATEST' },
    ...change,
  });
}

export async function appendTo(process: Process, partition: number, ...values: string[]): Promise<void> {
  const { topicId } = await process.broker.topics.get('t');
  await append(process, { ledger: { topicId, index: partition }, values });
}

/** Of a topic's ledgers, in their order. */
export async function wakesOf({ broker }: Process, topic = 't'): Promise<(number | undefined)[]> {
  const ledgers = ledgersOf(await broker.topics.getFresh(topic));
  const heads = await Promise.all(ledgers.map((ledger) => broker.metadata.get(headKey(ledger), 'strong')));
  return heads.map((head) => head && wakeOf(head));
}

/** What the group `g` has committed of `t`. */
export async function committedOf({ broker }: Process, group = 'g'): Promise<(number | undefined)[]> {
  const { topicId, partitions } = await broker.topics.get('t');
  const all = Array.from({ length: partitions }, (_, partition) => ({ topicId, partition }));
  const committed = await readCommitted(broker.metadata, group, all);
  return all.map(({ partition }) => committed.get(`${topicId}:${partition}`));
}
