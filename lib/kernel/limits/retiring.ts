/** Retiring pages, and what they name. */
export const retiringLimits = {
  /** Pages that one step retires, and deletes. */
  pagesRetiredPerStep: 64,
  /** Objects of which it is looked together whether any ledger needs them: more than a step mostly has. */
  orphansJudgedTogether: 1_024,
  /** Parts of objects that a process remembers for the next ledger that shares them, about 100 bytes each. */
  objectPartsRemembered: 100_000,
  /** Ledgers from which merged pages and condemned objects are cleared at the same time. */
  ledgersClearedInFlightMax: 4,
  /** Condemned items of a ledger that are read at once. */
  condemnedItemsPerStep: 16,
  /**
   * How often producers are gone through before their pages are retired, while some turn out to have moved or changed.
   */
  settlingRoundsMax: 4,
} as const;
