/** The ledger. */
export const ledgerLimits = {
  /** Tail entries that start a seal. */
  tailEntriesSeal: 8,
  /** Tail entries beyond which an append is refused until a seal. */
  tailEntriesMax: 64,
  /** Seals beyond its own that a commit id stays in the head: the K of the append condition `sealed ≤ seen + K`. */
  sealsRemembered: 4,
} as const;
