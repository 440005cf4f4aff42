/**
 * The process's view of all triggers (see expiring-cache.ts). A trigger that is being deleted is still in it: whoever
 * delivers asks `isDelivering`.
 */
import { decodeTrigger, TRIGGER_DIRECTORY, type TriggerRecord } from '../../coordination/triggers/trigger-item.ts';
import { topicMatcher } from '../../coordination/triggers/trigger-topics.ts';
import type { Clock } from '../../kernel/clock.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import type { MetadataStore, QueryPage } from '../../storage/metadata/port.ts';
import { ExpiringCache } from '../expiring-cache.ts';

type Triggers = readonly TriggerRecord[];

export class TriggerCache {
  private readonly cache: ExpiringCache<Triggers>;

  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    this.cache = new ExpiringCache({
      read: () => readTriggers(metadata),
      clock,
      entriesMax: 1,
      ageMsMax: triggerLimits.triggerCacheMs,
    });
  }

  async list(): Promise<Triggers> {
    return (await this.cache.get('')) ?? [];
  }

  /** As of after this call. */
  async listFresh(): Promise<Triggers> {
    return (await this.cache.getFresh('')) ?? [];
  }

  /** For whoever has just changed one. */
  forget(): void {
    this.cache.forget('');
  }

  /** Whether a topic of this name has a trigger: what is cached may say no for a trigger that was just made. */
  async haveTopic(name: string): Promise<boolean> {
    return meantBy(await this.list(), name);
  }
}

/** Whether one of the triggers that stay means the topic. */
export function meantBy(triggers: Triggers, topic: string): boolean {
  return triggers.some(({ trigger, phase }) => phase !== 'deleting' && topicMatcher(trigger.topics)(topic));
}

/**
 * Strongly, all of them: there are at most `triggerLimits.triggersMax`, but for those that were made at the same
 * moment.
 */
async function readTriggers(metadata: MetadataStore): Promise<Triggers> {
  const triggers: TriggerRecord[] = [];
  let from: string | undefined = '';
  while (from !== undefined) {
    const page: QueryPage = await metadata.query({
      pk: TRIGGER_DIRECTORY,
      ...(from !== '' && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    for (const { key, attributes } of page.items) triggers.push(decodeTrigger(key.sk, attributes));
    from = page.next;
  }
  return triggers;
}
