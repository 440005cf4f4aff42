/** Retention. */
export const retentionLimits = {
  /**
   * Pages of a ledger, and segments of a partition, that one look at it goes through in each direction; the next goes
   * on.
   */
  retentionPagesMax: 10_000,
  retentionSegmentsMax: 10_000,
  /** Items that the first query of such a walk asks for, and those after it. */
  retentionFirstItems: 4,
  retentionItemsPerQuery: 100,
  /** Ledgers that are looked at at the same time. */
  retainedLedgersInFlightMax: 8,
} as const;
