/** Maintenance. */
export const maintenanceLimits = {
  /** How often a process that stays up does it. */
  maintenanceIntervalMs: 10 * 60 * 1_000,
  /** Groups that are tidied at the same time, and pages of consumer instances that are looked through of each. */
  groupsTidiedInFlightMax: 8,
  instancePagesTidiedMax: 100,
} as const;
