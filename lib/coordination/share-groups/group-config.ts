/**
 * Configs of a share group (Kafka: the resource GROUP), as far as something here goes by them.
 *
 * Key: `group#<id>` / `config`; attributes: each config that was set, by its name, as text. It is no part of the group:
 * it may be set before there is one, and stays when that is deleted.
 */
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { shareGroupLimits as limits } from '../../kernel/limits/share-groups.ts';
import { groupKey } from '../groups/offsets-item.ts';
import type { AcquireLimits } from './acquire.ts';
import { durationMs } from './duration.ts';

export const GROUP_CONFIG_NAMES = [
  'share.auto.offset.reset',
  'share.delivery.count.limit',
  'share.heartbeat.interval.ms',
  'share.isolation.level',
  'share.partition.max.record.locks',
  'share.record.lock.duration.ms',
  'share.session.timeout.ms',
] as const;
export type GroupConfigName = (typeof GROUP_CONFIG_NAMES)[number];

/** As text, of those that were set. */
export type GroupConfigOverrides = Partial<Readonly<Record<GroupConfigName, string>>>;

export const GROUP_CONFIG_DEFAULTS: Readonly<Record<GroupConfigName, string>> = {
  'share.auto.offset.reset': 'latest',
  'share.delivery.count.limit': String(limits.shareDeliveriesDefault),
  'share.heartbeat.interval.ms': String(limits.shareHeartbeatMsDefault),
  // There are no uncommitted records in the log, so that both levels mean the same.
  'share.isolation.level': 'read_uncommitted',
  'share.partition.max.record.locks': String(limits.shareInFlightRecordsDefault),
  'share.record.lock.duration.ms': String(limits.shareLockMsDefault),
  'share.session.timeout.ms': String(limits.shareSessionTimeoutMsDefault),
};

/** Where a group begins with a partition that it has not read of before. */
export type ShareReset = { to: 'latest' } | { to: 'earliest' } | { to: 'ago'; ms: number };

export interface ShareGroupConfig {
  reset: ShareReset;
  heartbeatMs: number;
  lockMs: number;
  sessionTimeoutMs: number;
  limits: AcquireLimits;
}

export function isGroupConfigName(name: string): name is GroupConfigName {
  return (GROUP_CONFIG_NAMES as readonly string[]).includes(name);
}

export function shareGroupConfig(overrides: GroupConfigOverrides): ShareGroupConfig {
  const texts = { ...GROUP_CONFIG_DEFAULTS, ...overrides };
  return {
    reset: parseReset(texts['share.auto.offset.reset']) ?? { to: 'latest' },
    heartbeatMs: Number(texts['share.heartbeat.interval.ms']),
    lockMs: Number(texts['share.record.lock.duration.ms']),
    sessionTimeoutMs: Number(texts['share.session.timeout.ms']),
    limits: {
      deliveriesMax: Number(texts['share.delivery.count.limit']),
      inFlightMax: Number(texts['share.partition.max.record.locks']),
    },
  };
}

/** What is wrong with them, as a sentence; `undefined`: nothing. */
export function faultIn(overrides: GroupConfigOverrides): string | undefined {
  const texts = { ...GROUP_CONFIG_DEFAULTS, ...overrides };
  if (parseReset(texts['share.auto.offset.reset']) === undefined) {
    return 'share.auto.offset.reset is latest, earliest or by_duration: with a duration of ISO 8601';
  }
  if (!['read_uncommitted', 'read_committed'].includes(texts['share.isolation.level'])) {
    return 'share.isolation.level is read_uncommitted or read_committed';
  }
  const { shareHeartbeatMsMin, shareHeartbeatMsMax, shareLockMsMin, shareLockMsMax } = limits;
  const { shareSessionTimeoutMsMin, shareSessionTimeoutMsMax } = limits;
  const { shareDeliveriesMin, shareDeliveriesMax, shareInFlightRecordsMin, shareInFlightRecordsMax } = limits;
  return (
    outOfBounds(texts, 'share.delivery.count.limit', shareDeliveriesMin, shareDeliveriesMax) ??
    outOfBounds(texts, 'share.partition.max.record.locks', shareInFlightRecordsMin, shareInFlightRecordsMax) ??
    outOfBounds(texts, 'share.heartbeat.interval.ms', shareHeartbeatMsMin, shareHeartbeatMsMax) ??
    outOfBounds(texts, 'share.record.lock.duration.ms', shareLockMsMin, shareLockMsMax) ??
    outOfBounds(texts, 'share.session.timeout.ms', shareSessionTimeoutMsMin, shareSessionTimeoutMsMax)
  );
}

function outOfBounds(
  texts: Readonly<Record<GroupConfigName, string>>,
  name: GroupConfigName,
  min: number,
  max: number,
): string | undefined {
  const text = texts[name].trim();
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? undefined : `${name} is between ${min} and ${max}`;
}

const BY_DURATION = 'by_duration:';

function parseReset(text: string): ShareReset | undefined {
  const lower = text.trim().toLowerCase();
  if (lower === 'latest' || lower === 'earliest') return { to: lower };
  if (!lower.startsWith(BY_DURATION)) return undefined;
  const ms = durationMs(text.trim().slice(BY_DURATION.length));
  return ms === undefined ? undefined : { to: 'ago', ms };
}

export function groupConfigKey(group: string): ItemKey {
  return { pk: groupKey(group), sk: 'config' };
}

export function decodeGroupConfig(attributes: Attributes): GroupConfigOverrides {
  return Object.fromEntries(
    GROUP_CONFIG_NAMES.flatMap((name) => {
      const value = attributes[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}
