/**
 * Goes through all groups and removes what nobody needs any more: consumer instances that are over, committed offsets
 * that have expired, groups of which nothing is left.
 *
 * May overlap with itself and be interrupted anywhere. The item `tidying` / `progress` has in `from` the group with
 * which the next round is to begin, where the last one was told to stop; so that however little time a round has, every
 * group has its turn.
 */

import { MillraceError } from '../../kernel/errors.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { maintenanceLimits } from '../../kernel/limits/maintenance.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { clearOldInstances } from '../instances/clear-old-instances.ts';
import { expireGroup } from './expire-offsets.ts';
import { GROUP_DIRECTORY } from './group-directory.ts';

const PROGRESS: ItemKey = { pk: 'tidying', sk: 'progress' };

export interface TidyRequest {
  /** Default 7 days. */
  retentionMs?: number;
  /** Stops before the next groups. */
  signal?: AbortSignal;
}

export interface TidyReport {
  groups: number;
  /** Consumer instances that were removed. */
  instances: number;
  /** Items of offsets from which some were removed. */
  items: number;
  /** Groups that are gone. */
  dead: number;
  /** Groups that storage failed for; they have their turn in the next round. */
  failed: number;
}

export async function tidyGroups(
  broker: Broker,
  { retentionMs = groupLimits.offsetsRetentionMsDefault, signal }: TidyRequest = {},
): Promise<TidyReport> {
  const report: TidyReport = { groups: 0, instances: 0, items: 0, dead: 0, failed: 0 };
  const begun = await progress(broker);
  const stoppedAt = await tidyFrom(broker, begun ?? '', { retentionMs, signal, report });
  if (stoppedAt !== begun) await noteProgress(broker, stoppedAt);
  return report;
}

/** The group before which it was stopped; `undefined` where it came to the end. */
async function tidyFrom(
  broker: Broker,
  first: string,
  { retentionMs, signal, report }: { retentionMs: number; signal: AbortSignal | undefined; report: TidyReport },
): Promise<string | undefined> {
  let from: string | undefined = first;
  while (from !== undefined) {
    const page: QueryPage = await broker.metadata.query({
      pk: GROUP_DIRECTORY,
      ...(from !== '' && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    for (const groups of chunked(
      page.items.map(({ key }) => key.sk),
      maintenanceLimits.groupsTidiedInFlightMax,
    )) {
      if (signal?.aborted === true) return groups[0];
      await mapBounded(groups, maintenanceLimits.groupsTidiedInFlightMax, (group) =>
        tidy(broker, group, retentionMs, report),
      );
    }
    from = page.next;
  }
  return undefined;
}

async function tidy(broker: Broker, group: string, retentionMs: number, report: TidyReport): Promise<void> {
  report.groups++;
  try {
    const instances = await clearOldInstances(broker, group, { pagesMax: maintenanceLimits.instancePagesTidiedMax });
    report.instances += instances.removed;
    const expired = await expireGroup(broker, group, { retentionMs, inUse: instances.left > 0 });
    report.items += expired.items;
    if (expired.dead) report.dead++;
  } catch (error) {
    // One group must not keep those behind it from their turn.
    if (!(error instanceof MillraceError)) throw error;
    report.failed++;
    broker.log.warn('A group could not be tidied; the next round looks again', { group, error });
  }
}

async function progress({ metadata }: Broker): Promise<string | undefined> {
  const from = (await metadata.get(PROGRESS, 'strong'))?.['from'];
  return typeof from === 'string' ? from : undefined;
}

async function noteProgress({ metadata }: Broker, from: string | undefined): Promise<void> {
  await metadata.write([
    from === undefined ? { kind: 'delete', key: PROGRESS } : { kind: 'put', key: PROGRESS, attributes: { from } },
  ]);
}
