/** Records that are given up go to the trigger's destination before the group's offset passes them. */
import type { FailedBatch, FailureDestinations, TriggerLog } from './ports.ts';
import type { Tally } from './tally.ts';

export interface GiveUpParts {
  destinations: FailureDestinations;
  log: TriggerLog;
  tally: Tally;
}

/** Whether the destination has them; true as well where there is none. Never rejects. */
export async function giveUp({ destinations, log, tally }: GiveUpParts, failed: FailedBatch): Promise<boolean> {
  const { trigger, topic, partition, records, condition, attempts, error, offsets } = failed;
  const facts = { trigger: trigger.name, topic, partition, ...offsets, condition, attempts, error };
  if (trigger.onFailure !== undefined) {
    try {
      await destinations.send(failed);
    } catch (fault) {
      tally.add({ destinationFailures: 1 });
      log.error('The destination did not take records that were given up', { ...facts, fault });
      return false;
    }
    tally.add({ destinationSends: 1 });
  }
  tally.add({ discarded: records.length });
  log.warn('Records were given up', facts);
  return true;
}
