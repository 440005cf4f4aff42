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

/** Every second one of the last kind is of the members of a consumer group instead. */
const GROUPS_EVERY = 2 * KINDS.length;

/** Of replicated ledgers, in turn; transactions take longest. */
const AMONG_REPLICAS = ['none', 'sequenced', 'none', 'all'] as const;

/** Every second one before it is of triggers. */
const TRIGGERS_AT = KINDS.length - 1;

/** Of those of the log, every fourth one is of what becomes of its bytes later. */
const LIFECYCLE_EVERY = 4 * KINDS.length;
const LIFECYCLE_AT = LIFECYCLE_EVERY - 2;

export type HistoryKind = (typeof KINDS)[number] | 'groups' | 'triggers' | 'lifecycle';

export function kindOf(seed: number): HistoryKind {
  if (seed % GROUPS_EVERY === GROUPS_EVERY - 1) return 'groups';
  if (seed % GROUPS_EVERY === TRIGGERS_AT) return 'triggers';
  if (seed % LIFECYCLE_EVERY === LIFECYCLE_AT) return 'lifecycle';
  return KINDS[seed % KINDS.length] as HistoryKind;
}

/** So many seeds from `first` on: all, or those whose histories are of one kind. */
export function* seedsFrom(first: number, count: number, kind?: HistoryKind): Generator<number> {
  let left = count;
  for (let seed = first; left > 0; seed++) {
    if (kind !== undefined && kindOf(seed) !== kind) continue;
    left--;
    yield seed;
  }
}

/** Which producers a history has that are idempotent, or transactional as well. */
export function producersOf(seed: number): 'none' | 'sequenced' | 'all' {
  switch (kindOf(seed)) {
    case 'producers':
      return 'all';
    case 'replicas':
      return AMONG_REPLICAS[Math.floor(seed / KINDS.length) % AMONG_REPLICAS.length] ?? 'none';
    case 'log':
    case 'groups':
    case 'triggers':
    case 'lifecycle':
      return 'none';
  }
}
