/** Waiting readers: the rate of reading a ledger's head, shared by all of a process. */
export const waitingLimits = {
  headPollMsMin: 100,
  headPollMsMax: 1_000,
  /** The wait before each further read while the ledger does not grow, of the one before. */
  headPollGrowthPercent: 150,
} as const;
