/** Making the index of merged segments anew. */
export const restoreLimits = {
  /** Footers that are read at the same time. */
  restoreFootersInFlightMax: 16,
  /** Items of segments that are read at once. */
  restoreSegmentsPerQuery: 1_000,
} as const;
