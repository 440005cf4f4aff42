/** Deletion of topics. */
export const deletionLimits = {
  /**
   * Attempts to take the head of a ledger that is still being appended to, for as long as others may have the topic in
   * memory.
   */
  graveAttemptsMax: 32,
  /** How long whoever deletes a topic goes on in the background with what it had; the maintenance does the rest. */
  deletionMsMax: 5_000,
  /** Ledgers of a deleted topic that are emptied at the same time. */
  ledgersEmptiedInFlightMax: 4,
  /** How long after it a deleted topic is looked through once more for what was on its way. */
  deletionGraceMs: 60 * 60 * 1_000,
} as const;
