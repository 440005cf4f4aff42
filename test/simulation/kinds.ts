/** What histories are of, in turn, by seed. */
const KINDS = [
  /** Idempotent and transactional producers. */
  'producers',
  /** Ledgers with several replicas. */
  'replicas',
  /** The log, and topics that come and go. */
  'log',
  'log',
] as const;

export type HistoryKind = (typeof KINDS)[number];

export function kindOf(seed: number): HistoryKind {
  return KINDS[seed % KINDS.length] as HistoryKind;
}
