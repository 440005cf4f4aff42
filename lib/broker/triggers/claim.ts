/**
 * Groups that are driven by a trigger. A claim is made while the group has no members, and then none may come: whoever
 * joins writes its member and looks for a claim, whoever claims writes the claim and looks for members, both by strong
 * reads, so that one of the two sees the other.
 */
import { claimKey, decodeClaim } from '../../coordination/triggers/trigger-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { findTrigger } from './find-trigger.ts';

/** The name of the trigger that drives the group; strongly read. */
export async function claimantOf(
  { metadata }: { metadata: MetadataStore },
  group: string,
): Promise<string | undefined> {
  const claim = await metadata.get(claimKey(group), 'strong');
  return claim && decodeClaim(claim);
}

/** Throws `INCONSISTENT_GROUP_PROTOCOL`. For whoever has just written a member, or would delete the group. */
export async function requireUnclaimed(broker: { metadata: MetadataStore }, group: string): Promise<void> {
  const trigger = await claimantOf(broker, group);
  if (trigger !== undefined) throw drivenBy(group, trigger);
}

/** Throws the same while the trigger is enabled. For commits and resets that are none of the dispatcher's. */
export async function requireResting(broker: Broker, group: string): Promise<void> {
  const trigger = await claimantOf(broker, group);
  if (trigger === undefined) return;
  const record = await findTrigger(broker, trigger);
  if (record === undefined || !record.trigger.enabled) return;
  const detail = `The group "${group}" is driven by the trigger "${trigger}": its offsets are set by a replay of the trigger, or while that is disabled.`;
  throw new MillraceError('INCONSISTENT_GROUP_PROTOCOL', detail);
}

export function drivenBy(group: string, trigger: string): MillraceError {
  const detail = `The group "${group}" is driven by the trigger "${trigger}", and by nobody else.`;
  return new MillraceError('INCONSISTENT_GROUP_PROTOCOL', detail);
}
